// Goal:    zverse stat tells of a store that another process has open whether it is well, and how full and busy it is,
//          without disturbing it; of one that was closed or killed, that; and its exit status suits a monitor.
// Method:  the program itself beside stores of this process: open, closed, killed, read-only, silent, absent.
#include <support/file_tree.h>
#include <support/results.h>
#include <support/run_tool.h>
#include <support/temp_store.h>
#include <support/wait.h>

#include <engine/stat_page.h>
#include <engine/store_access.h>
#include <tools/zverse/stat_view.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class StatTest : public ::testing::Test {
protected:
    [[nodiscard]] ProgramRun stat(std::vector<std::string> arguments = {}) const {
        arguments.insert(arguments.begin(), {"stat", path.string()});
        return run_tool(arguments);
    }
    static bool says(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }
    /// Publishes these figures, as a store of `process` would.
    void publish(std::uint64_t process, double seconds_ago, const std::string& metrics) const {
        const auto io = platform::make_posix_file_io();
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto published = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() -
                               static_cast<std::int64_t>(seconds_ago * 1e9);
        engine::StatPage page = must(engine::StatPage::open(*io, path, platform::current_boot_id()));
        must(page.publish(process, published, R"({"schema":"zverse.stats/1","metrics":{)" + metrics + "}}", "# EOF\n"));
    }

    TempDirectory directory;
    fs::path path = directory / "store";
    Options options = small_options();
};

TEST_F(StatTest, TellsAnOpenStoresFigures) {
    Store store = must(Store::open(path, options));
    for (int i = 0; i < 500; ++i) must(store.put("key" + std::to_string(i), std::string(100, 'v')));
    wait_until([&] { return says(stat({"--json"}).output, "\"zverse_puts_total\":500"); });
    const ProgramRun screen = stat();
    EXPECT_EQ(screen.status, 0) << screen.errors;
    EXPECT_TRUE(says(screen.output, ": ok, open by process " + std::to_string(::getpid()) + " (")) << screen.output;
    for (const char* section : {"versions\n", "space\n", "hot\n", "warm\n", "cold\n", "readers\n", "integrity\n"}) {
        EXPECT_TRUE(says(screen.output, section)) << section;
    }
    EXPECT_TRUE(says(screen.output, "ring {ring=\"0\"}")) << screen.output;
    EXPECT_FALSE(says(screen.output, "capability")) << "only where it is asked for";
    EXPECT_TRUE(says(stat({"--platform"}).output, "persistence"));
    EXPECT_FALSE(says(stat({"--section", "hot,cold"}).output, "versions\n"));
    EXPECT_EQ(run_tool({"stat", "--section", "hot", path.string()}).status, 0) << "the store is no section";
    EXPECT_TRUE(stat({"--openmetrics"}).output.ends_with("# EOF\n"));
    EXPECT_EQ(json::parse(stat({"--json"}).output).at("schema"), "zverse.stats/1");
    must(store.close());
    const ProgramRun closed = stat({"--section", "health"});
    EXPECT_EQ(closed.status, 0);
    EXPECT_TRUE(says(closed.output, ": ok, closed")) << closed.output;
}

TEST_F(StatTest, IsAMonitorsPlugin) {
    Store store = must(Store::open(path, options));
    engine::StoreAccess::abandon(store);
    publish(1 << 22, 0, "");  // no such process: the largest id is one less
    const ProgramRun killed = stat();
    EXPECT_EQ(killed.status, 1);
    EXPECT_TRUE(says(killed.output, "DEGRADED, not closed: process 4194304 is gone")) << killed.output;

    const auto me = static_cast<std::uint64_t>(::getpid());
    publish(me, 0, R"("zverse_read_only":1)");
    EXPECT_EQ(stat().status, 2);
    EXPECT_TRUE(says(stat().output, "FAILED")) << stat().output;
    publish(me, 0, R"("zverse_corrupt_segments":2)");
    EXPECT_EQ(stat().status, 1);
    EXPECT_TRUE(says(stat().output, "the scrub found damage in 2 segments")) << stat().output;
    publish(me, 60, "");
    EXPECT_EQ(stat().status, 1);
    EXPECT_TRUE(says(stat().output, "; it has told nothing for ")) << stat().output;
    publish(me, 0, "");
    EXPECT_EQ(stat().status, 0);

    path = directory / "nowhere";
    const ProgramRun absent = stat();
    EXPECT_EQ(absent.status, 3);
    EXPECT_TRUE(says(absent.errors, "no figures of a store")) << absent.errors;
}

TEST_F(StatTest, FiguresThatMakeNoSenseAreNoFigures) {
    fs::create_directory(path);
    const auto io = platform::make_posix_file_io();
    for (const char* wrong : {"", "[]", "{", R"({"metrics":3})", "\xff"}) {
        engine::StatPage page = must(engine::StatPage::open(*io, path, {}));
        must(page.publish(1, 1, wrong, ""));
        EXPECT_EQ(stat().status, 3) << wrong;
    }
    engine::StatPage page = must(engine::StatPage::open(*io, path, {}));
    must(page.publish(0, 1, R"({"metrics":{"a":"text"},"platform":[1,{"name":2}]})", ""));
    EXPECT_EQ(stat({"--section", "platform"}).status, 0);
    write_file(path / engine::kStatPageName, "not figures");
    EXPECT_EQ(stat().status, 3);
}

TEST_F(StatTest, WatchingShowsRates) {
    const auto me = static_cast<std::uint64_t>(::getpid());
    fs::create_directory(path);
    publish(me, 2, R"("zverse_puts_total":100)");
    const tools::StatView before = must(tools::read_stat(path));
    publish(me, 0, R"("zverse_puts_total":300)");
    const tools::StatView now = must(tools::read_stat(path));
    const std::string screen = tools::stat_screen(now, &before, {"hot"});
    EXPECT_TRUE(says(screen, "300, 100/s") || says(screen, "300, 99/s")) << screen;
    EXPECT_FALSE(says(tools::stat_screen(now, nullptr, {"hot"}), "/s"));
}

}  // namespace
}  // namespace zverse::test
