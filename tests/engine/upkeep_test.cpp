// Goal:    Background work is decided in the order of urgency that upkeep.h promises, exactly when it is due.
// Method:  decide() is a pure function: tables of states.
#include <engine/upkeep.h>

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using engine::decide;
using engine::decide_durability;
using engine::decide_runs;
using engine::UpkeepState;
using engine::UpkeepTask;

/// Everything is due.
UpkeepState busy() {
    UpkeepState state;
    state.now = UpkeepState::Clock::time_point{} + 100s;
    state.last_sync = state.last_time_frame = state.last_settle = state.last_publication = state.now - 10s;
    state.limit_block = 1000;
    state.versions_left = 100;
    state.process_class = true;
    state.sync_every = 100ms;
    state.unsynced_versions = 5;
    state.new_versions = true;
    state.uncovered_bytes = 1000;
    state.extend_bytes = 100;
    state.mergeable = true;
    state.unsettled = true;
    state.publishes = true;
    return state;
}

/// Nothing is due, and everything is there to do.
UpkeepState calm() {
    UpkeepState state = busy();
    state.last_sync = state.last_time_frame = state.last_settle = state.last_publication = state.now;
    state.versions_left = 1000;
    state.uncovered_bytes = 0;
    state.mergeable = false;
    return state;
}

TEST(UpkeepDecision, MostUrgentFirst) {
    UpkeepState state = busy();
    EXPECT_EQ(decide(state), UpkeepTask::extend_limit);
    state.versions_left = 500;
    EXPECT_EQ(decide(state), UpkeepTask::sync);
    state.unsynced_versions = 0;
    EXPECT_EQ(decide(state), UpkeepTask::time_frame);
    state.new_versions = false;
    EXPECT_EQ(decide(state), UpkeepTask::settle);
    state.unsettled = false;
    EXPECT_EQ(decide(state), UpkeepTask::publish);
    state.publishes = false;
    EXPECT_EQ(decide(state), UpkeepTask::extend_runs);
    state.uncovered_bytes = 99;
    EXPECT_EQ(decide(state), UpkeepTask::merge_runs);
    state.mergeable = false;
    EXPECT_EQ(decide(state), UpkeepTask::none);
    EXPECT_EQ(decide(calm()), UpkeepTask::none);
}

struct Row {
    const char* what;
    std::function<void(UpkeepState&)> change;
    UpkeepTask wanted;
};

TEST(UpkeepDecision, EachIsDueExactlyWhenItIs) {
    const std::vector<Row> rows{
        {"half of the block left", [](UpkeepState& s) { s.versions_left = 500; }, UpkeepTask::none},
        {"less than half left", [](UpkeepState& s) { s.versions_left = 499; }, UpkeepTask::extend_limit},
        {"less than half left, and no space for more a moment ago",
         [](UpkeepState& s) { s.versions_left = 499, s.last_failed_limit = s.now - 99ms; }, UpkeepTask::none},
        {"less than half left, and no space for more a while ago",
         [](UpkeepState& s) { s.versions_left = 499, s.last_failed_limit = s.now - 100ms; }, UpkeepTask::extend_limit},
        {"just before the interval", [](UpkeepState& s) { s.last_sync = s.now - 99ms; }, UpkeepTask::none},
        {"at the interval", [](UpkeepState& s) { s.last_sync = s.now - 100ms; }, UpkeepTask::sync},
        {"interval over, nothing written", [](UpkeepState& s) { s.last_sync = s.now - 1s, s.unsynced_versions = 0; },
         UpkeepTask::none},
        {"interval over, class power", [](UpkeepState& s) { s.last_sync = s.now - 1s, s.process_class = false; },
         UpkeepTask::none},
        {"no interval", [](UpkeepState& s) { s.last_sync = s.now - 1h, s.sync_every = 0ms; }, UpkeepTask::none},
        {"one write too few", [](UpkeepState& s) { s.sync_every_writes = 6; }, UpkeepTask::none},
        {"as many writes as asked for", [](UpkeepState& s) { s.sync_every_writes = 5; }, UpkeepTask::sync},
        {"a second since the time frame", [](UpkeepState& s) { s.last_time_frame = s.now - 1s; },
         UpkeepTask::time_frame},
        {"not quite a second", [](UpkeepState& s) { s.last_time_frame = s.now - 999ms; }, UpkeepTask::none},
        {"a second, and nothing new", [](UpkeepState& s) { s.last_time_frame = s.now - 1s, s.new_versions = false; },
         UpkeepTask::none},
        {"a second since settling", [](UpkeepState& s) { s.last_settle = s.now - 1s; }, UpkeepTask::settle},
        {"a second, and settled", [](UpkeepState& s) { s.last_settle = s.now - 1s, s.unsettled = false; },
         UpkeepTask::none},
        {"a second since the figures", [](UpkeepState& s) { s.last_publication = s.now - 1s; }, UpkeepTask::publish},
        {"a second, and nobody wants them",
         [](UpkeepState& s) { s.last_publication = s.now - 1s, s.publishes = false; }, UpkeepTask::none},
        {"enough for a run", [](UpkeepState& s) { s.uncovered_bytes = 100; }, UpkeepTask::extend_runs},
        {"a full size class", [](UpkeepState& s) { s.mergeable = true; }, UpkeepTask::merge_runs},
    };
    for (const Row& row : rows) {
        UpkeepState state = calm();
        row.change(state);
        EXPECT_EQ(decide(state), row.wanted) << row.what;
    }
}

