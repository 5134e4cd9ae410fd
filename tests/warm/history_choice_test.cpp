// Goal:    small histories are packed into few files, at their level, and what lies between them or is large stays.
//          A compaction merges small ones at a level of their own, goes on with what it began, and lets large ones be.
// Method:  a cold tier of stripes that each supersede something; choices by hand, then a mover's packs.
#include <support/mover_parts.h>

#include <platform/compression.h>
#include <warm/flush_job.h>
#include <warm/history_choice.h>
#include <warm/history_merge.h>
#include <warm/merge_job.h>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

using warm::Mover;

constexpr std::uint64_t kMemory = std::uint64_t{32} << 20;

class HistoryChoice : public ::testing::Test {
protected:
    /// One stripe: a key that is new, and `count` versions of it, all superseded inside the stripe but the last.
    void flush_stripe(int count = 2, std::size_t value_bytes = 5) {
        const std::string key = "key" + std::to_string(100 + stripes_++);
        for (int i = 0; i < count; ++i) {
            const std::string value(value_bytes, static_cast<char>('a' + i % 26));
            written_.push_back({key, value, parts.put(key, value)});
        }
        must(mover.flush(true));
    }
    /// What is in the ring, with no pack behind it.
    void flush_alone() {
        const warm::Workplace at = parts.workplace();
        warm::FlushJob job(at, true);
        while (must(job.step()) != warm::Progress::done) {}
    }
    [[nodiscard]] cold::Tree::Components histories() {
        const auto tree = parts.cold().tree();
        return tree->history().empty() ? cold::Tree::Components{} : tree->history().front();
    }
    [[nodiscard]] std::optional<warm::MergeChoice> choose(std::uint64_t memory = kMemory,
                                                          const warm::MergesRunning& running = {}) {
        return warm::choose_pack(*parts.cold().tree(), memory, running, 4);
    }
    /// Two stripes more than a segment's header can name histories.
    void flush_too_many() {
        for (std::size_t i = 0; i < cold::kReplacedMax + 2; ++i) {
            const std::string key = "key" + std::to_string(100 + i);
            (void)parts.put(key, "1");
            (void)parts.put(key, "2");
            flush_alone();
        }
        ASSERT_EQ(histories().size(), cold::kReplacedMax + 2);
    }
    /// For a compaction.
    [[nodiscard]] std::optional<warm::MergeChoice> choose_merge(const warm::MergesRunning& running = {}) {
        return warm::choose_history_merge(*parts.cold().tree(), parts.settled(), running);
    }
    /// A merge for a compaction that is let go after its first part.
    void begin_merge() {
        warm::Workplace at = parts.workplace();
        at.memory.waiting_bytes = 30'000;
        auto choice = choose_merge();
        ASSERT_TRUE(choice);
        const auto before = parts.cold().tree();
        warm::MergeJob job(at, std::move(*choice));
        while (parts.cold().tree() == before) ASSERT_EQ(must(job.step()), warm::Progress::more);
    }
    void expect_all_versions() {
        const auto tree = parts.cold().tree();
        for (const Written& each : written_) {
            cold::Tree::Hit hit;
            must(tree->find(each.key, tree->hash(each.key), each.version, hit));
            ASSERT_TRUE(hit) << each.key << " as of " << each.version;
            EXPECT_EQ(hit.record.version, each.version);
            EXPECT_EQ(must(hit.segment->value(hit.record, hit.hold)), each.value);
        }
    }

    MoverParts parts;
    Mover mover{parts.workplace(), {.fan_in = 1000, .has_workers = false}};

private:
    struct Written {
        std::string key, value;
        Version version;
    };
    int stripes_ = 0;
    std::vector<Written> written_;
};

TEST_F(HistoryChoice, AMoverPacksSixteenSmallOnes) {
    for (std::size_t i = 0; i + 1 < warm::kPackMin; ++i) flush_stripe();
    ASSERT_EQ(histories().size(), warm::kPackMin - 1);
    const Version after = histories().front()->slab_after();
    flush_stripe();
    const Version upto = parts.settled();
    ASSERT_EQ(histories().size(), 1U);
    EXPECT_EQ(mover.figures().packs, 1U);
    EXPECT_EQ(mover.figures().merges, 0U);
    const cold::Component& pack = *histories().front();
    EXPECT_EQ(pack.level(), 0U) << "as-of reads look into no level more";
    EXPECT_EQ(pack.slab_after(), after);
    EXPECT_EQ(pack.slab_upto(), upto);
    EXPECT_EQ(pack.records(), warm::kPackMin);
    expect_all_versions();
    EXPECT_EQ(parts.records_on_disk(), parts.records());
    flush_stripe();
    EXPECT_EQ(histories().size(), 2U);
    expect_all_versions();
}

