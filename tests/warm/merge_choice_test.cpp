// Goal:    a compaction of more components than one merge may name ends all the same: in rounds, the oldest first.
// Method:  a cold tier of many stripes; choices by hand, then a mover's compaction.
#include <support/mover_parts.h>

#include <warm/merge_choice.h>

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace zverse::test
