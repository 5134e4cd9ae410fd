// Goal:    a compaction of more components than one merge may name ends all the same: in rounds, the oldest first. A
//          merge that ended early goes on as itself, once, and nobody else takes what it took.
// Method:  a cold tier of many stripes; choices by hand, then a mover's compaction; merges that are let go after a
//          part.
#include <support/mover_parts.h>

#include <warm/merge_choice.h>
#include <warm/merge_job.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace zverse::test {
namespace {

using warm::Mover;

constexpr int kStripes = static_cast<int>(cold::kReplacedMax) + 6;

class CompactionChoice : public ::testing::Test {
protected:
    CompactionChoice() {
        for (int i = 0; i < kStripes; ++i) {
            (void)parts.put(key(i), "value");
            (void)parts.put("shared", std::to_string(i));
            must(mover.flush(true));
        }
    }
    static std::string key(int i) { return "key" + std::to_string(100 + i); }

    MoverParts parts;
    Mover mover{parts.workplace(), {.fan_in = 1000, .has_workers = false}};
};

TEST_F(CompactionChoice, TakesTheOldestThatOneMergeMayName) {
    const auto tree = parts.cold().tree();
    ASSERT_EQ(tree->live().size(), static_cast<std::size_t>(kStripes));
    const auto choice = warm::choose_compaction(*tree, parts.settled());
    ASSERT_TRUE(choice);
    ASSERT_EQ(choice->inputs.size(), cold::kReplacedMax);
    EXPECT_EQ(choice->inputs.back(), tree->live().back());
    EXPECT_EQ(choice->inputs.front(), tree->live()[kStripes - cold::kReplacedMax]) << "the newest wait";
    EXPECT_TRUE(choice->oldest);
    EXPECT_TRUE(choice->compacts);
    EXPECT_EQ(choice->slab_after, tree->live().back()->slab_after());
    EXPECT_EQ(choice->slab_upto, choice->inputs.front()->slab_upto());
}

TEST_F(CompactionChoice, StopsAtTheVersionThatItBeganWith) {
    const auto tree = parts.cold().tree();
    const auto some = warm::choose_compaction(*tree, tree->live()[kStripes - 3]->slab_upto());
    ASSERT_TRUE(some);
    EXPECT_EQ(some->inputs.size(), 3U);
    EXPECT_TRUE(some->oldest);
    EXPECT_FALSE(warm::choose_compaction(*tree, tree->live().back()->slab_upto())) << "one alone is compact";
    EXPECT_FALSE(warm::choose_compaction(*tree, 0));
}

TEST_F(CompactionChoice, ASecondRoundTakesTheRest) {
    must(mover.compact());
    const auto tree = parts.cold().tree();
    ASSERT_EQ(tree->live().size(), 1U);
    EXPECT_EQ(tree->live()[0]->records(), static_cast<std::uint64_t>(kStripes) + 1);
    EXPECT_EQ(parts.records_on_disk(), 2 * static_cast<std::uint64_t>(kStripes)) << "nothing is forgotten";
    for (int i = 0; i < kStripes; ++i) EXPECT_TRUE(parts.has_settled(key(i)));
    cold::Tree::Hit hit;
    must(tree->find("shared", tree->hash("shared"), kVersionMax, hit));
    EXPECT_EQ(must(hit.segment->value(hit.record, hit.hold)), std::to_string(kStripes - 1));
    must(mover.compact());
    EXPECT_EQ(parts.cold().tree()->live(), tree->live()) << "there was nothing left to do";
}

class UnfinishedMerges : public ::testing::Test {
protected:
    static constexpr std::size_t kFanIn = 4;

