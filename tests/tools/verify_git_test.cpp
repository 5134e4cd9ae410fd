// Goal:    verify-git can fail: each way in which a store can differ from git is found and named; and prove-git finds
//          every acknowledged commit after kills; a signal stops both with one line and no page.
// Method:  the first commits are imported, then the next one is forged: its right batch with one thing changed. The
//          unchanged forgery must pass, so that nothing but the change is what is found.
#include <gtest/gtest.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <tools/git/commit_reader.h>
#include <tools/git/commit_records.h>
#include <tools/git/import_git.h>
#include <tools/git/verify_git.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>

#include <support/run_tool.h>
#include "git_fixture.h"

namespace zverse::test {
namespace {

/// What a commit writes: values, and nothing for tombstones.
using Records = std::map<std::string, std::optional<std::string>>;

class VerifyGitTest : public ::testing::Test {
protected:
    static constexpr std::size_t kForged = 2;

    void SetUp() override {
        repository_.commit({{"a", 0100644, "1"}, {"b", 0100644, "1"}, {"old", 0100644, "1"}});
        repository_.commit({{"a", 0100644, "2"}, {"new", 0100644, "1"}});
        repository_.commit({{"a", 0100644, "3"}, {"dir/c", 0100644, "1"}, {"old", kRemoved, {}}});  // forged
        repository_.commit({{"a", 0100644, "4"}, {"dir/c", 0100644, "2"}, {"old", 0100644, "2"}});
        repository_.write();
        line_ = must(tools::requested_line(git(), "HEAD", 0));
    }

    [[nodiscard]] tools::GitRepository git() const { return must(tools::GitRepository::open(repository_.path())); }
    [[nodiscard]] Store open() const { return must(Store::open(directory_ / "store", small_options())); }

    void import(std::uint64_t limit) const {
        tools::ImportRequest request;
        request.setup.store = directory_ / "store";
        request.setup.granularity = "cache_line";
        request.setup.rings = {.shards = 1, .ring_bytes = std::uint64_t{1} << 20};
        request.repository = repository_.path();
        request.limit = limit;
        request.progress = tools::Progress::Style::none;
        must(tools::import_git(request));
    }

    [[nodiscard]] Records right_records(std::size_t ordinal) const {
        auto reader = must(tools::CommitReader::start(git(), line_, ordinal, tools::BlobReader::Wants::contents));
        tools::CommitChanges commit;
        EXPECT_TRUE(must(reader.next(commit)));
        Records records{{tools::commit_key(ordinal), tools::commit_value(line_[ordinal])}};
        for (const tools::Change& change : commit.changes) {
            std::string content;
            if (!change.erased()) must(reader.blob(content));
            records[change.path] = change.erased() ? std::nullopt : std::optional(content);
        }
        return records;
    }

    static void write(Store& store, const Records& records) {
        WriteBatch batch;
        for (const auto& [key, value] : records) value ? batch.put(key, *value) : batch.erase(key);
        must(store.write(batch));
    }

    /// Imports all but the forged commit, which is written as `forge` leaves it, and verifies.
    Result<tools::VerifyReport> verify_forged(const std::function<void(Records&)>& forge, bool rest = true) const {
        import(kForged);
        {
            Store store = open();
            Records records = right_records(kForged);
            forge(records);
            write(store, records);
            must(store.close());
        }
        if (rest) import(0);
        const Store store = open();
        return tools::verify_git(store, git(), {.samples = 0, .seed = 1}, tools::Progress::Style::none);
    }

    void expect_found(const std::function<void(Records&)>& forge, const std::string& named) const {
        const auto report = must(verify_forged(forge));
        EXPECT_GT(report.differences, 0u);
        std::string all;
        for (const std::string& difference : report.first_differences) all += difference + "\n";
        EXPECT_NE(all.find(named), std::string::npos) << all;
    }

