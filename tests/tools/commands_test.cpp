// Goal:    every command does what docs/tools.md says, and ends as it says: without a store, with one that is held, on
//          a medium that can't be written or is full, without a reader, and on damage.
// Method:  the program run as its users run it; what it prints compared word by word where that is stable.
#include <gtest/gtest.h>
#include <support/confined.h>
#include <support/results.h>
#include <support/seed.h>
#include <sys/wait.h>
#include <tools/common/unique_fd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include <fcntl.h>

#include "store_fixture.h"

namespace zverse::test {
namespace {

using tools::UniqueFd;

class CommandsTest : public ToolTest {
protected:
    /// Three versions: color red, color blue and a key of any bytes, color erased.
    void make_store() const {
        Store store = open_quiet(store_);
        must(store.put("color", "red"));
        WriteBatch batch;
        batch.put("color", "blue");
        batch.put(std::string("\x80\0\\", 3), "\x01value");
        must(store.write(batch));
        must(store.erase("color"));
        must(store.put("other", "x"));
        must(store.close());
    }
    [[nodiscard]] static std::string escaped() { return R"(\x80\x00\x5c)"; }

    /// All that only read, and all that write; each with arguments that would do on a store.
    [[nodiscard]] std::vector<std::vector<std::string>> readers() const {
        return {{"get", store_, "other"}, {"scan", store_}, {"history", store_, "color"}, {"changes", store_},
                {"pins", store_},         {"dump", store_}, {"verify", store_},           {"info", store_}};
    }
    [[nodiscard]] std::vector<std::vector<std::string>> writers() const {
        return {{"put", store_, "key", "value"},
                {"erase", store_, "key"},
                {"pins", store_, "--add", "name"},
                {"flush", store_},
                {"compact", store_},
                {"checkpoint", store_, path("copy")}};
    }
};

TEST_F(CommandsTest, ReadsWhatWasWrittenAsOfAnyVersion) {
    make_store();
    EXPECT_EQ(output_of({"get", store_, "other"}), "x");
    EXPECT_EQ(output_of({"get", store_, "color", "--as-of", "1"}), "red");
    EXPECT_EQ(output_of({"get", store_, "color", "--as-of", "2", "--hex"}, 16), "") << "the key is no hex";
    EXPECT_EQ(output_of({"get", store_, "636f6c6f72", "--as-of", "2", "--hex"}), "626c7565\n");
    EXPECT_EQ(output_of({"get", store_, escaped()}), std::string("\x01value"));
    EXPECT_EQ(output_of({"get", store_, "color"}, 1), "");
    EXPECT_EQ(output_of({"get", store_, "color", "--as-of", "latest"}, 1), "");
    EXPECT_EQ(output_of({"get", store_, "color", "--as-of", "99999999999"}, 8), "");
    EXPECT_EQ(output_of({"get", store_, "other", "--as-of", "-0s"}), "x");
    EXPECT_EQ(output_of({"get", store_, "other", "--as-of", "1990-01-01T00:00:00Z"}, 8), "");
    EXPECT_EQ(output_of({"get", store_, "other", "--as-of", "yesterday"}, 16), "");
    EXPECT_EQ(output_of({"get", store_, "color", "--as-of", "2", "--json"}),
              "{\"schema\":\"zverse.get/1\",\"key\":\"color\",\"found\":true,\"version\":2,\"value\":\"blue\"}\n");
    EXPECT_EQ(output_of({"get", store_, "color", "--json"}, 1),
              "{\"schema\":\"zverse.get/1\",\"key\":\"color\",\"found\":false}\n");
    const std::string file = path("value");
    output_of({"get", store_, "other", "-o", file});
    EXPECT_EQ(read_file(file), "x");
}

TEST_F(CommandsTest, ListsKeysHistoriesAndChanges) {
    make_store();
    EXPECT_EQ(output_of({"scan", store_}), "other\tx\n" + escaped() + "\t\\x01value\n");
    EXPECT_EQ(output_of({"scan", store_, "--as-of", "2", "-v", "--prefix", "c"}), "2\tcolor\tblue\n");
    EXPECT_EQ(output_of({"scan", store_, "--reverse", "--limit", "1", "--keys-only"}), escaped() + "\n");
    EXPECT_EQ(output_of({"scan", store_, "--from", "o", "--to", "p", "--redact"}), "<5 bytes>\t<1 byte>\n");
    EXPECT_EQ(output_of({"scan", store_, "--from", "6f", "--hex", "--limit", "1"}), "6f74686572\t78\n");
    EXPECT_EQ(output_of({"scan", store_, "--as-of", "2", "--json-lines"}),
              "{\"schema\":\"zverse.scan/1\",\"as_of\":2}\n"
              "{\"key\":\"color\",\"version\":2,\"value\":\"blue\"}\n"
              "{\"key64\":\"gABc\",\"version\":2,\"value64\":\"AXZhbHVl\"}\n");
    EXPECT_EQ(output_of({"history", store_, "color"}), "3\tdel\n2\tput\tblue\n1\tput\tred\n");
    EXPECT_EQ(output_of({"history", store_, "color", "--since", "1", "--reverse"}), "2\tput\tblue\n3\tdel\n");
    EXPECT_EQ(output_of({"changes", store_, "--since", "1", "--until", "3"}),
              "2\tput\tcolor\tblue\n2\tput\t" + escaped() + "\t\\x01value\n3\tdel\tcolor\n");
    EXPECT_EQ(output_of({"changes", store_, "--until", "1", "--json-lines"}),
              "{\"schema\":\"zverse.changes/1\",\"since\":0,\"until\":1}\n"
              "{\"key\":\"color\",\"version\":1,\"op\":\"put\",\"value\":\"red\"}\n");
    EXPECT_EQ(run_tool({"scan", store_, "--prefix", "a", "--from", "b"}).status, 16);
}

TEST_F(CommandsTest, WritesAndSaysTheVersion) {
    EXPECT_EQ(output_of({"put", store_, "key", "value"}, 8), "") << "without --create there is no store";
    EXPECT_EQ(output_of({"put", store_, "key", "value", "--create"}), "version 1\n");
    const auto version_of = [](const std::string& said) { return std::stoull(said.substr(said.find(' '))); };
    const std::string put = output_of({"put", store_, escaped(), "--file", "-"}, 0, std::string("a\0b", 3));
    EXPECT_EQ(output_of({"get", store_, escaped()}), std::string("a\0b", 3));
    const std::string version = std::to_string(version_of(put));
    EXPECT_EQ(output_of({"put", store_, "key", "other", "--if-version", version}, 8), "");
    EXPECT_EQ(output_of({"put", store_, "key", "other", "--if-version", "1"}).substr(0, 8), "version ");
    EXPECT_EQ(output_of({"get", store_, "key"}), "other");
    EXPECT_EQ(output_of({"put", store_, "key"}, 16), "");
    EXPECT_EQ(output_of({"put", store_, "key", "a", "--file", "-"}, 16), "");
    EXPECT_EQ(output_of({"put", store_, "--", "-key", "-value"}).substr(0, 8), "version ");
    EXPECT_EQ(output_of({"get", store_, "--", "-key"}), "-value");
    EXPECT_EQ(output_of({"put", store_, "", "value"}, 8), "");
    EXPECT_EQ(output_of({"put", store_, "key", "", "-q"}), "");
    EXPECT_EQ(output_of({"get", store_, "key"}), "");
    EXPECT_NE(output_of({"erase", store_, "key", "--json"}).find(R"({"schema":"zverse.erase/1","version":)"),
              std::string::npos);
    EXPECT_EQ(output_of({"get", store_, "key"}, 1), "");
    EXPECT_NE(run_tool({"put", store_, "key", "v", "-v"}).errors.find("for writing"), std::string::npos);
}

TEST_F(CommandsTest, PinsVersionsUnderNames) {
    make_store();
    EXPECT_EQ(output_of({"pins", store_}), "");
    EXPECT_EQ(output_of({"pins", store_, "--add", "monday", "--as-of", "2"}), "2\tmonday\n");
    EXPECT_EQ(output_of({"pins", store_, "--add", R"(\xff)", "--as-of", "3", "-q"}), "");
    EXPECT_EQ(output_of({"pins", store_, "--add", "monday"}, 8), "");
    EXPECT_EQ(output_of({"pins", store_}), "2\tmonday\n3\t\\xff\n");
    EXPECT_EQ(
        output_of({"pins", store_, "--json-lines"}),
        "{\"schema\":\"zverse.pins/1\"}\n{\"pin\":\"monday\",\"version\":2}\n{\"pin64\":\"/w==\",\"version\":3}\n");
    EXPECT_EQ(output_of({"pins", store_, "--remove", "monday"}), "");
    EXPECT_EQ(output_of({"pins", store_, "--remove", "monday"}, 8), "");
    EXPECT_EQ(output_of({"pins", store_}), "3\t\\xff\n");
    EXPECT_EQ(output_of({"pins", store_, "--as-of", "2"}, 16), "");
}

TEST_F(CommandsTest, VerifiesSettlesAndCopies) {
    make_store();
    const std::string changes = output_of({"changes", store_});
    output_of({"flush", store_});
    EXPECT_NE(output_of({"verify", store_}).find("no damage."), std::string::npos);
    output_of({"compact", store_});
    output_of({"compact", store_, "--prefix", "c"});
    EXPECT_NE(output_of({"verify", store_, "--json"}).find(R"("clean":true)"), std::string::npos);
    output_of({"checkpoint", store_, path("copy")});
    EXPECT_EQ(output_of({"changes", path("copy")}), changes);
    EXPECT_EQ(output_of({"checkpoint", store_, path("copy")}, 8), "") << "there is something already";
    EXPECT_EQ(output_of({"changes", store_}), changes);
}

TEST_F(CommandsTest, DamageIsAFindingAndExitsWith4) {
    make_store();
    output_of({"flush", store_});
    std::string segment;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "store/cold")) segment = entry.path();
    std::string bytes = read_file(segment);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    write_file(segment, bytes);
    const ProgramRun run = run_tool({"verify", store_});
    EXPECT_EQ(run.status, 4) << run.errors;
    EXPECT_NE(run.output.find("ZV-"), std::string::npos) << run.output;
    EXPECT_NE(output_of({"verify", store_, "--json"}, 4).find(R"("clean":false)"), std::string::npos);