TEST_F(HistoryChoice, TheOldestNeighboursComeFirst) {
    for (int i = 0; i < 3; ++i) flush_stripe();
    EXPECT_FALSE(choose()) << "too few";
    for (int i = 0; i < 2; ++i) flush_stripe();
    const auto choice = choose();
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->inputs, histories());
    EXPECT_EQ(choice->level, 0U);
    EXPECT_TRUE(choice->at_once);
    EXPECT_TRUE(choice->of_history);
    EXPECT_FALSE(choice->compacts);
    EXPECT_FALSE(choose(kMemory, {.inputs = {}, .levels = {0}})) << "a merge may be making a history at that level";
    EXPECT_TRUE(choose(kMemory, {.inputs = {}, .levels = {1}}));
}

TEST_F(HistoryChoice, WhatIsLargeStaysAndSeparates) {
    for (int i = 0; i < 3; ++i) flush_stripe();
    flush_stripe(20, 20'000);
    const cold::Component& large = *histories().back();
    const auto memory = static_cast<std::uint64_t>(warm::waiting_bytes(large) * 3.9);
    for (int i = 0; i < 3; ++i) flush_stripe();
    EXPECT_FALSE(choose(memory)) << "three on each side of it";
    flush_stripe();
    const auto choice = choose(memory);
    ASSERT_TRUE(choice);
    ASSERT_EQ(choice->inputs.size(), 4U);
    EXPECT_EQ(choice->slab_after, large.slab_upto());
}

TEST_F(HistoryChoice, WhatWouldBeMoreThanHalfOfAPackIsNotWrittenAgain) {
    flush_stripe(20, 20'000);
    for (int i = 0; i < 4; ++i) flush_stripe();
    const auto choice = choose();
    ASSERT_TRUE(choice);
    const auto all = histories();
    EXPECT_EQ(choice->inputs, cold::Tree::Components(all.begin() + 1, all.end()));
}

TEST_F(HistoryChoice, FewAreEnoughWhenTheyFillTheMemoryByHalf) {
    for (int i = 0; i < 3; ++i) flush_stripe(20, 20'000);
    EXPECT_FALSE(choose());
    const double each = warm::waiting_bytes(*histories().front());
    const auto choice = choose(static_cast<std::uint64_t>(each * 5));
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->inputs.size(), 3U);
    EXPECT_FALSE(choose(static_cast<std::uint64_t>(each * 3.5))) << "each is large enough, though three would fit";
    flush_stripe(20, 20'000);
    flush_stripe(20, 20'000);
    const auto some = choose(static_cast<std::uint64_t>(each * 4.1));
    ASSERT_TRUE(some);
    EXPECT_EQ(some->inputs.size(), 4U) << "not more than there is memory for";
}

/// It goes on as what it is.
TEST_F(HistoryChoice, WhatAMergeHasBegunIsNotPacked) {
    for (int i = 0; i < 9; ++i) flush_stripe(20, 1000);
    ASSERT_TRUE(choose());
    begin_merge();
    ASSERT_GE(histories().size(), 5U);
    EXPECT_FALSE(choose());
}

TEST_F(HistoryChoice, APackHasAsManyInputsAsAHeaderCanName) {
    flush_too_many();
    const auto choice = choose();
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->inputs.size(), cold::kReplacedMax);
}

/// The others are left to a second round.
TEST_F(HistoryChoice, AMergeHasAsManyInputsAsAHeaderCanName) {
    flush_too_many();
    const auto choice = choose_merge();
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->inputs.size(), cold::kReplacedMax);
}

/// At the level of another merge it would wait for that one to end.
TEST_F(HistoryChoice, AMergeHasALevelOfItsOwn) {
    for (int i = 0; i < 3; ++i) flush_stripe();
    const auto level = [&](const warm::MergesRunning& running) {
        const auto choice = choose_merge(running);
        return choice ? choice->level : 0;
    };
    EXPECT_EQ(level({}), 1U);
    EXPECT_EQ(level({.inputs = {}, .levels = {1}}), 2U);
    EXPECT_EQ(level({.inputs = {}, .levels = {1, 2}}), 3U);
    EXPECT_EQ(level({.inputs = {}, .levels = {2}}), 1U);
}

TEST_F(HistoryChoice, AMergeTakesNoneThatIsLargerThanTwiceAllBeforeIt) {
    flush_stripe(20, 20'000);
    for (int i = 0; i < 3; ++i) flush_stripe();
    const auto all = histories();
    const std::uint64_t large = all[0]->bytes(), small = all[1]->bytes() + all[2]->bytes() + all[3]->bytes();
    ASSERT_GT(large, 2 * small);
    const auto choice = choose_merge();
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->inputs, cold::Tree::Components(all.begin() + 1, all.end()));
    flush_stripe(20, 20'000);
    const auto whole = choose_merge();
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->inputs.size(), 5U) << "all up to the second large one, which is not";
}

TEST_F(HistoryChoice, AMergeThatEndedEarlyGoesOn) {
    for (int i = 0; i < 9; ++i) flush_stripe(20, 1000);
    const auto before = histories();
    begin_merge();
    const auto levels = parts.cold().tree()->history();
    ASSERT_EQ(levels.size(), 2U) << "what is left of the inputs, and the output";
    const auto choice = choose_merge();
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->history, levels[1].front());
    EXPECT_EQ(choice->level, 1U);
    EXPECT_FALSE(choice->range_begin.empty());
    EXPECT_EQ(choice->slab_after, before.front()->slab_after());
    EXPECT_EQ(choice->slab_upto, before.back()->slab_upto());
    const warm::Workplace at = parts.workplace();
    warm::MergeJob job(at, *choice);
    while (must(job.step()) != warm::Progress::done) {}
    ASSERT_EQ(histories().size(), 1U);
    EXPECT_EQ(histories().front()->level(), 1U) << "the same output";
    EXPECT_EQ(parts.records_on_disk(), parts.records());
    expect_all_versions();
}

/// Merges of stripes, the second of three unfinished; what they supersede comes first of all keys or last.
class PacksBesideMerges : public HistoryChoice, public ::testing::WithParamInterface<const char*> {
protected:
    PacksBesideMerges() {
        const std::string value(300, 'v');
        for (int stripe = 0; stripe < 12; ++stripe) {
            for (int i = 0; i < 100; ++i) (void)parts.put("key" + std::to_string(1000 * stripe + i), value);
            (void)parts.put(GetParam(), value);
            flush_alone();
        }
        merge();
        const auto unfinished = merge(false);
        merge(true, unfinished);
    }
    /// What is chosen, wholly or its first part. Its inputs.
    warm::MergesRunning merge(bool whole = true, const warm::MergesRunning& running = {}) {
        auto choice = warm::choose_merge(*parts.cold().tree(), 4, running);
        EXPECT_TRUE(choice);
        warm::MergesRunning begun;
        for (const auto& input : choice->inputs) begun.inputs.insert(input->id());
        warm::Workplace at = parts.workplace();
        at.memory.builder_bytes = 4000;
        const auto before = parts.cold().tree();
        warm::MergeJob job(at, std::move(*choice));
        while (must(job.step()) != warm::Progress::done) {
            if (!whole && parts.cold().tree() != before) break;
        }
        return begun;
    }
};

/// More of its history may follow, which then would lie in a slab that a pack has already.
TEST_P(PacksBesideMerges, WhatIsInTheMakingSeparates) {
    const std::size_t made = GetParam() == std::string("a") ? 3 : 2;
    ASSERT_EQ(histories().size(), made) << "of level 1";
    ASSERT_EQ(histories().front()->level(), 1U);
    EXPECT_FALSE(warm::choose_pack(*parts.cold().tree(), kMemory, {}, 2));
    merge();
    const auto choice = warm::choose_pack(*parts.cold().tree(), kMemory, {}, 2);
    ASSERT_TRUE(choice) << "it has come to its end";
    EXPECT_EQ(choice->inputs.size(), 3U);
}
INSTANTIATE_TEST_SUITE_P(Superseded, PacksBesideMerges, ::testing::Values("a", "z"),
                         [](const auto& param) { return param.param == std::string("a") ? "First" : "Last"; });

/// With less memory than the choice went by a pack has parts, and one after the other would show a version twice.
TEST_F(HistoryChoice, PartsOfAPackCountTogether) {
    for (int i = 0; i < 5; ++i) flush_stripe(20, 1000);
    const auto before = parts.cold().tree();
    const std::uint64_t records = parts.records();
    warm::Workplace at = parts.workplace();
    at.memory.waiting_bytes = 30'000;
    at.compression = Compression::history;
    auto choice = choose();
    ASSERT_TRUE(choice);
    for (const bool whole : {false, true}) {
        warm::MergeJob job(at, *choice);
        int steps = 0;
        for (auto progress = warm::Progress::more; progress != warm::Progress::done && (whole || steps < 2); ++steps) {
            progress = must(job.step());
            if (progress != warm::Progress::done) {
                ASSERT_EQ(parts.cold().tree(), before) << "step " << steps;
            }
        }
        EXPECT_GT(steps, 1);
        EXPECT_GT(job.bytes_written(), 0U) << "a part was written; where it is not the last, it goes with the job";
    }
    ASSERT_EQ(histories().size(), 1U);
    EXPECT_GT(histories().front()->parts().size(), 2U);
    EXPECT_EQ(histories().front()->parts().front()->compressed(), platform::has_compression()) << "no flush wrote it";
    EXPECT_EQ(parts.records(), records);
    EXPECT_EQ(parts.records_on_disk(), records);
    expect_all_versions();
}

}  // namespace
}  // namespace zverse::test
