// Goal:    zverse-recover ends with the status and the sentence that docs/recover.md promises, reads its source only,
//          and is usable from scripts: JSON, a report in a file, progress lines, a full standard output.
// Method:  the program itself over small stores, good, damaged, held, absent and unusable.
#include <support/file_tree.h>
#include <support/results.h>
#include <support/run_tool.h>
#include <support/temp_store.h>

#include <tools/common/exit_status.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using tools::kExitDamaged;
using tools::kExitDifferent;
using tools::kExitDone;
using tools::kExitFailed;
using tools::kExitUsage;

class RecoverToolTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_NE(std::getenv("ZVERSE_RECOVER"), nullptr) << "run this test through meson"; }
    RecoverToolTest() {
        Store store = must(Store::open(path, options));
        for (int i = 0; i < 100; ++i) must(store.put("key" + std::to_string(i), std::string(200, 'v')));
        must(store.flush());
        must(store.put("in the ring", "value"));
        must(store.close());
    }
    [[nodiscard]] ProgramRun recover(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), std::getenv("ZVERSE_RECOVER"));
        return run_and_wait(arguments);
    }
    [[nodiscard]] fs::path segment() const {
        for (const fs::directory_entry& entry : fs::directory_iterator(path / "cold")) {
            if (entry.path().extension() == ".zseg") return entry.path();
        }
        return {};
    }
    void damage_a_block() const { flip_bit(segment(), (4096 + 100) * 8); }
    static bool says(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

    TempDirectory directory;
    fs::path path = directory / "store", target = directory / "new";
    Options options = small_options();
};

TEST_F(RecoverToolTest, AGoodStoreLosesNothing) {
    const FileTree before = read_tree(path);
    const ProgramRun run = recover({path.string(), target.string()});
    EXPECT_EQ(run.status, kExitDone) << run.errors;
    EXPECT_EQ(run.errors, "");
    EXPECT_TRUE(says(run.output, "101 records and 0 pins written to")) << run.output;
    EXPECT_TRUE(says(run.output, "Nothing is lost: complete up to version ")) << run.output;
    EXPECT_EQ(difference(before, read_tree(path)), "");
    Store store = must(Store::open(target, options));
    EXPECT_EQ(must(store.get("in the ring")), "value");
    EXPECT_EQ(recover({"-q", path.string(), (directory / "quiet").string()}).output, "");
}

TEST_F(RecoverToolTest, LossesAreReported) {
    damage_a_block();
    const std::string report = (directory / "report.json").string();
    const ProgramRun run = recover({"--report", report, path.string(), target.string()});
    EXPECT_EQ(run.status, kExitDifferent) << run.errors;
    EXPECT_TRUE(says(run.output, "1 place could not be read:")) << run.output;
    EXPECT_TRUE(says(run.output, "a block's checksum is wrong; keys key0 to ")) << run.output;
    EXPECT_TRUE(says(run.output, "Complete up to version 0")) << run.output;
    const json told = json::parse(read_file(report));
    EXPECT_EQ(told["schema"], "zverse.recover/1");
    EXPECT_EQ(told["exit"], kExitDifferent);
    EXPECT_EQ(told["complete_up_to"], 0);
    EXPECT_EQ(told["lost_count"], 1);
    EXPECT_EQ(told["lost"][0]["offset"], 4096);
    EXPECT_EQ(told["lost"][0]["key_range"][0], "key0");
    EXPECT_TRUE(told["finished"]);

    const ProgramRun redacted = recover({"--redact", "--json", path.string(), (directory / "two").string()});
    EXPECT_FALSE(says(redacted.output, "key0")) << redacted.output;
    EXPECT_EQ(json::parse(redacted.output)["lost_count"], 1);
    const ProgramRun dry = recover({"--dry-run", "--json", path.string(), (directory / "three").string()});
    EXPECT_EQ(dry.status, kExitDifferent);
    EXPECT_FALSE(json::parse(dry.output)["uncertain_known"]);
    EXPECT_FALSE(fs::exists(directory / "three"));
}