    TempDirectory directory_;
    GitFixture repository_{directory_ / "repository"};
    std::vector<tools::Commit> line_;
};

TEST_F(VerifyGitTest, AnHonestForgeryPasses) {
    const auto report = must(verify_forged([](Records&) {}));
    EXPECT_EQ(report.differences, 0u) << ::testing::PrintToString(report.first_differences);
    EXPECT_EQ(report.commits, 4u);
    EXPECT_EQ(report.histories, 5u);
    EXPECT_EQ(report.diffs, 3u);
}

TEST_F(VerifyGitTest, FindsAWrongValue) {
    expect_found([](Records& records) { records["a"] = "33"; }, "scan has other contents for a");
}
TEST_F(VerifyGitTest, FindsAWrongValueInTheIndexToo) {
    expect_found([](Records& records) { records["a"] = "33"; }, "multi_get has other contents for a");
}
TEST_F(VerifyGitTest, FindsAWrongValueInChanges) {
    expect_found([](Records& records) { records["dir/c"] = ""; }, "other contents for dir/c");
}
TEST_F(VerifyGitTest, FindsAMissingRecord) {
    expect_found([](Records& records) { records.erase("dir/c"); }, "scan lacks dir/c");
}
TEST_F(VerifyGitTest, FindsAMissingRecordInHistory) {
    expect_found([](Records& records) { records.erase("a"); }, "history of a");
}
TEST_F(VerifyGitTest, FindsAMissingTombstone) {
    expect_found([](Records& records) { records.erase("old"); }, "the store has old, the tree has not");
}
TEST_F(VerifyGitTest, FindsAValueInPlaceOfATombstone) {
    expect_found([](Records& records) { records["old"] = "1"; }, "old is no tombstone");
}
TEST_F(VerifyGitTest, FindsATombstoneInPlaceOfAValue) {
    expect_found([](Records& records) { records["dir/c"] = std::nullopt; }, "dir/c is a tombstone");
}
TEST_F(VerifyGitTest, FindsAnExtraKey) {
    expect_found([](Records& records) { records["extra"] = "1"; }, "the store has extra, the tree has not");
}
TEST_F(VerifyGitTest, FindsARecordThatChangesNothing) {
    // The tree is right, and so are both ends; only changes() and history() can tell.
    expect_found([](Records& records) { records["b"] = "1"; }, "a record of b that git has not");
}
TEST_F(VerifyGitTest, FindsAnEraseOfAnAbsentKey) {
    expect_found([](Records& records) { records["never"] = std::nullopt; }, "a record of never that git has not");
}
TEST_F(VerifyGitTest, FindsAnotherCommitsName) {
    const std::string wrong = line_[0].id;
    expect_error(verify_forged([&](Records& records) { records[tools::commit_key(kForged)] = wrong + " x"; }, false),
                 ErrorCode::invalid_argument, "3 commits, but the history has 1");
}
TEST_F(VerifyGitTest, FindsAMissingCommitRecord) {
    expect_error(verify_forged(
                     [](Records& records) {
                         records[tools::commit_key(kForged + 1)] = records[tools::commit_key(kForged)];
                         records.erase(tools::commit_key(kForged));
                     },
                     false),
                 ErrorCode::corrupt, "commit 2");
}

TEST_F(VerifyGitTest, FindsWritesBetweenAndAfterCommits) {
    import(1);
    {
        Store store = open();
        must(store.put("b", "1"));
        must(store.close());
    }
    import(0);
    Store store = open();
    must(store.put("late", "1"));
    const auto report = must(tools::verify_git(store, git(), {.samples = 0, .seed = 1}, tools::Progress::Style::none));
    const std::string all = ::testing::PrintToString(report.first_differences);
    EXPECT_NE(all.find("a record of b that git has not"), std::string::npos) << all;
    EXPECT_NE(all.find("a record of late that git has not"), std::string::npos) << all;
    EXPECT_NE(all.find("which is no commit"), std::string::npos) << all;
}

TEST_F(VerifyGitTest, TheProgramExitsWithOneWhenTheStoreDiffers) {
    must(verify_forged([](Records& records) { records["a"] = "33"; }));
    const ProgramRun run = run_tool({"verify-git", (directory_ / "store").string(), repository_.path().string()});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.output.find("DIFFERENCE"), std::string::npos) << run.output;
}

// Each durability class, each granularity: kill, recover, resume, verify.
class ProveGitTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(ProveGitTest, NoAcknowledgedCommitIsLostOverSixKills) {
    const auto [durability, granularity] = GetParam();
    const SeedScope seed;
    Random random(seed.seed());
    const TempDirectory directory;
    GitFixture repository(directory / "repository");
    add_random_history(repository, random, 300);
    repository.write();
    const ProgramRun run =
        run_tool({"prove-git", (directory / "store").string(), repository.path().string(), "--json", "--kills", "6",
                  "--durability", durability, "--granularity", granularity, "--seed", std::to_string(seed.seed())});
    ASSERT_EQ(run.status, 0) << run.errors << run.output;
    const auto report = nlohmann::json::parse(run.output);
    EXPECT_EQ(report["lost"], 0);
    EXPECT_EQ(report["verify"]["differences"], 0);
    EXPECT_GE(report["verify"]["commits"], 300);
    std::uint64_t acknowledged = 0;
    int killed = 0;
    for (const auto& kill : report["kills"]) {
        acknowledged += kill["acknowledged"].get<std::uint64_t>();
        killed += kill["killed"].get<bool>() ? 1 : 0;
        EXPECT_LE(kill["unacknowledged"], 1) << "one writer has at most one write in flight";
    }
    EXPECT_EQ(killed, 6) << "a writer that ended by itself proves too little";
    EXPECT_GT(acknowledged, 100u);
}

INSTANTIATE_TEST_SUITE_P(Classes, ProveGitTest,
                         ::testing::Values(std::pair{"power", "cache_line"}, std::pair{"power", "byte"},
                                           std::pair{"power", "page"}, std::pair{"process", "cache_line"}),
                         [](const auto& param) { return std::string(param.param.first) + "_" + param.param.second; });

/// A repository of 20 commits, and a `git` before the real one that runs a shell command whenever its arguments hold a
/// word: signals that arrive at a known step.
class StopTest : public ::testing::Test {
protected:
    void SetUp() override {
        for (int i = 0; i < 20; ++i) repository_.commit({{"file", 0100644, std::to_string(i)}});
        repository_.write();
    }

