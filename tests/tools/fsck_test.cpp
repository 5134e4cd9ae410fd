// Goal:    zverse-fsck ends with the status and the sentence that docs/tools.md promises, changes no byte unless told
//          to, and is usable from scripts: JSON, progress lines, a closed or full standard output, Ctrl-C.
// Method:  the program itself over small stores, good, damaged, killed, held and absent.
#include <support/file_tree.h>
#include <support/results.h>
#include <support/run_tool.h>
#include <support/temp_store.h>

#include <cold/layout.h>
#include <engine/store_access.h>
#include <tools/common/exit_status.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using tools::kExitCancelled;
using tools::kExitCorrected;
using tools::kExitDamaged;
using tools::kExitDone;
using tools::kExitFailed;
using tools::kExitUsage;

class FsckTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_NE(std::getenv("ZVERSE_FSCK"), nullptr) << "run this test through meson"; }
    FsckTest() {
        Store store = must(Store::open(path, options));
        for (int i = 0; i < 100; ++i) must(store.put("key" + std::to_string(i), std::string(200, 'v')));
        must(store.flush());
        must(store.put("in the ring", "value"));
        must(store.close());
    }
    [[nodiscard]] ProgramRun fsck(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), std::getenv("ZVERSE_FSCK"));
        return run_and_wait(arguments);
    }
    [[nodiscard]] fs::path first(const std::string& folder, const std::string& part) const {
        for (const fs::directory_entry& entry : fs::directory_iterator(path / folder)) {
            if (entry.path().filename().string().find(part) != std::string::npos) return entry.path();
        }
        return {};
    }
    void damage_a_block() const { flip_bit(first("cold", ".zseg"), (4096 + 100) * 8); }
    void damage_a_copy() const { flip_bit(path / "SUPERBLOCK", 1000); }
    static bool says(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

    TempDirectory directory;
    fs::path path = directory / "store";
    Options options = small_options();
};

TEST_F(FsckTest, AGoodStoreIsCleanAndNotTouched) {
    const FileTree before = read_tree(path);
    const ProgramRun run = fsck({"--level", "full", path.string()});
    EXPECT_EQ(run.status, kExitDone) << run.errors;
    EXPECT_TRUE(says(run.output, "Pass 1: superblock\nPass 2: rings\n")) << run.output;
    EXPECT_TRUE(run.output.ends_with("No damage.\n")) << run.output;
    EXPECT_EQ(run.errors, "");
    EXPECT_EQ(difference(before, read_tree(path)), "");
    EXPECT_EQ(fsck({"-q", path.string()}).output, "");
}

TEST_F(FsckTest, DamageIsNamedInTextAndInJson) {
    damage_a_block();
    const FileTree before = read_tree(path);
    const ProgramRun text = fsck({path.string()});
    EXPECT_EQ(text.status, kExitDamaged);
    EXPECT_TRUE(says(text.output, "ZV-SEG-014, data")) << text.output;
    EXPECT_TRUE(says(text.output, "offset 4096")) << text.output;
    EXPECT_TRUE(says(text.output, "zverse-recover")) << text.output;
    EXPECT_TRUE(says(text.output, "keys key0 to key99")) << text.output;
    EXPECT_FALSE(says(fsck({"--redact", path.string()}).output, "key99"));

    const json report = json::parse(fsck({"--json", path.string()}).output);
    EXPECT_EQ(report.at("schema"), "zverse.fsck/1");
    EXPECT_EQ(report.at("result"), "errors");
    EXPECT_EQ(report.at("exit"), kExitDamaged);
    EXPECT_EQ(report.at("error_count"), 1);
    const json& error = report.at("errors").at(0);
    EXPECT_EQ(error.at("code"), "ZV-SEG-014");
    EXPECT_EQ(error.at("severity"), "data");
    EXPECT_EQ(error.at("offset"), 4096);
    EXPECT_TRUE(error.at("file").get<std::string>().starts_with("cold/"));
    EXPECT_EQ(error.at("affects").at("key_range"), json::array({"key0", "key99"}));

    EXPECT_EQ(fsck({"--level", "quick", path.string()}).status, kExitDone) << "blocks are not of level quick";
    EXPECT_EQ(fsck({"-p", "-f", path.string()}).status, kExitDamaged);
    EXPECT_EQ(difference(before, read_tree(path)), "") << "-p touches nothing where data is damaged";
}

