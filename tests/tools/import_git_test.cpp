// Goal:    what import-git writes is exactly git's first-parent history, it can be continued after any end, and what
//          can't be imported is refused before anything is written, with advice that works.
// Method:  repositories written by git fast-import, imported in process, read back through the public interface; the
//          command line through the program itself.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <tools/git/commit_records.h>
#include <tools/git/import_git.h>
#include <tools/git/verify_git.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <regex>

#include <support/run_tool.h>
#include "git_fixture.h"

namespace zverse::test {
namespace {

using tools::GitRepository;
using tools::ImportReport;
using tools::ImportRequest;

class ImportGitTest : public ::testing::Test {
protected:
    [[nodiscard]] ImportRequest request() const {
        ImportRequest request;
        request.setup.store = store_path();
        request.setup.granularity = "cache_line";
        request.repository = repository_.path();
        request.progress = tools::Progress::Style::none;
        return request;
    }
    [[nodiscard]] std::filesystem::path store_path() const { return directory_ / "store"; }
    [[nodiscard]] Store open() const {
        Options options;
        options.create_if_missing = false;
        options.read_only = true;
        return must(Store::open(store_path(), options));
    }
    void expect_equal_to_git() const {
        const Store store = open();
        const auto report = must(tools::verify_git(store, must(GitRepository::open(repository_.path())),
                                                   {.samples = 0, .seed = 1}, tools::Progress::Style::none));
        EXPECT_EQ(report.differences, 0u) << ::testing::PrintToString(report.first_differences);
        EXPECT_EQ(report.trees, report.commits);
    }