    [[nodiscard]] ProgramRun run(const std::string& subcommand, const std::string& word, const std::string& command) {
        const std::filesystem::path folder = directory_ / "bin";
        std::filesystem::create_directory(folder);
        std::string git = run_program({"sh", "-c", "command -v git"});
        git.pop_back();
        std::ofstream(folder / "git") << "#!/bin/sh\ncase \"$*\" in *'" << word << "'*) " << command
                                      << " ;; esac\nexec " << git << " \"$@\"\n";
        std::filesystem::permissions(folder / "git", std::filesystem::perms::owner_all);
        return run_and_wait({"env", "PATH=" + folder.string() + ":" + std::getenv("PATH"), std::getenv("ZVERSE_TOOL"),
                             subcommand, store(), repository_.path().string()});
    }
    static void expect_stopped(const ProgramRun& run, const std::string& subcommand) {
        EXPECT_EQ(run.status, 32);
        EXPECT_EQ(run.output, "") << "a page of a job that was stopped";
        EXPECT_EQ(run.errors, "zverse " + subcommand + ": stopped\n");
    }
    [[nodiscard]] std::string store() const { return (directory_ / "store").string(); }

    TempDirectory directory_;
    GitFixture repository_{directory_ / "repository"};
};

TEST_F(StopTest, ProveStopsWithItsChildAtItsOwnStepsAndWithGit) {
    const std::pair<const char*, const char*> moments[] = {
        {"batch-check", "kill -INT $PPID"},  // the child, sizing
        {"ls-tree", "kill -INT $PPID"},      // itself, examining what the killed writer left
        {" log ", "kill -TERM $PPID"},       // itself, comparing
        {"diff --raw", "kill -INT $$"},      // git alone
        {"rev-parse", "kill -INT $$"},       // git alone, whose failure would mean something else
    };
    for (const auto& [word, command] : moments) {
        SCOPED_TRACE(word);
        expect_stopped(run("prove-git", word, command), "prove-git");
        std::filesystem::remove_all(store());
    }
}

TEST_F(StopTest, VerifyStopsAndTellsNoDifferences) {
    ASSERT_EQ(run_tool({"import-git", store(), repository_.path().string()}).status, 0);
    for (const char* word : {"ls-tree", "cat-file", " log ", "diff --raw"}) {
        SCOPED_TRACE(word);
        expect_stopped(run("verify-git", word, "kill -INT $PPID"), "verify-git");
        expect_stopped(run("verify-git", word, "kill -INT $$"), "verify-git");
        // As timeout(1) does: to the process, then to its group.
        expect_stopped(run("verify-git", word, "kill -INT $PPID; sleep 0.01; kill -INT $PPID"), "verify-git");
    }
    EXPECT_EQ(run_tool({"verify-git", store(), repository_.path().string()}).status, 0);
}

TEST_F(StopTest, ProveQuietSaysNothingAndAStoreInUseIsRefused) {
    const std::string repository = repository_.path().string();
    const ProgramRun proved = run_tool({"prove-git", store(), repository, "--quiet"});
    EXPECT_EQ(proved.status, 0);
    EXPECT_EQ(proved.output + proved.errors, "");

    const ProgramRun again = run_tool({"prove-git", store(), repository});
    EXPECT_EQ(again.status, 8);
    EXPECT_EQ(again.output, "");
    EXPECT_TRUE(again.errors.starts_with("zverse prove-git: exists: ")) << again.errors;
}

TEST_F(StopTest, WithoutAKillNothingIsSaidToBeProvedAboutCrashes) {
    const ProgramRun run = run_tool({"prove-git", store(), repository_.path().string(), "--kills", "0"});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.output.find("NOTHING WAS PROVED ABOUT CRASHES"), std::string::npos) << run.output;
    EXPECT_EQ(run.output.find("No acknowledged commit was lost"), std::string::npos) << run.output;
}

TEST_F(StopTest, AChildThatFailsGivesTheOnlyReason) {
    const ProgramRun run = run_tool({"prove-git", store(), repository_.path().string(), "--ring-bytes", "1000"});
    EXPECT_EQ(run.status, 8);
    EXPECT_TRUE(run.errors.starts_with("zverse import-git: invalid_argument: ")) << run.errors;
    EXPECT_EQ(std::ranges::count(run.errors, '\n'), 1) << run.errors;
}

}  // namespace
}  // namespace zverse::test