    UnfinishedMerges() {
        for (std::size_t stripe = 0; stripe < 2 * kFanIn; ++stripe) {
            for (int i = 0; i < 100; ++i) (void)parts.put("key" + std::to_string(1000 + i), "value");
            must(mover.flush(true));
        }
    }
    [[nodiscard]] std::optional<warm::MergeChoice> choose(const warm::MergesRunning& running = {}) {
        return warm::choose_merge(*parts.cold().tree(), kFanIn, running);
    }
    /// Begins what is chosen, and lets it go after its first part. Its inputs.
    warm::MergesRunning begin(const warm::MergesRunning& running = {}) {
        auto choice = choose(running);
        EXPECT_TRUE(choice && choice->range_begin.empty());
        warm::MergesRunning begun;
        for (const auto& input : choice->inputs) begun.inputs.insert(input->id());
        warm::Workplace at = parts.workplace();
        at.memory.waiting_bytes = 4000;
        const auto before = parts.cold().tree();
        warm::MergeJob job(at, std::move(*choice));
        while (parts.cold().tree() == before) EXPECT_EQ(must(job.step()), warm::Progress::more);
        return begun;
    }
    static std::set<std::uint64_t> ids(const warm::MergeChoice& choice) {
        std::set<std::uint64_t> ids;
        for (const auto& input : choice.inputs) ids.insert(input->id());
        return ids;
    }

    MoverParts parts;
    Mover mover{parts.workplace(), {.fan_in = 1000, .has_workers = false}};
};

TEST_F(UnfinishedMerges, GoOnOnce) {
    const warm::MergesRunning first = begin();
    const auto choice = choose();
    ASSERT_TRUE(choice);
    EXPECT_EQ(ids(*choice), first.inputs);
    EXPECT_FALSE(choice->range_begin.empty());
    EXPECT_NE(choice->live, nullptr) << "the output that is there";
    // Somebody goes on with it: what is left are the stripes above.
    const auto others = choose(first);
    ASSERT_TRUE(others);
    EXPECT_TRUE(others->range_begin.empty());
    for (const std::uint64_t id : ids(*others)) EXPECT_FALSE(first.inputs.contains(id));
}

/// Another merge works at its level, so it waits; a new one of the same inputs would show their records twice.
TEST_F(UnfinishedMerges, AreNoInputsOfOthersWhileTheyWait) {
    const warm::MergesRunning first = begin();
    warm::MergesRunning running;
    running.levels.insert(1);
    EXPECT_FALSE(choose(running));
    for (const auto& run : parts.cold().tree()->live()) {
        if (!first.inputs.contains(run->id())) running.inputs.insert(run->id());
    }
    running.levels.clear();
    const auto choice = choose(running);
    ASSERT_TRUE(choice);
    EXPECT_EQ(ids(*choice), first.inputs);
}

TEST_F(UnfinishedMerges, TwoOfThemAreTwo) {
    const warm::MergesRunning first = begin(), second = begin(first);
    const auto choice = choose();
    ASSERT_TRUE(choice);
    EXPECT_EQ(ids(*choice), second.inputs) << "the newest";
    const auto other = choose(second);
    ASSERT_TRUE(other);
    EXPECT_EQ(ids(*other), first.inputs);
}

/// As where all records of their first parts were dropped: only where they stand tells them apart.
TEST_F(UnfinishedMerges, TwoWithoutOutputsAreTwo) {
    const auto live = parts.cold().tree()->live();
    cold::TreeChange change;
    std::set<std::uint64_t> groups[2];
    for (std::size_t i = 0; i < 2 * kFanIn; ++i) {
        change.begins.emplace_back(live[i]->id(), i < kFanIn ? "key1050" : "key1010");
        groups[i / kFanIn].insert(live[i]->id());
    }
    must(parts.cold().commit(change));
    const auto newest = choose(), other = choose({.inputs = groups[0], .levels = {}});
    ASSERT_TRUE(newest && other);
    EXPECT_EQ(ids(*newest), groups[0]);
    EXPECT_EQ(newest->range_begin, "key1050");
    EXPECT_EQ(ids(*other), groups[1]);
    EXPECT_EQ(other->range_begin, "key1010");
}

}  // namespace
}  // namespace zverse::test