    TempDirectory directory_;
    GitFixture repository_{directory_ / "repository"};
};

TEST_F(ImportGitTest, EveryKindOfChangeBecomesTheRecordItShould) {
    repository_.commit({{"kept", 0100644, "1"}, {"gone", 0100644, "x"}, {"link", kSymlink, "kept"}}, 0, "first");
    repository_.commit({{"gone", kRemoved, {}}, {"kept", kExecutable, "1"}}, 0, "second");
    repository_.commit({}, 0, "empty");
    repository_.commit({{"sub", kSubmodule, std::string(40, 'a')}, {"kept", kSubmodule, std::string(40, 'b')}});
    const int side = repository_.side_commit(repository_.newest(), {{"side", 0100644, "s"}});
    repository_.commit({{"side", 0100644, "s"}, {"merge", 0100644, std::string("\0\n", 2)}}, side, "merge");
    repository_.write();

    const ImportReport report = must(tools::import_git(request()));
    EXPECT_EQ(report.commits, 5u);
    EXPECT_EQ(report.puts, 6u);
    EXPECT_EQ(report.erases, 2u);
    EXPECT_EQ(report.submodules, 2u);

    const Store store = open();
    const auto commits = must(tools::read_commits(store));
    ASSERT_EQ(commits.size(), 5u);
    EXPECT_EQ(must(store.get("link", commits[0].version)), "kept");
    EXPECT_EQ(must(store.get("gone", commits[0].version)), "x");
    EXPECT_EQ(must(store.get("gone", commits[1].version)), std::nullopt);
    EXPECT_EQ(must(store.get("kept", commits[2].version)), "1");
    EXPECT_EQ(must(store.get("kept", commits[3].version)), std::nullopt) << "a file that became a submodule";
    EXPECT_EQ(must(store.get("sub", commits[3].version)), std::nullopt);
    EXPECT_EQ(must(store.get("merge")), std::string("\0\n", 2));

    const auto value = must(store.get(tools::commit_key(1)));
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(*value, commits[1].id + " second");
    expect_equal_to_git();
}

TEST_F(ImportGitTest, RandomHistoriesEqualGit) {
    const SeedScope seed;
    Random random(seed.seed());
    add_random_history(repository_, random, 60);
    repository_.write();
    const ImportReport report = must(tools::import_git(request()));
    EXPECT_GE(report.commits, 60u);
    EXPECT_GT(report.puts, 0u);
    EXPECT_GT(report.erases, 0u);
    EXPECT_GT(report.submodules, 0u);
    expect_equal_to_git();
}

TEST_F(ImportGitTest, OneCommitIsAHistory) {
    repository_.commit({{"a", 0100644, "1"}});
    repository_.write();
    EXPECT_EQ(must(tools::import_git(request())).commits, 1u);
    expect_equal_to_git();
}

TEST_F(ImportGitTest, AFolderOfAWorkTreeMeansItsWholeRepository) {
    repository_.commit({{"folder/file", 0100644, "1"}, {"beside", 0100644, "1"}});
    repository_.commit({{"folder/file", 0100644, "2"}, {"beside", 0100644, "2"}});
    repository_.write();
    const std::filesystem::path clone = directory_ / "clone";
    run_program({"git", "clone", "--quiet", repository_.path().string(), clone.string()});
    for (const std::filesystem::path& place : {clone / "folder", clone, clone / ".git"}) {
        SCOPED_TRACE(place);
        ImportRequest inside = request();
        inside.setup.store = directory_ / "inside";
        inside.repository = place;
        EXPECT_EQ(must(tools::import_git(inside)).commits, 2u);
        const ProgramRun verified = run_tool({"verify-git", inside.setup.store.string(), place.string()});
        EXPECT_EQ(verified.status, 0) << verified.output << verified.errors;
        std::filesystem::remove_all(inside.setup.store);
    }
}

TEST_F(ImportGitTest, AShallowCloneBeginsAtItsBoundary) {
    const SeedScope seed;
    Random random(seed.seed());
    add_random_history(repository_, random, 20);
    repository_.write();
    const std::filesystem::path clone = directory_ / "shallow";
    run_program(
        {"git", "clone", "--quiet", "--bare", "--depth=5", "file://" + repository_.path().string(), clone.string()});
    ImportRequest shallow = request();
    shallow.repository = clone;
    EXPECT_EQ(must(tools::import_git(shallow)).commits, 5u);
    const Store store = open();
    const auto report = must(tools::verify_git(store, must(GitRepository::open(clone)), {.samples = 0, .seed = 1},
                                               tools::Progress::Style::none));
    EXPECT_EQ(report.differences, 0u) << ::testing::PrintToString(report.first_differences);
}

TEST_F(ImportGitTest, ContinuesAfterALimitAndAfterTheRepositoryGrew) {
    const SeedScope seed;
    Random random(seed.seed());
    add_random_history(repository_, random, 30);
    repository_.write();
    ImportRequest part = request();
    part.limit = 7;
    part.setup.rings = {.shards = 2, .ring_bytes = std::uint64_t{8} << 20};
    EXPECT_EQ(must(tools::import_git(part)).commits, 7u);
    expect_equal_to_git();

    const ImportReport rest = must(tools::import_git(request()));
    EXPECT_EQ(rest.commits_before, 7u);
    EXPECT_GE(rest.commits, 23u);
    expect_equal_to_git();

    const ImportReport nothing = must(tools::import_git(request()));
    EXPECT_EQ(nothing.commits, 0u);
    EXPECT_EQ(nothing.commits_before, rest.commits_before + rest.commits);
    expect_equal_to_git();
}

TEST_F(ImportGitTest, AcknowledgesEachCommitWithItsVersion) {
    const SeedScope seed;
    Random random(seed.seed());
    add_random_history(repository_, random, 12);
    repository_.write();
    const std::filesystem::path file = directory_ / "acknowledged";
    ImportRequest told = request();
    told.ack_fd = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_GE(told.ack_fd, 0);
    must(tools::import_git(told));
    ::close(told.ack_fd);

    std::ifstream lines(file);
    const Store store = open();
    for (const tools::ImportedCommit& commit : must(tools::read_commits(store))) {
        std::string id;
        Version version = 0;
        ASSERT_TRUE(lines >> id >> version);
        EXPECT_EQ(id, commit.id);
        EXPECT_EQ(version, commit.version);
    }
    std::string more;
    EXPECT_FALSE(lines >> more);

    told.ack_fd = 999;
    expect_error(tools::import_git(told), ErrorCode::invalid_argument, "999");
}

/// The size a refusal asks for.
std::uint64_t advised_ring_bytes(const Error& error) {
    std::smatch match;
    const std::string& message = error.message();
    return std::regex_search(message, match, std::regex("--ring-bytes ([0-9]+)")) ? std::stoull(match[1]) : 0;
}

TEST_F(ImportGitTest, ACommitBeyondAQuarterOfARingIsRefusedAndTheAdviceWorks) {
    repository_.commit({{"small", 0100644, "1"}});
    repository_.commit({{"b\ng", 0100644, std::string(300'000, 'b')}});
    repository_.write();
    ImportRequest tight = request();
    tight.setup.rings.ring_bytes = std::uint64_t{1} << 20;
    const auto refused = tools::import_git(tight);
    expect_error(refused, ErrorCode::invalid_argument, "b\\x0ag");
    EXPECT_FALSE(std::filesystem::exists(store_path())) << "refused after something was written";

    tight.setup.rings.ring_bytes = advised_ring_bytes(refused.error());
    EXPECT_EQ(tight.setup.rings.ring_bytes, std::uint64_t{2} << 20);
    must(tools::import_git(tight));
    expect_equal_to_git();
}

TEST_F(ImportGitTest, AHistoryLargerThanTheRingsSettlesAndIsContinued) {
    for (int i = 0; i < 60; ++i) {
        repository_.commit({{"file", 0100644, std::string(100'000, static_cast<char>(i))},
                            {"file" + std::to_string(i), 0100644, std::string(20'000, 'x')}});
    }
    repository_.write();
    ImportRequest small = request();
    small.setup.rings = {.shards = 1, .ring_bytes = std::uint64_t{1} << 20};
    small.limit = 25;
    const auto part = must(tools::import_git(small));
    EXPECT_GT(part.content_bytes, 2 * small.setup.rings.ring_bytes);
    EXPECT_GE(part.use.flushes, 2U);
    EXPECT_GE(part.use.segments, 1U);
    EXPECT_FALSE(part.use.levels.empty());
    EXPECT_GT(part.use.write_amplification(), 0.5);
    small.limit = 0;
    must(tools::import_git(small));
    expect_equal_to_git();
}

TEST_F(ImportGitTest, AnotherHistoryIsRefused) {
    repository_.commit({{"a", 0100644, "1"}});
    repository_.write();
    must(tools::import_git(request()));
    GitFixture other(directory_ / "other");
    other.commit({{"a", 0100644, "2"}});
    other.write();
    ImportRequest foreign = request();
    foreign.repository = other.path();
    expect_error(tools::import_git(foreign), ErrorCode::invalid_argument, "another history");
    expect_equal_to_git();
}

TEST_F(ImportGitTest, AStoreWithOtherDataIsRefused) {
    repository_.commit({{"a", 0100644, "1"}});
    repository_.write();
    {
        Store store = must(Store::open(store_path(), small_options()));
        must(store.put("mine", "1"));
        must(store.erase("mine"));  // no live key is left, but its history is
        must(store.close());
    }
    expect_error(tools::import_git(request()), ErrorCode::invalid_argument, "did not write");
}

TEST_F(ImportGitTest, WhatIsNoRepositoryOrNoCommitIsSaidByName) {
    expect_error(tools::import_git(request()), ErrorCode::io, "status 128 while looking for a repository");
    repository_.commit({{"a", 0100644, "1"}});
    repository_.write();
    ImportRequest unknown = request();
    unknown.revision = "no-such-branch";
    expect_error(tools::import_git(unknown), ErrorCode::invalid_argument, "no-such-branch");
    EXPECT_FALSE(std::filesystem::exists(store_path()));
}

TEST_F(ImportGitTest, TheEnvironmentOfAGitHookDoesNotLeadAstray) {
    repository_.commit({{"a", 0100644, "1"}});
    repository_.write();
    GitFixture hook(directory_ / "hook");
    hook.commit({{"wrong", 0100644, "1"}});
    hook.write();
    ::setenv("GIT_DIR", hook.path().c_str(), 1);
    ::setenv("GIT_WORK_TREE", hook.path().c_str(), 1);
    must(tools::import_git(request()));
    ::unsetenv("GIT_DIR");
    ::unsetenv("GIT_WORK_TREE");
    EXPECT_EQ(must(open().get("a")), "1");
}

TEST_F(ImportGitTest, ASignalStopsItAfterAWholeCommitAndTheSameCommandContinues) {
    const SeedScope seed;
    Random random(seed.seed());
    add_random_history(repository_, random, 30);
    repository_.write();
    std::array<int, 2> held{};   // its standard input, kept open
    std::array<int, 2> told{};   // its acknowledgements
    ASSERT_EQ(::pipe2(held.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(told.data(), O_CLOEXEC), 0);
    const int pid = start_tool({"import-git", store_path().string(), repository_.path().string(), "--quiet",
                                "--granularity", "cache_line", "--hold-after", "5", "--ack-fd", "3"},
                               held[0], told[1]);
    ::close(told[1]);
    std::array<char, 4096> buffer{};
    std::string acknowledged;
    while (std::ranges::count(acknowledged, '\n') < 5) {
        const ssize_t got = ::read(told[0], buffer.data(), buffer.size());
        ASSERT_GT(got, 0);
        acknowledged.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ::kill(pid, SIGTERM);
    EXPECT_EQ(wait_for(pid), 32);
    for (const int fd : {held[0], held[1], told[0]}) ::close(fd);

    EXPECT_EQ(must(tools::read_commits(open())).size(), 5u);
    expect_equal_to_git();
    EXPECT_EQ(must(tools::import_git(request())).commits_before, 5u);
    expect_equal_to_git();
}

TEST_F(ImportGitTest, TheProgramTellsItsExitStatus) {
    repository_.commit({{"a", 0100644, "1"}});
    repository_.write();
    const std::string store = store_path().string();
    const std::string repository = repository_.path().string();
    EXPECT_EQ(run_tool({}).status, 16);
    const ProgramRun unknown = run_tool({"nonsense", store});
    EXPECT_EQ(unknown.status, 16);
    EXPECT_NE(unknown.errors.find("there is no command nonsense"), std::string::npos) << unknown.errors;
    EXPECT_EQ(run_tool({"import-git", store}).status, 16);
    EXPECT_EQ(run_tool({"import-git", store, repository, "--durability", "maybe"}).status, 16);
    EXPECT_EQ(run_tool({"--help"}).status, 0);
    EXPECT_TRUE(run_tool({"--version"}).output.starts_with("zverse "));

    const ProgramRun missing = run_tool({"verify-git", store, repository});
    EXPECT_EQ(missing.status, 8);
    EXPECT_NE(missing.errors.find("not_found"), std::string::npos) << missing.errors;

    const ProgramRun imported = run_tool({"import-git", store, repository, "--json", "--granularity", "cache_line"});
    EXPECT_EQ(imported.status, 0) << imported.errors;
    EXPECT_EQ(imported.errors, "");
    EXPECT_NE(imported.output.find("\"schema\": \"zverse.import-git/1\""), std::string::npos) << imported.output;
    EXPECT_EQ(run_tool({"verify-git", store, repository}).status, 0);

    const ProgramRun info = run_tool({"info", store});
    EXPECT_EQ(info.status, 0) << info.errors;
    EXPECT_NE(info.output.find("capability"), std::string::npos) << info.output;
    EXPECT_NE(run_tool({"info", store, "--json"}).output.find("zverse.stats/1"), std::string::npos);
}

}  // namespace
}  // namespace zverse::test
