// Goal:    The store's own threads carry names, keep to the node with the most rings and to the CPUs they may use
//          there, and the platform report says what became of it.
// Method:  stores that believe in machines of 1, 2 and 8 nodes; on the real machine, nodes made by hand, and what the
//          threads say of themselves.
#include <engine/store_access.h>
#include <engine/upkeep.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <pthread.h>
#include <sched.h>

#include <zverse_config.h>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using platform::Topology;

Capability row_of(const Store& store) {
    const Stats stats = store.stats();
    for (const Capability& row : stats.platform()) {
        if (row.name == "upkeep threads") return row;
    }
    ADD_FAILURE() << "no row about the upkeep threads";
    return {};
}

TEST(ThreadHome, IsInThePlatformReportOfMachinesOnPaper) {
    if (ZVERSE_HAVE_HWLOC == 0) GTEST_SKIP() << "built without hwloc";
    struct Machine {
        std::string description, found, why_not;
    };
    for (const Machine& machine :
         {Machine{"numa:1 core:2 pu:1", "1 node", ""}, Machine{"numa:2 core:4 pu:1", "2 nodes", "synthetic"},
          Machine{"numa:8 core:2 pu:2", "8 nodes", "synthetic"}}) {
        SCOPED_TRACE(machine.description);
        const TempDirectory directory;
        Options options = small_options();
        options.shards = 8;
        engine::Internals internals;
        internals.topology = machine.description;
        Store store = must(engine::StoreAccess::open(directory / "store", options, internals));
        const Version version = must(store.put("key", "value"));
        EXPECT_EQ(must(store.get("key", version)), "value");
        const Capability row = row_of(store);
        EXPECT_EQ(row.found, machine.found);
        EXPECT_EQ(row.used, "not bound");
        EXPECT_EQ(row.why_not.empty(), machine.why_not.empty()) << row.why_not;
        EXPECT_NE(row.why_not.find(machine.why_not), std::string::npos) << row.why_not;
    }
}

TEST(ThreadHome, AStoreWithoutThreadsSaysSo) {
    const TempDirectory directory;
    must(must(Store::open(directory / "store", small_options())).close());
    Options options = small_options();
    options.read_only = true;
    const Store store = must(Store::open(directory / "store", options));
    EXPECT_EQ(row_of(store).used, "none");
    EXPECT_NE(row_of(store).why_not.find("read-only"), std::string::npos);
}

TEST(ThreadHome, RefusesAMachineThatHwlocDoesNotUnderstand) {
    const TempDirectory directory;
    engine::Internals internals;
    internals.topology = "numa:none at all";
    const auto store = engine::StoreAccess::open(directory / "store", small_options(), internals);
    expect_error(store, ErrorCode::invalid_argument);
}

/// Nothing to do; remembers the name and the CPUs of each thread that asks.
class Witness final : public engine::UpkeepWork {
public:
    engine::UpkeepState upkeep_state() override {
        std::array<char, 16> name{};
        pthread_getname_np(pthread_self(), name.data(), name.size());
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        sched_getaffinity(0, sizeof cpus, &cpus);
        const std::scoped_lock lock(mutex_);
        cpus_of_[name.data()] = cpus;
        changed_.notify_all();
        return {};
    }
    Result<bool> do_upkeep(engine::UpkeepTask) override { return false; }

    /// The CPUs of each thread, by its name.
    std::map<std::string, cpu_set_t> ask(const engine::ThreadHome& home, Result<void>& moved_in) {
        const engine::Upkeep upkeep(*this, 1h, home);
        moved_in = upkeep.moved_in();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return cpus_of_.size() == 2; });
        return cpus_of_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, cpu_set_t> cpus_of_;
};

cpu_set_t own_cpus() {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    EXPECT_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    return cpus;
}

void expect_cpus(const std::map<std::string, cpu_set_t>& threads, const cpu_set_t& wanted) {
    for (const char* name : {"zverse-sync", "zverse-runs"}) {
        ASSERT_TRUE(threads.contains(name)) << name;
        EXPECT_TRUE(CPU_EQUAL(&threads.at(name), &wanted)) << name;
    }
}

TEST(ThreadHome, OnOneNodeThreadsStayAsFreeAsTheirOpener) {
    // Its only CPU does not exist: binding would fail.
    const Topology topology{.nodes = {{.os_index = 0, .cpus = {4090}}}, .why_not = {}};
    const engine::ThreadHome home(topology, 0);
    Result<void> moved_in;
    expect_cpus(Witness().ask(home, moved_in), own_cpus());
    must(moved_in);
    EXPECT_EQ(home.describe(moved_in).used, "not bound");
    EXPECT_EQ(home.describe(moved_in).why_not, "");
}

TEST(ThreadHome, OnSeveralNodesThreadsKeepToTheirOwn) {
    const Topology machine = Topology::detect();
    const std::vector<unsigned>& cpus = machine.nodes.front().cpus;
    if (machine.synthetic || cpus.size() < 2) GTEST_SKIP() << "one CPU, or a synthetic machine";
    // The second node is the machine's first one under another name, so that its memory exists.
    const unsigned index = machine.nodes.front().os_index;
    const Topology topology{.nodes = {{.os_index = index + 1, .cpus = {cpus[0]}},
                                      {.os_index = index, .cpus = {cpus.begin() + 1, cpus.end()}}},
                            .why_not = {}};
    const engine::ThreadHome home(topology, 1);
    Result<void> moved_in;
    const auto threads = Witness().ask(home, moved_in);
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const unsigned cpu : topology.nodes[1].cpus) CPU_SET(cpu, &wanted);
    expect_cpus(threads, wanted);
    // A sandbox may forbid the memory policy; then the report says that instead.
    const Capability row = home.describe(moved_in);
    EXPECT_NE(row.used.find("bound to node " + std::to_string(index)), std::string::npos) << row.used;
    EXPECT_EQ(row.why_not.empty(), moved_in.has_value());
}

TEST(ThreadHome, ThreadsThatMayNotRunOnTheirNodeWorkElsewhere) {
    const Topology topology{.nodes = {{.os_index = 0, .cpus = {0}}, {.os_index = 1, .cpus = {4090}}}, .why_not = {}};
    const engine::ThreadHome home(topology, 1);
    Result<void> moved_in;
    expect_cpus(Witness().ask(home, moved_in), own_cpus());
    expect_error(moved_in, ErrorCode::io, "node 1");
    EXPECT_NE(home.describe(moved_in).why_not.find("it may use none of them"), std::string::npos);
}

}  // namespace
}  // namespace zverse::test
