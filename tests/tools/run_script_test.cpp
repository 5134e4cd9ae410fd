// Goal:    ./dev run ends with a page of figures or one clear sentence, reads paths as its caller means them, and
//          leaves nothing behind, Ctrl-C included.
// Method:  scripts/run.sh with the tool of this build; with stand-ins for the tool and the benchmark where the way they
//          end is the point; ./dev only as far as it neither installs nor builds.
#include <gtest/gtest.h>

#include <support/seed.h>
#include <support/temp_store.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <support/run_tool.h>
#include "git_fixture.h"

namespace zverse::test {
namespace {

class RunScriptTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_NE(std::getenv("ZVERSE_RUN_SCRIPT"), nullptr) << "run this test through meson";
        std::filesystem::create_directory(directory_ / "medium");
    }

    /// An executable script in place of a program.
    void stand_in(const std::string& name, const std::string& commands) const {
        std::filesystem::create_directories((directory_ / name).parent_path());
        std::ofstream(directory_ / name) << "#!/bin/sh\n" << commands << "\n";
        std::filesystem::permissions(directory_ / name, std::filesystem::perms::owner_all);
    }
    [[nodiscard]] ProgramRun run(std::vector<std::string> environment,
                                 const std::vector<std::string>& arguments) const {
        environment.insert(environment.begin(), {"env", "-C", directory_.path().string()});
        environment.insert(environment.end(), {"bash", std::getenv("ZVERSE_RUN_SCRIPT")});
        environment.insert(environment.end(), arguments.begin(), arguments.end());
        return run_and_wait(environment);
    }
    [[nodiscard]] ProgramRun run_dev(const std::vector<std::string>& arguments,
                                     std::vector<std::string> environment = {}) const {
        const auto scripts = std::filesystem::path(std::getenv("ZVERSE_RUN_SCRIPT")).parent_path();
        environment.insert(environment.begin(), {"env", "-C", directory_.path().string()});
        environment.insert(environment.end(), {"bash", (scripts.parent_path() / "dev").string()});
        environment.insert(environment.end(), arguments.begin(), arguments.end());
        return run_and_wait(environment);
    }
    [[nodiscard]] bool medium_is_empty() const { return std::filesystem::is_empty(directory_ / "medium"); }

    TempDirectory directory_;
};

TEST_F(RunScriptTest, EndsWithAPageOfFiguresAndLeavesNothingBehind) {
    const SeedScope seed;
    Random random(seed.seed());
    GitFixture repository(directory_ / "repository");
    add_random_history(repository, random, 100);
    repository.write();
    const ProgramRun page = run({"ZVERSE_MEDIUM=medium"}, {"repository", "--granularity", "cache_line"});
    ASSERT_EQ(page.status, 0) << page.errors << page.output;
    for (const char* figure : {"EMULATED", "class power", "kill -9", "recovery", "records/s", "versions", "Platform",
                               "No acknowledged commit was lost. The store is what git says."}) {
        EXPECT_NE(page.output.find(figure), std::string::npos) << figure << " is missing in" << page.output;
    }
    EXPECT_TRUE(medium_is_empty());
}

TEST_F(RunScriptTest, AFolderThatIsMissingIsNamedFirst) {
    for (const char* named : {"ZVERSE_MEDIUM=nowhere", "TMPDIR=nowhere"}) {
        const ProgramRun refused = run({named}, {"medium"});
        EXPECT_EQ(refused.status, 1);
        EXPECT_NE(refused.errors.find("is nowhere, which is no directory"), std::string::npos) << refused.errors;
    }
    EXPECT_EQ(run({}, {"nothing"}).status, 1);

    // The checkout has docs/, the caller's folder has not.
    const ProgramRun elsewhere = run_dev({"run", "docs"});
    EXPECT_EQ(elsewhere.status, 1);
    EXPECT_NE(elsewhere.errors.find("docs is no directory (seen from " + directory_.path().string()), std::string::npos)
        << elsewhere.errors;
}

TEST_F(RunScriptTest, CtrlCLeavesNothingOnTheMedium) {
    stand_in("zverse", "mkdir \"$2\"; touch \"$2/ring\"; kill -INT $PPID; exit 0");
    const ProgramRun stopped = run({"ZVERSE_MEDIUM=medium", "ZVERSE_TOOL=./zverse"}, {"medium"});
    EXPECT_EQ(stopped.status, 32) << stopped.errors;
    EXPECT_TRUE(medium_is_empty());
}

/// As run.sh decides it.
bool runs_in_memory() {
    std::ifstream mounts("/proc/mounts");
    const std::string all(std::istreambuf_iterator<char>(mounts), {});
    return all.find("dax") == std::string::npos && ::access("/dev/shm", W_OK) == 0;
}

TEST_F(RunScriptTest, TheSpeedLinesSayWhatTheyAreAndLeaveNoFolder) {
    stand_in("build/tools/zverse", "exit 0");
    const std::string note = "echo $ZVERSE_BENCH_DIR >" + (directory_ / "place").string() + "; ";
    stand_in("build/bench/hot_bench", note + R"(echo '{"benchmarks": [
        {"name": "hot/put_known/power/iterations:1", "ns": 300.0, "raw_ns": 150.0, "ratio_to_raw": 2.0},
        {"name": "hot/get_into/iterations:1", "ns": 90.0, "raw_ns": 45.0, "ratio_to_raw": 2.0}]}')");
    const std::vector<std::string> environment{"-u", "ZVERSE_MEDIUM", "ZVERSE_RUN_SPEED=1",
                                               "ZVERSE_TOOL=" + (directory_ / "build/tools/zverse").string()};
    const ProgramRun printed = run(environment, {"medium"});
    EXPECT_EQ(printed.status, 0) << printed.errors;
    if (!runs_in_memory()) GTEST_SKIP() << "on a machine with DAX, or without /dev/shm, there are no speed lines";
    EXPECT_NE(printed.output.find("Speed on /dev/shm"), std::string::npos) << printed.output;
    EXPECT_NE(printed.output.find("2.00 x raw write of 150 ns"), std::string::npos) << printed.output;
    EXPECT_NE(printed.output.find("2.00 x raw read of 45 ns"), std::string::npos) << printed.output;

    const auto place = [&] {
        std::string path;
        std::ifstream(directory_ / "place") >> path;
        return std::filesystem::path(path);
    };
    EXPECT_TRUE(place().is_absolute() && !std::filesystem::exists(place())) << place();

    stand_in("build/bench/hot_bench", note + "touch $ZVERSE_BENCH_DIR/ring; kill -INT $PPID; kill -INT $$");
    const ProgramRun stopped = run(environment, {"medium"});
    EXPECT_EQ(stopped.status, 32) << stopped.errors;
    EXPECT_EQ(stopped.errors, "");
    EXPECT_TRUE(place().is_absolute() && !std::filesystem::exists(place())) << place();
}

TEST_F(RunScriptTest, EachCommandOfDevTellsItsOwnLines) {
    for (const char* command : {"setup", "build", "run", "test", "lint", "format", "san", "soak", "model", "arm64"}) {
        const ProgramRun told = run_dev({command, "--help"});
        EXPECT_EQ(told.status, 0);
        EXPECT_TRUE(told.output.starts_with(std::string("./dev ") + command)) << told.output;
    }
    EXPECT_EQ(run_dev({"nonsense", "--help"}).status, 1);
}

}  // namespace
}  // namespace zverse::test