    write_file(directory_ / "store/SUPERBLOCK", std::string(32768, 'x'));
    for (const auto& arguments : readers()) {
        const ProgramRun damaged = run_tool(arguments);
        EXPECT_EQ(damaged.status, 4) << arguments[0];
        EXPECT_TRUE(damaged.errors.starts_with("zverse " + arguments[0] + ": corrupt: ")) << damaged.errors;
    }
}

TEST_F(CommandsTest, WithoutAStoreEveryCommandExitsWith8) {
    for (const auto& commands : {readers(), writers()}) {
        for (const auto& arguments : commands) {
            const ProgramRun run = run_tool(arguments);
            EXPECT_EQ(run.status, 8) << arguments[0];
            EXPECT_EQ(run.output, "");
            EXPECT_TRUE(run.errors.starts_with("zverse " + arguments[0] + ": not_found: no store in " + store_))
                << run.errors;
        }
    }
    EXPECT_FALSE(std::filesystem::exists(store_)) << "and nobody made one";
}

TEST_F(CommandsTest, AStoreThatIsHeldIsRefusedWithItsHoldersPidAndName) {
    const Store held = must(Store::open(store_, tool_options()));
    const std::string holder = "held by process " + std::to_string(::getpid()) + ", \"";
    std::string name;
    std::getline(std::ifstream("/proc/self/comm"), name);
    for (const auto& commands : {readers(), writers()}) {
        for (const auto& arguments : commands) {
            const ProgramRun run = run_tool(arguments);
            EXPECT_EQ(run.status, 8) << arguments[0];
            EXPECT_TRUE(run.errors.starts_with("zverse " + arguments[0] + ": locked: ")) << run.errors;
            EXPECT_NE(run.errors.find(holder + name + "\" (open since"), std::string::npos) << run.errors;
        }
    }
    EXPECT_EQ(run_tool({"load", store_}, "VERSION=3\nHEADER=END\nDATA=END\n").status, 8);
}

