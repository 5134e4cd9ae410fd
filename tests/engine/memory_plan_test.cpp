// Goal:    whatever the budget and the rings, the shares are no more than the budget, none is too small to work with,
//          and a budget that is too small is refused with one that is enough.
// Method:  budgets from 16 MiB to far beyond any machine, by rings from one of 1 MiB to a thousand; a store opened.
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/memory_plan.h>
#include <zverse/store.h>

#include <gtest/gtest.h>

#include <string>

namespace zverse::test {
namespace {

using engine::MemoryNeeds;
using engine::MemoryPlan;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kGiB = std::uint64_t{1} << 30;

void expect_sensible(const MemoryPlan& plan, std::uint64_t budget, const MemoryNeeds& needs) {
    EXPECT_LE(plan.total(), budget);
    const std::uint64_t rings = needs.ring_bytes * needs.shards;
    EXPECT_EQ(plan.of(MemoryPlan::kRuns), rings * 33 / 64);
    EXPECT_LE(plan.index_table_bytes, rings / 8);
    EXPECT_GE(plan.of(MemoryPlan::kIndex), plan.index_table_bytes * 3 / 2);
    EXPECT_GE(plan.of(MemoryPlan::kSpare), budget / 8);
    EXPECT_GE(plan.cursor_batch_bytes, std::size_t{64} << 10);
    EXPECT_GE(plan.changes_places, 1024U);
    if (!needs.writes) {
        EXPECT_EQ(plan.of(MemoryPlan::kMoves), 0U);
        return;
    }
    EXPECT_GE(plan.merges_max, 2U) << "a large merge must not hold up those of stripes";
    EXPECT_LE(plan.merges_max, 16U);
    for (const std::uint64_t half : {plan.job.waiting_bytes, plan.job.builder_bytes}) {
        EXPECT_GE(half, 128U << 10);
        EXPECT_LE(half, 32 * kMiB);
        if (plan.merges_max > 2) {
            EXPECT_GE(half, 8 * kMiB) << "fewer merges beat small ones";
        }
    }
    const std::uint64_t value = needs.value_bytes_max != 0 ? needs.value_bytes_max : needs.ring_bytes / 4;
    const std::uint64_t job = plan.job.waiting_bytes + plan.job.builder_bytes + plan.job.read_bytes + value + 2 * kMiB;
    EXPECT_GE(plan.of(MemoryPlan::kMoves), (plan.merges_max + 1) * job);
    EXPECT_GE(plan.of(MemoryPlan::kScrub), plan.job.builder_bytes);
}

TEST(MemoryPlanTest, SharesAreNoMoreThanTheBudget) {
    for (const std::uint64_t ring : {kMiB, 4 * kMiB, 64 * kMiB, 64 * kGiB}) {
        for (const std::uint64_t shards : {1, 2, 16, 1024}) {
            for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{100'000}}) {
                for (const bool writes : {true, false}) {
                    const MemoryNeeds needs{ring, shards, value, writes};
                    const std::uint64_t needed = engine::memory_needed(needs);
                    EXPECT_GE(needed, 16 * kMiB);
                    if (needed > 16 * kMiB) {
                        EXPECT_FALSE(engine::plan_memory(needed - 128 * 1024, needs)) << needed;
                    }
                    for (std::uint64_t budget = needed; budget < 1024 * 1024 * kGiB; budget = budget * 3 / 2 + 12'345) {
                        SCOPED_TRACE(std::to_string(budget) + " for " + std::to_string(shards) + " rings of " +
                                     std::to_string(ring));
                        expect_sensible(must(engine::plan_memory(budget, needs)), budget, needs);
                        if (::testing::Test::HasFailure()) return;
                    }
                }
            }
        }
    }
}

TEST(MemoryPlanTest, WhatIsEnoughStaysEnough) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{100'000}, kMiB}) {
        for (const std::uint64_t ring : {8 * kMiB, 32 * kMiB, 64 * kMiB}) {
            const MemoryNeeds needs{ring, 2, value, true};
            const std::uint64_t needed = engine::memory_needed(needs);
            for (std::uint64_t budget = needed; budget < needed + 300 * kMiB; budget += kMiB) {
                const auto plan = engine::plan_memory(budget, needs);
                ASSERT_TRUE(plan) << budget << " for " << ring << " and " << value;
                expect_sensible(*plan, budget, needs);
            }
        }
    }
}

TEST(MemoryPlanTest, TheSmallestBudgetIsEnoughForTheSmallestRings) {
    EXPECT_EQ(engine::memory_needed({.ring_bytes = kMiB}), 16 * kMiB);
    EXPECT_EQ(must(engine::plan_memory(16 * kMiB, {.ring_bytes = kMiB})).merges_max, 2U);
}

TEST(MemoryPlanTest, MuchMemoryChangesNothingAnyMore) {
    const MemoryPlan plan = must(engine::plan_memory(64 * kGiB, {.ring_bytes = 64 * kMiB, .shards = 2}));
    EXPECT_EQ(plan.merges_max, 16U);
    EXPECT_EQ(plan.job.waiting_bytes, 32 * kMiB);
    EXPECT_EQ(plan.of(MemoryPlan::kCache), 32 * kMiB);
    EXPECT_EQ(plan.index_table_bytes, 16 * kMiB);
    EXPECT_EQ(plan.cursor_batch_bytes, kMiB);
    EXPECT_EQ(plan.changes_places, std::size_t{1} << 16);
}

TEST(MemoryPlanTest, AStoreSaysWhatItNeedsAndHowItIsDivided) {
    const TempDirectory directory;
    Options options = small_options();
    options.memory_bytes_max = 16 * kMiB;
    options.shards = 64;
    auto refused = Store::open(directory / "store", options);
    expect_error(refused, ErrorCode::invalid_argument);
    const std::uint64_t needed = engine::memory_needed({.ring_bytes = kMiB, .shards = 64});
    EXPECT_NE(refused.error().message().find(std::to_string(needed)), std::string::npos) << refused.error().message();
    options.memory_bytes_max = needed;
    Store store = must(Store::open(directory / "store", options));
    const Stats stats = store.stats();
    double planned = 0;
    for (const char* part : {"index", "runs", "cache", "cursors", "settled", "moves", "scrub", "spare"}) {
        const auto share = stats.value("zverse_memory_planned_bytes{part=\"" + std::string(part) + "\"}");
        ASSERT_TRUE(share) << part;
        EXPECT_GT(*share, 0) << part;
        planned += *share;
    }
    EXPECT_LE(planned, static_cast<double>(needed));
    EXPECT_GT(stats.value("zverse_memory_bytes{part=\"index\"}"), 0.0);
    must(store.close());
    options.memory_bytes_max = 16 * kMiB;
    options.shards = 0;
    expect_error(Store::open(directory / "store", options), ErrorCode::invalid_argument);  // as it was created
}

}  // namespace
}  // namespace zverse::test