TEST_F(FsckTest, PreenMendsCopiesAndRecoversWhatAKillLeft) {
    damage_a_copy();
    EXPECT_EQ(fsck({path.string()}).status, kExitDamaged);
    const ProgramRun mended = fsck({"-p", path.string()});
    EXPECT_EQ(mended.status, kExitCorrected) << mended.output << mended.errors;
    EXPECT_TRUE(says(mended.output, "mended: SUPERBLOCK: offset 0:")) << mended.output;
    EXPECT_EQ(fsck({path.string()}).status, kExitDone);

    Store store = must(Store::open(path, options));
    must(store.put("unsettled", "value"));
    engine::StoreAccess::abandon(store);
    const json before = json::parse(fsck({"--json", path.string()}).output);
    EXPECT_EQ(before.at("exit"), kExitDone) << "a crash is no damage";
    EXPECT_TRUE(before.at("needs_recovery").get<bool>());
    const json after = json::parse(fsck({"-p", "--json", path.string()}).output);
    EXPECT_EQ(after.at("exit"), kExitDone);
    EXPECT_FALSE(after.at("needs_recovery").get<bool>());
    EXPECT_TRUE(after.at("clean_shutdown").get<bool>());
    Store again = must(Store::open(path, options));
    EXPECT_EQ(must(again.get("unsettled")), "value");
}

TEST_F(FsckTest, AtBootACleanStoreIsLookedAtQuickly) {
    damage_a_block();
    EXPECT_EQ(fsck({"-p", path.string()}).status, kExitDone) << "its level is quick, as it says";
    EXPECT_EQ(json::parse(fsck({"-p", "--json", path.string()}).output).at("level"), "quick");
    EXPECT_EQ(json::parse(fsck({"-p", "-f", "--json", path.string()}).output).at("level"), "normal");
}

TEST_F(FsckTest, WhatIsNoStoreOrInUseIsToldInOneSentence) {
    const ProgramRun nowhere = fsck({(directory / "nowhere").string()});
    EXPECT_EQ(nowhere.status, kExitFailed);
    EXPECT_TRUE(says(nowhere.errors, "not_found: no store in")) << nowhere.errors;
    EXPECT_EQ(nowhere.output, "");
    {
        const Store held = must(Store::open(path, options));
        const ProgramRun busy = fsck({path.string()});
        EXPECT_EQ(busy.status, kExitFailed);
        EXPECT_TRUE(says(busy.errors, "process " + std::to_string(::getpid()))) << busy.errors;
    }
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                  {"-n", "-p", path.string()},
                                                  {"--level", "deep", path.string()},
                                                  {path.string(), "another"},
                                                  {"--no-such-option", path.string()}}) {
        EXPECT_EQ(fsck(wrong).status, kExitUsage);
    }
    EXPECT_EQ(fsck({"--hot-path", (path / "hot").string(), path.string()}).status, kExitDone) << "one folder each";
    EXPECT_EQ(fsck({"--hot-path", directory.path().string(), path.string()}).status, kExitDamaged) << "no ring there";
    EXPECT_EQ(fsck({"--help"}).status, kExitDone);
    EXPECT_TRUE(fsck({"--version"}).output.starts_with("zverse-fsck "));
}

TEST_F(FsckTest, ProgressGoesWhereItIsWanted) {
    const ProgramRun run = fsck({"-q", "-C", "2", "--level", "full", path.string()});
    EXPECT_EQ(run.status, kExitDone);
    EXPECT_TRUE(run.errors.starts_with("1 0 1 SUPERBLOCK\n")) << run.errors;
    EXPECT_TRUE(says(run.errors, "\n2 0 1048576 ")) << run.errors;
    EXPECT_TRUE(says(run.errors, "\n7 ")) << run.errors;
}

