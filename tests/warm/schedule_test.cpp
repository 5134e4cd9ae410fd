// Goal:    A flush is due exactly for the reasons that schedule.h names, and writers are held back the more the fuller
//          the rings are.
// Method:  pure functions: tables of states.
#include <hot/pace.h>
#include <warm/schedule.h>

#include <gtest/gtest.h>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using hot::delay_per_mib;
using warm::flush_due;
using warm::FlushState;

/// Something is there, and no reason to move it.
FlushState calm() {
    FlushState state;
    state.ring_bytes = 1000;
    state.flushable_bytes = 499;
    state.used_bytes = 749;
    state.index_capacity = 100;
    state.index_entries = 74;
    state.run_bytes = 249;
    state.run_bytes_max = 500;
    state.age = 999ms;
    state.age_max = 1000ms;
    return state;
}

TEST(Schedule, EveryReasonAlone) {
    EXPECT_FALSE(flush_due(calm()));
    const auto with = [](auto&& change) {
        FlushState state = calm();
        change(state);
        return flush_due(state);
    };
    EXPECT_TRUE(with([](FlushState& state) { state.flushable_bytes = 500; })) << "half of a ring";
    EXPECT_TRUE(with([](FlushState& state) { state.used_bytes = 750; })) << "a ring is tight";
    EXPECT_TRUE(with([](FlushState& state) { state.index_entries = 75; })) << "the index is tight";
    EXPECT_TRUE(with([](FlushState& state) { state.run_bytes = 250; })) << "runs have half of their memory";
    EXPECT_TRUE(with([](FlushState& state) { state.age = 1000ms; })) << "old";
    EXPECT_TRUE(with([](FlushState& state) { state.wanted = true; })) << "a call";
    EXPECT_TRUE(with([](FlushState& state) { state.writers_wait = true; })) << "writers wait";
    EXPECT_FALSE(with([](FlushState& state) {
        state.age = 1000ms;
        state.age_max = 0ms;
    })) << "age is no reason";
    EXPECT_FALSE(with([](FlushState& state) {
        state.run_bytes = 1000;
        state.run_bytes_max = 0;
    })) << "runs are no reason";
}

TEST(Schedule, NothingToFlushIsNotFlushedUnlessACallWantsIt) {
    FlushState state = calm();
    state.flushable_bytes = 0;
    state.used_bytes = 1000;
    state.writers_wait = true;
    state.age = 2000ms;
    state.index_entries = 100;
    EXPECT_FALSE(flush_due(state));
    state.wanted = true;
    EXPECT_TRUE(flush_due(state));
}

TEST(Schedule, ManyStripesWaitForTheirMerge) {
    FlushState state = calm();
    state.flushable_bytes = 1000;
    state.stripes = warm::kStripesMax;
    EXPECT_TRUE(flush_due(state)) << "nobody merges them";
    state.merging = true;
    EXPECT_FALSE(flush_due(state));
    state.wanted = true;
    EXPECT_TRUE(flush_due(state));
    state.wanted = false;
    state.stripes = warm::kStripesMax - 1;
    EXPECT_TRUE(flush_due(state));
}

TEST(Pace, GrowsFromThreeQuartersToTwiceTheTimeOfAFlush) {
    constexpr std::uint64_t kRing = 1024;
    EXPECT_EQ(delay_per_mib(0, kRing, 1ms), 0ns);
    EXPECT_EQ(delay_per_mib(768, kRing, 1ms), 0ns);
    EXPECT_EQ(delay_per_mib(768 + 64, kRing, 1ms), 500us);
    EXPECT_EQ(delay_per_mib(768 + 128, kRing, 1ms), 1ms);
    EXPECT_EQ(delay_per_mib(1024, kRing, 1ms), 2ms);
    EXPECT_EQ(delay_per_mib(896, kRing, 3ms), 3ms);
    std::chrono::nanoseconds last{0};
    for (std::uint64_t used = 700; used <= kRing; ++used) {
        const auto delay = delay_per_mib(used, kRing, 7ms);
        EXPECT_GE(delay, last) << used;
        EXPECT_LE(delay - last, 70us) << "a step at " << used;
        last = delay;
    }
}

TEST(Pace, CountsDelaysByTheirLength) {
    hot::Pace pace;
    pace.count(0us);
    pace.count(1us);
    pace.count(100us);
    pace.count(1ms);
    pace.count(10s);
    EXPECT_EQ(pace.delays(0), 1U);
    EXPECT_EQ(pace.delays(1), 1U);
    EXPECT_EQ(pace.delays(7), 1U);
    EXPECT_EQ(pace.delays(10), 1U);
    EXPECT_EQ(pace.delays(hot::Pace::kBuckets - 1), 1U);
    EXPECT_EQ(pace.delayed_nanoseconds(), 10'001'101'000U);
}

}  // namespace
}  // namespace zverse::test