TEST_F(CommandsTest, ReadersChangeNothingAndNeedNoRightToWrite) {
    make_store();
    const auto confined = run_on_read_only_mount(directory_ / "store", [&] {
        for (const auto& arguments : readers()) {
            if (run_tool(arguments).status != 0) return 1;
        }
        for (const auto& arguments : writers()) {
            const ProgramRun run = run_tool(arguments);
            if (run.status != 8 || run.errors.find("Read-only file system") == std::string::npos) return 2;
        }
        return 0;
    });
    if (!confined.why_not.empty()) GTEST_SKIP() << confined.why_not;
    EXPECT_EQ(confined.status, 0);
}

TEST_F(CommandsTest, OnAFullDiskADumpLeavesNothingAndALoadCanGoOn) {
    {
        Store store = must(Store::open(store_, tool_options()));
        for (int i = 0; i < 60; ++i) must(store.put("key" + std::to_string(i), std::string(100'000, 'v')));
        must(store.close());
    }
    const std::string whole = output_of({"dump", store_, "--history"});
    std::filesystem::create_directory(directory_ / "disk");
    const auto confined = run_on_small_disk(directory_ / "disk", 3 << 20, [&] {
        const ProgramRun dumped = run_tool({"dump", store_, "-f", path("disk/dump")});
        if (dumped.status != 8 || dumped.errors.find("No space left") == std::string::npos) return 1;
        if (!std::filesystem::is_empty(path("disk"))) return 2;
        const ProgramRun loaded = run_tool({"load", path("disk/copy"), "--shards", "1"}, whole);
        if (loaded.status != 8 || loaded.errors.find("durable up to version") == std::string::npos) return 3;
        return 0;
    });
    if (!confined.why_not.empty()) GTEST_SKIP() << confined.why_not;
    EXPECT_EQ(confined.status, 0);
}

/// Runs the tool with its standard output there; its exit status.
int run_into(const std::vector<std::string>& arguments, int output) {
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return wait_for(start_tool_between(arguments, nothing.get(), output));
}

TEST_F(CommandsTest, OutputThatIsNotTakenIsNoSuccess) {
    make_store();
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd write_end(ends[1]);
    ::close(ends[0]);
    std::vector<std::vector<std::string>> commands = readers();
    commands.push_back({"put", store_, "key", "value"});
    commands.push_back({"pins", store_, "--add", "name"});
    for (const auto& arguments : commands) {
        if (arguments[0] == "pins" && arguments.size() == 2) continue;  // says nothing: there is no pin
        EXPECT_EQ(run_into(arguments, full.get()), 8) << arguments[0];
        if (arguments.back() == "name") continue;
        EXPECT_EQ(run_into(arguments, write_end.get()), 8) << arguments[0];
    }
    const ProgramRun file = run_tool({"dump", store_, "-f", "/dev/full"});
    EXPECT_EQ(file.status, 8);
    EXPECT_NE(file.errors.find("zverse dump: io: writing to /dev/full: No space left on device."), std::string::npos)
        << file.errors;
}

TEST_F(CommandsTest, HelpFitsAScreenAndSaysWhatWrites) {
    const std::string all = output_of({"--help"});
    for (const char* name : {"put", "erase", "load", "flush", "compact", "checkpoint", "import-git", "prove-git"}) {
        const std::string help = output_of({name, "--help"});
        EXPECT_NE(help.substr(0, help.find('\n')).find("WRITES"), std::string::npos) << help;
        EXPECT_NE(all.find(std::string("\n  ") + name + " "), std::string::npos) << all;
    }
    for (const char* name : {"get", "scan", "history", "changes", "pins", "dump", "load", "verify", "info"}) {
        const std::string help = output_of({name, "--help"});
        EXPECT_LT(std::ranges::count(help, '\n'), 60);
    }
}

TEST_F(CommandsTest, BashCompletesCommandsOptionsAndChoices) {
    const char* completion = std::getenv("ZVERSE_COMPLETION");
    const char* tool = std::getenv("ZVERSE_TOOL");
    ASSERT_TRUE(completion != nullptr && tool != nullptr);
    const auto complete = [&](const std::vector<std::string>& words) {
        std::string script = "source '" + std::string(completion) + "'; COMP_WORDS=('" + tool + "'";
        for (const std::string& word : words) script += " '" + word + "'";
        script += "); COMP_CWORD=" + std::to_string(words.size()) + "; _zverse; printf '%s\\n' \"${COMPREPLY[@]}\"";
        const ProgramRun run = run_and_wait({"bash", "-u", "-c", script});
        EXPECT_EQ(run.status, 0) << run.errors;
        EXPECT_EQ(run.errors, "");
        return run.output;
    };
    EXPECT_EQ(complete({"ch"}), "changes\ncheckpoint\n");
    EXPECT_EQ(complete({"verify"}), "verify\nverify-git\n");
    EXPECT_EQ(complete({"dump", store_, "--his"}), "--history\n");
    EXPECT_EQ(complete({"dump", store_, "--format", ""}), "jsonl\ntext\nbinary\n");
    EXPECT_EQ(complete({"load", store_, "--if-exists", "o"}), "overwrite\n");
    std::filesystem::create_directory(directory_ / "folder");
    EXPECT_EQ(complete({"scan", path("fol")}), path("folder") + "\n");
}

}  // namespace
}  // namespace zverse::test