TEST_F(FsckTest, LinesOfJsonTellPassesFindingsAndASummary) {
    damage_a_block();
    const ProgramRun run = fsck({"--json-lines", "--progress-interval", "0", "--repeat-read", path.string()});
    EXPECT_EQ(run.status, kExitDamaged) << run.errors;
    std::vector<json> lines;
    for (std::size_t at = 0; at < run.output.size();) {
        const std::size_t end = run.output.find('\n', at);
        lines.push_back(json::parse(run.output.substr(at, end - at)));
        at = end + 1;
    }
    EXPECT_EQ(lines.front().at("schema"), "zverse.fsck/1");
    EXPECT_EQ(lines.back().at("type"), "summary");
    EXPECT_EQ(lines.back().at("exit"), kExitDamaged);
    EXPECT_EQ(lines.back().at("error_count"), 1);
    const auto count = [&](const char* type) {
        return std::ranges::count_if(lines, [&](const json& line) { return line.at("type") == type; });
    };
    EXPECT_EQ(count("pass"), 6);
    EXPECT_GT(count("progress"), 0);
    ASSERT_EQ(count("error"), 1);
    const json& error = *std::ranges::find_if(lines, [](const json& line) { return line.at("type") == "error"; });
    EXPECT_EQ(error.at("reread"), "same");
    EXPECT_EQ(error.at("single_bit_flip"), (json{{"byte", 4196}, {"bit", 0}}));
    const ProgramRun quiet = fsck({"--json-lines", "-q", path.string()});
    EXPECT_TRUE(quiet.output.starts_with(R"({"type":"begin","schema":"zverse.fsck/1"})")) << quiet.output;
    EXPECT_FALSE(says(quiet.output, R"("type":"pass")"));
    EXPECT_TRUE(says(fsck({"--repeat-read", path.string()}).output, "bit 0 of byte 4196 alone is wrong"));
}

TEST_F(FsckTest, PreenMakesAnIndexAgain) {
    const fs::path segment = first("cold", ".zseg");
    const FileTree before = read_tree(path / "cold");
    cold::SegmentHeader header;
    std::memcpy(&header, read_file(segment).data(), sizeof(header));
    flip_bit(segment, (header.index.offset + 100) * 8);
    flip_bit(segment, (header.zones.offset + 20) * 8);
    const ProgramRun damaged = fsck({path.string()});
    EXPECT_EQ(damaged.status, kExitDamaged);
    EXPECT_TRUE(says(damaged.output, "Nothing is lost")) << damaged.output;
    const ProgramRun mended = fsck({"-p", "--level", "quick", path.string()});
    EXPECT_EQ(mended.status, kExitCorrected) << mended.output << mended.errors;
    EXPECT_TRUE(says(mended.output, ", derived]")) << mended.output;
    EXPECT_TRUE(says(mended.output, "101 records")) << "blocks are looked at before and afterwards: " << mended.output;
    EXPECT_EQ(difference(before, read_tree(path / "cold")), "");
}

TEST_F(FsckTest, RepairTurnsSingleBitsBackAndKeepsWhatWasThere) {
    const FileTree before = read_tree(path / "cold");
    damage_a_block();
    damage_a_copy();
    EXPECT_EQ(fsck({"-p", "-f", path.string()}).status, kExitDamaged) << "a block is no copy";
    const json looked = json::parse(fsck({"--json", "--repeat-read", path.string()}).output);
    EXPECT_EQ(looked.at("errors").at(1).at("fix"), "zverse-fsck -y");
    EXPECT_TRUE(says(looked.at("advice"), "Data damage in 1 place of 1 file. In 1 place one bit alone is wrong"))
        << looked.at("advice");
    EXPECT_TRUE(says(looked.at("advice"), "Run: zverse-fsck -y")) << looked.at("advice");
    const ProgramRun mended = fsck({"-y", path.string()});
    EXPECT_EQ(mended.status, kExitCorrected) << mended.output << mended.errors;
    EXPECT_TRUE(says(mended.output, "bit 0 of byte 4196 alone is wrong")) << mended.output;
    EXPECT_TRUE(says(mended.output, "in lost+found/ as they were")) << mended.output;
    EXPECT_EQ(difference(before, read_tree(path / "cold")), "");
    EXPECT_TRUE(fs::exists(path / "lost+found" / (first("cold", ".zseg").filename().string() + "-4096")));
    EXPECT_EQ(fsck({"--level", "full", path.string()}).status, kExitDone);

    flip_bit(first("cold", ".zseg"), (4096 + 100) * 8);
    flip_bit(first("cold", ".zseg"), (4096 + 101) * 8);
    const FileTree damaged = read_tree(path);
    const ProgramRun left = fsck({"-y", "--json", path.string()});
    EXPECT_EQ(left.status, kExitDamaged) << left.output;
    EXPECT_EQ(json::parse(left.output).at("mode"), "repair");
    EXPECT_EQ(difference(damaged, read_tree(path)), "");
    for (const std::string other : {"-n", "-p"}) EXPECT_EQ(fsck({"-y", other, path.string()}).status, kExitUsage);
}