TEST_F(RecoverToolTest, ABitThatIsWrongAloneIsTurnedBackWhereThatIsAskedFor) {
    damage_a_block();
    const ProgramRun run = recover({"--level", "desperate", path.string(), target.string()});
    EXPECT_EQ(run.status, kExitDifferent) << "it is told, although nothing is lost: " << run.output;
    EXPECT_TRUE(says(run.output, "1 bit of pieces")) << run.output;
    EXPECT_TRUE(says(run.output, "byte 4196, bit 0")) << run.output;
    EXPECT_TRUE(says(run.output, "Nothing is lost: complete up to version ")) << run.output;
    const json report =
        json::parse(recover({"--level", "desperate", "--json", path.string(), (directory / "second").string()}).output);
    EXPECT_EQ(report.at("level"), "desperate");
    EXPECT_EQ(report.at("corrected_bits").at(0).at("byte"), 4196);
    const ProgramRun strict = recover({"--level", "strict", path.string(), (directory / "third").string()});
    EXPECT_TRUE(says(strict.output, "1 place could not be read")) << strict.output;
    for (const std::string bytes : {"-1", "99999999999999999999"}) {
        EXPECT_EQ(recover({"--max-mem", bytes, path.string(), (directory / "fourth").string()}).status, kExitUsage);
        EXPECT_EQ(recover({"--ring-bytes", bytes, path.string(), (directory / "fourth").string()}).status, kExitUsage);
    }
}

TEST_F(RecoverToolTest, WhatStandsInItsWayIsSaid) {
    const ProgramRun absent = recover({(directory / "absent").string(), target.string()});
    EXPECT_EQ(absent.status, kExitFailed);
    EXPECT_TRUE(says(absent.errors, "zverse-recover: not_found: ")) << absent.errors;
    EXPECT_FALSE(fs::exists(target));

    fs::create_directory(target);
    write_file(target / "something", "else");
    const ProgramRun full = recover({path.string(), target.string()});
    EXPECT_EQ(full.status, kExitFailed);
    EXPECT_TRUE(says(full.errors, target.string())) << full.errors;
    EXPECT_EQ(read_file(target / "something"), "else");
    fs::remove(target / "something");
    EXPECT_EQ(recover({path.string(), target.string()}).status, kExitDone) << "an empty directory will do";
    EXPECT_EQ(recover({path.string(), path.string()}).status, kExitFailed) << "the source is no target";

    Store held = must(Store::open(path, options));
    const ProgramRun locked = recover({path.string(), (directory / "other").string()});
    EXPECT_EQ(locked.status, kExitFailed);
    EXPECT_TRUE(says(locked.errors, "locked")) << locked.errors;
    must(held.close());

    EXPECT_EQ(recover({}).status, kExitUsage);
    EXPECT_EQ(recover({"--uncertain", "perhaps", path.string(), target.string()}).status, kExitUsage);
    EXPECT_EQ(recover({"--as-of", "3", "--rewind", "4", path.string(), target.string()}).status, kExitUsage);
    EXPECT_EQ(recover({"--help"}).status, kExitDone);
    EXPECT_TRUE(says(recover({"--version"}).output, "zverse-recover "));
}

TEST_F(RecoverToolTest, NothingUsableIsAStatusOfItsOwn) {
    fs::remove_all(path / "cold");
    write_file(path / "SUPERBLOCK", std::string(32768, 'x'));
    const ProgramRun run = recover({path.string(), target.string()});
    EXPECT_EQ(run.status, kExitDamaged) << run.output;
    EXPECT_TRUE(says(run.errors, "SUPERBLOCK")) << run.errors;
}

TEST_F(RecoverToolTest, ScriptsCanFollowIt) {
    const ProgramRun run = run_and_wait(
        {"/bin/sh", "-c",
         std::string(std::getenv("ZVERSE_RECOVER")) + " -q -C 3 3>&1 " + path.string() + " " + target.string()});
    EXPECT_EQ(run.status, kExitDone) << run.errors;
    EXPECT_TRUE(run.output.starts_with("1 0 1 superblock and catalog\n")) << run.output;
    EXPECT_TRUE(says(run.output, "\n2 0 1 segments\n")) << run.output;
    const ProgramRun full = run_and_wait({"/bin/sh", "-c",
                                          std::string(std::getenv("ZVERSE_RECOVER")) + " >/dev/full " + path.string() +
                                              " " + (directory / "two").string()});
    EXPECT_EQ(full.status, kExitFailed);
    EXPECT_FALSE(full.errors.empty());
    EXPECT_TRUE(fs::exists(directory / "two" / "SUPERBLOCK")) << "the store is written all the same";
}

}  // namespace
}  // namespace zverse::test
