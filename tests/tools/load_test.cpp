// Goal:    an interrupted load is refused or gone on with, never half a store that passes for whole; what stopped it,
//          and how far it came, is said; nobody waits for a signal.
// Method:  the program fed dumps that are cut, killed and interrupted in the middle, then fed the whole one.
#include <gtest/gtest.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/wait.h>
#include <sys/ioctl.h>
#include <tools/common/unique_fd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>

#include <fcntl.h>

#include "store_fixture.h"

namespace zverse::test {
namespace {

using tools::UniqueFd;

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        read = UniqueFd(ends[0]);
        write = UniqueFd(ends[1]);
    }
    UniqueFd read, write;
};

class LoadToolTest : public ToolTest {
protected:
    LoadToolTest() : random_(seed_.seed()) {}

    [[nodiscard]] std::string dumped(const std::string& format = "jsonl") const {
        return output_of({"dump", store_, "--history", "--format", format});
    }
    /// The superblock says that a load is under way.
    [[nodiscard]] static bool is_marked(const std::string& copy) {
        if (!std::filesystem::exists(copy + "/SUPERBLOCK")) return false;
        const std::string bytes = read_file(copy + "/SUPERBLOCK");
        constexpr std::size_t kFeatures = 16, kSecondCopy = 16384;
        return bytes.size() > kSecondCopy + kFeatures && (bytes[kFeatures] | bytes[kSecondCopy + kFeatures]) != 0;
    }
    /// Starts a load and feeds it the bytes, until it has taken them all, and begun when the header was among them.
    [[nodiscard]] int start_load(Pipe& pipe, const std::string& copy, std::string_view bytes,
                                 const std::vector<std::string>& more = {}) const {
        std::vector<std::string> arguments{"load", copy, "--shards", "1", "--batch", "20", "-q"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const UniqueFd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        const bool whole_header = bytes.size() > 400;
        const int pid = start_tool_between(arguments, pipe.read.get(), nothing.get());
        while (!bytes.empty()) {
            const ssize_t sent = ::write(pipe.write.get(), bytes.data(), bytes.size());
            if (sent <= 0) throw std::runtime_error("write");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        wait_until([&] {
            int left = 0;
            return ::ioctl(pipe.read.get(), FIONREAD, &left) == 0 && left == 0;
        });
        if (whole_header) wait_until([&] { return is_marked(copy); });
        return pid;
    }

    SeedScope seed_;
    Random random_;
};

TEST_F(LoadToolTest, KilledAnywhereItGoesOnToTheSameStore) {
    fill("store", random_, 200);
    const std::string whole = dumped(random_.one_in(2) ? "jsonl" : "binary");
    const std::string copy = path("copy");
    for (int kill = 0; kill < 6; ++kill) {
        Pipe pipe;
        const std::string_view part = std::string_view(whole).substr(0, random_.below(whole.size()));
        const int pid = start_load(pipe, copy, part, {"--resume"});
        ::kill(pid, SIGKILL);
        EXPECT_EQ(wait_for(pid), -SIGKILL);
        if (is_marked(copy)) {
            const ProgramRun refused = run_tool({"load", copy}, whole);
            EXPECT_EQ(refused.status, 8);
            EXPECT_NE(refused.errors.find("--resume"), std::string::npos) << refused.errors;
        }
    }
    output_of({"load", copy, "--resume", "-q"}, 0, whole);
    expect_same_stores(store_, copy, 0);
    EXPECT_EQ(output_of({"dump", copy, "--history"}), dumped());
}

TEST_F(LoadToolTest, ADumpWithoutItsTrailerExitsWith4AndSaysHowFarItCame) {
    fill("store", random_, 60);
    const std::string whole = dumped();
    for (int round = 0; round < 8; ++round) {
        const std::string copy = path("copy" + std::to_string(round));
        const std::string cut = whole.substr(0, random_.below(whole.size()));
        const ProgramRun run = run_tool({"load", copy, "--shards", "1"}, cut);
        EXPECT_EQ(run.status, 4) << run.errors;
        EXPECT_EQ(run.output, "");
        if (!std::filesystem::exists(copy)) continue;  // not even a header
        const bool begun = run_tool({"get", copy, "none"}).status == 1 && run.errors.contains("durable up to version");
        if (begun) {
            EXPECT_EQ(run_tool({"put", copy, "key", "value"}).status, 8);
        }
        // Whole commits, in order.
        {
            const Store half = must(Store::open(copy, reading()));
            const Version upto = half.latest_version();
            EXPECT_EQ(all_of(half.changes({})), all_of(must(Store::open(store_, reading())).changes({0, upto})));
        }
        output_of({"load", copy, "--resume", "-q"}, 0, whole);
        expect_same_stores(store_, copy, 0);
    }
}

TEST_F(LoadToolTest, ALoadThatCameToNothingLeavesTheStoreAsItWas) {
    fill("store", random_, 30);
    const Version version = must(Store::open(store_, reading())).latest_version();
    const std::string changes = output_of({"dump", store_, "--since", std::to_string(version)});
    const std::string copy = path("copy");
    output_of({"load", copy, "--shards", "1", "-q"}, 0, dumped());
    for (const std::string& wrong : {changes.substr(0, changes.size() - 3), dumped()}) {
        EXPECT_NE(run_tool({"load", copy}, wrong).status, 0);
        expect_same_stores(store_, copy, 0);
        output_of({"load", copy, "-q"}, 0, changes);
    }
    EXPECT_EQ(run_tool({"load", path("none")}, changes).status, 8) << "changes continue a store, and make none";
    EXPECT_FALSE(std::filesystem::exists(path("none")));
}

TEST_F(LoadToolTest, AHistoryOfAStoreThatForgotMayBeContinuedByChanges) {
    Options options = tool_options();
    options.retention.max_versions_behind = 50;
    {
        Store store = must(Store::open(store_, options));
        write_random(store, random_, 200, false);
        must(store.compact());
        write_random(store, random_, 40);
        must(store.close());
    }
    const std::string whole = dumped();
    const std::string copy = path("copy");
    EXPECT_EQ(run_tool({"load", copy, "--shards", "1"}, whole.substr(0, whole.size() - 10)).status, 4);
    const Store source = must(Store::open(store_, reading()));
    ASSERT_GT(source.floor(), 0u);
    const std::string since = std::to_string(source.floor());
    output_of({"load", copy, "--resume", "-q"}, 0, output_of({"dump", store_, "--since", since}));
    expect_same_stores(store_, copy, source.floor());
    EXPECT_EQ(must(Store::open(copy, reading())).floor(), source.floor());
}

TEST_F(LoadToolTest, AnotherDumpDoesNotContinueAnInterruptedLoad) {
    fill("store", random_, 60);
    fill("other", random_, 60);
    const std::string whole = dumped();
    const std::string copy = path("copy");
    EXPECT_EQ(run_tool({"load", copy, "--shards", "1"}, whole.substr(0, whole.size() - 10)).status, 4);
    const ProgramRun run = run_tool({"load", copy, "--resume"}, output_of({"dump", path("other"), "--history"}));
    EXPECT_EQ(run.status, 8);
    EXPECT_NE(run.errors.find("this is another dump"), std::string::npos) << run.errors;
    output_of({"load", copy, "--resume", "-q"}, 0, whole);
    expect_same_stores(store_, copy, 0);
}

TEST_F(LoadToolTest, ASignalEndsALoadThatWaitsForInput) {
    fill("store", random_, 60);
    const std::string whole = dumped();
    const std::string copy = path("copy");
    for (const int signal : {SIGINT, SIGTERM}) {
        Pipe pipe;
        const int pid = start_load(pipe, copy, std::string_view(whole).substr(0, whole.size() / 2), {"--resume"});
        ::kill(pid, signal);
        EXPECT_EQ(wait_for(pid), 32);
    }
    output_of({"load", copy, "--resume", "-q"}, 0, whole);
    expect_same_stores(store_, copy, 0);
}

TEST_F(LoadToolTest, ASignalEndsADumpThatWaitsForItsReaderAndLeavesNoFile) {
    {
        Store store = must(Store::open(store_, tool_options()));
        for (int i = 0; i < 40; ++i) must(store.put("key" + std::to_string(i), random_.bytes(50'000)));
        must(store.close());
    }
    Pipe pipe;
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int pid = start_tool_between({"dump", store_, "-q"}, nothing.get(), pipe.write.get());
    char first = 0;
    ASSERT_EQ(::read(pipe.read.get(), &first, 1), 1);
    ::kill(pid, SIGINT);
    EXPECT_EQ(wait_for(pid), 32);

    // The fifo's other end is never read; a file would be under another name until it is whole.
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
    const UniqueFd fifo(::open(path("fifo").c_str(), O_RDWR | O_CLOEXEC));
    const int waiting = start_tool_between({"dump", store_, "-q", "-f", path("fifo")}, nothing.get(), nothing.get());
    ASSERT_EQ(::read(fifo.get(), &first, 1), 1);
    ::kill(waiting, SIGTERM);
    EXPECT_EQ(wait_for(waiting), 32);
}

TEST_F(LoadToolTest, KeysThatTheStoreHasAreRefusedPassedOverOrReplaced) {
    {
        Store store = must(Store::open(store_, tool_options()));
        must(store.put("a", "new a"));
        must(store.put("b", "same"));
        must(store.put("c", "new c"));
        must(store.close());
    }
    const std::string state = output_of({"dump", store_});
    const std::string copy = path("copy");
    const auto begin_again = [&] {
        std::filesystem::remove_all(copy);
        Store store = must(Store::open(copy, tool_options()));
        must(store.put("b", "same"));
        must(store.put("c", "old c"));
        must(store.close());
    };
    begin_again();
    const ProgramRun refused = run_tool({"load", copy}, state);
    EXPECT_EQ(refused.status, 8);
    EXPECT_NE(refused.errors.find("exists: The store has key b already"), std::string::npos) << refused.errors;
    const ProgramRun resumed = run_tool({"load", copy, "--resume"}, state);
    EXPECT_NE(resumed.errors.find("The store has key c already"), std::string::npos) << "b is the same";
    EXPECT_NE(output_of({"load", copy, "--if-exists", "skip"}, 0, state).find("passed over 2"), std::string::npos);
    EXPECT_EQ(output_of({"scan", copy}), "a\tnew a\nb\tsame\nc\told c\n");
    begin_again();
    output_of({"load", copy, "--if-exists", "overwrite"}, 0, state);
    EXPECT_EQ(output_of({"scan", copy}), "a\tnew a\nb\tsame\nc\tnew c\n");
    EXPECT_EQ(run_tool({"load", copy, "--preserve-versions"}, state).status, 8);
    EXPECT_EQ(run_tool({"load", copy, "--renumber", "--resume"}, dumped()).status, 8);
}

TEST_F(LoadToolTest, SaysWhatItDidAsJson) {
    fill("store", random_, 20);
    const std::string whole = dumped();
    const std::string said = output_of({"load", path("copy"), "--shards", "1", "--json"}, 0, whole);
    EXPECT_TRUE(said.starts_with(R"({"schema":"zverse.load/1","result":"whole","records":)")) << said;
    EXPECT_EQ(output_of({"load", "--verify-only", "--json"}, 4, "no dump"),
              "{\"schema\":\"zverse.load/1\",\"result\":\"failed\",\"records\":0,"
              "\"error\":\"standard input is no dump.\"}\n");
    const std::string failed = output_of({"load", path("other"), "--shards", "1", "--json"}, 4, whole.substr(0, 300));
    EXPECT_NE(failed.find(R"("result":"failed")"), std::string::npos) << failed;
    EXPECT_NE(failed.find(R"("durable":)"), std::string::npos) << failed;
}

}  // namespace
}  // namespace zverse::test