TEST_F(FsckTest, ParanoidComparesAnswers) {
    const ProgramRun run = fsck({"--level", "paranoid", path.string()});
    EXPECT_EQ(run.status, kExitDone) << run.output << run.errors;
    EXPECT_TRUE(says(run.output, "Pass 8: answers\n")) << run.output;
    EXPECT_TRUE(says(run.output, "answers about 101 keys with 101 records were compared")) << run.output;
    const json report = json::parse(fsck({"--level", "paranoid", "--json", path.string()}).output);
    EXPECT_EQ(report.at("answers").at("keys"), 101);
}

TEST_F(FsckTest, MeansAreBounded) {
    EXPECT_EQ(fsck({"--threads", "3", "--max-mem", "64MiB", "--rate", "500MB", path.string()}).status, kExitDone);
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--threads", "0", path.string()},
                                                  {"--max-mem", "1KiB", path.string()},
                                                  {"--rate", "fast", path.string()},
                                                  {"--rate", "-1", path.string()},
                                                  {"--rate", "99999999999999999999", path.string()},
                                                  {"--max-errors", "-1", path.string()},
                                                  {"-p", "--resume", "file", path.string()},
                                                  {"--json", "--json-lines", path.string()}}) {
        EXPECT_EQ(fsck(wrong).status, kExitUsage) << wrong.front();
    }
    const std::string resume = (directory / "resume").string();
    EXPECT_EQ(fsck({"--resume", resume, path.string()}).status, kExitDone);
    EXPECT_FALSE(fs::exists(resume)) << "all was looked at";
    write_file(resume, "something else");
    const ProgramRun foreign = fsck({"--resume", resume, path.string()});
    EXPECT_EQ(foreign.status, kExitFailed);
    EXPECT_TRUE(says(foreign.errors, resume)) << foreign.errors;
}

TEST_F(FsckTest, ASignalAsksForProgress) {
    // Slow enough to be asked; its first line of JSON says that it listens.
    const std::string out = (directory / "out").string(), err = (directory / "err").string();
    const std::string script = std::string(std::getenv("ZVERSE_FSCK")) + " --json-lines --rate 20000 " + path.string() +
                               " > " + out + " 2> " + err + " & p=$!; while kill -0 $p && ! [ -s " + out +
                               " ]; do sleep 0.02; done; kill -USR1 $p; while kill -0 $p && ! [ -s " + err +
                               " ]; do sleep 0.02; done; kill -TERM $p; wait $p";
    EXPECT_EQ(run_and_wait({"sh", "-c", script}).status, kExitCancelled);
    const std::string told = read_file(err);
    EXPECT_TRUE(told.size() > 6 && told[0] >= '1' && told[0] <= '7' && told[1] == ' ') << told;
}

TEST_F(FsckTest, AFullOrClosedStandardOutputIsAFailure) {
    const std::string command = std::string(std::getenv("ZVERSE_FSCK")) + " " + path.string();
    const ProgramRun full = run_and_wait({"sh", "-c", command + " > /dev/full"});
    EXPECT_EQ(full.status, kExitFailed);
    EXPECT_TRUE(says(full.errors, "writing to standard output: No space left on device")) << full.errors;
    const ProgramRun closed = run_and_wait({"sh", "-c", "(" + command + "; echo $? >&2) | true"});
    EXPECT_TRUE(says(closed.errors, "0") || says(closed.errors, "8")) << closed.errors;
    EXPECT_EQ(run_and_wait({"sh", "-c", command + " >&-"}).status, kExitDone) << "who closes it wants no report";
}

}  // namespace
}  // namespace zverse::test