TEST(UpkeepDecision, AStoreThatStoppedWritingKeepsItsRunsAndTellsItsFiguresOnly) {
    UpkeepState state = busy();
    state.stopped_by_error = true;
    EXPECT_EQ(decide_durability(state), UpkeepTask::publish);
    state.publishes = false;
    EXPECT_EQ(decide_durability(state), UpkeepTask::none);
    EXPECT_EQ(decide(state), UpkeepTask::extend_runs);
}

TEST(UpkeepDecision, TheTwoThreadsShareTheWorkWithoutOverlap) {
    EXPECT_EQ(decide_durability(busy()), UpkeepTask::extend_limit);
    EXPECT_EQ(decide_runs(busy()), UpkeepTask::extend_runs);
    UpkeepState state = busy();
    state.uncovered_bytes = 0;
    EXPECT_EQ(decide_runs(state), UpkeepTask::merge_runs);
    EXPECT_EQ(decide_durability(calm()), UpkeepTask::none);
    EXPECT_EQ(decide_runs(calm()), UpkeepTask::none);
}

/// Work that is there until it was done `wanted` times by each thread.
class CountedWork final : public engine::UpkeepWork {
public:
    UpkeepState upkeep_state() override {
        const std::scoped_lock lock(mutex_);
        UpkeepState state = calm();
        if (syncs_ < 3) state.last_sync = state.now - 1s;
        if (extensions_ < 3) state.uncovered_bytes = state.extend_bytes;
        return state;
    }
    Result<bool> do_upkeep(UpkeepTask task) override {
        const std::scoped_lock lock(mutex_);
        if (task == UpkeepTask::sync) ++syncs_;
        if (task == UpkeepTask::extend_runs) ++extensions_;
        changed_.notify_all();
        return true;
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return syncs_ == 3 && extensions_ == 3; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int syncs_ = 0, extensions_ = 0;
};

TEST(Upkeep, DoesWhatIsDueUntilNothingIsAndStopsAtOnce) {
    CountedWork work;
    const platform::Topology machine{.nodes = {platform::Topology::Node{}}, .why_not = {}};
    const auto began = std::chrono::steady_clock::now();
    {
        // An hour between looks: it must not sleep between tasks, nor when it is stopped.
        const engine::Upkeep upkeep(work, 1h, engine::ThreadHome(machine, 0));
        work.wait();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, 50s);
}

}  // namespace
}  // namespace zverse::test
