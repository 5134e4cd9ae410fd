// Goal:    a merge of histories keeps to its memory, whatever lies in them: also where one key has most of the records.
// Method:  a cold tier of stripes with a key that was written again and again; a job that may take far less than that.
#include <support/mover_parts.h>

#include <warm/history_choice.h>
#include <warm/merge_job.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

namespace zverse::test {
namespace {

using warm::Mover;

class HotKeyMerge : public ::testing::TestWithParam<std::size_t> {
protected:
    static constexpr std::uint64_t kWaiting = 60'000;

    /// Of its parameter's size; kWaiting holds the versions of a few of them at most.
    void put(const std::string& key) {
        const std::string value = std::to_string(written_.size()) + std::string(GetParam(), 'v');
        written_[{key, parts.put(key, value)}] = value;
    }
    void flush_stripes(const std::string& hot) {
        for (int stripe = 0; stripe < 5; ++stripe) {
            for (std::size_t i = 0; i < 400'000 / (GetParam() + hot.size() + 100); ++i) {
                put(hot);
                if (i % 20 == 0) put("a" + std::to_string(i % 7));
                if (i % 30 == 0) put("z" + std::to_string(i % 11));
            }
            must(mover.flush(true));
        }
    }
    /// The most memory that it took.
    std::uint64_t merge() {
        warm::Workplace at = parts.workplace();
        at.memory.waiting_bytes = kWaiting;
        auto choice = warm::choose_history_merge(*parts.cold().tree(), parts.settled(), {});
        EXPECT_TRUE(choice && choice->inputs.size() > 4);
        warm::MergeJob job(at, std::move(*choice));
        std::uint64_t most = 0;
        for (auto progress = warm::Progress::more; progress != warm::Progress::done;) {
            progress = must(job.step());
            most = std::max(most, job.memory_bytes());
        }
        return most;
    }
    /// Of all versions, those that may be needed as of the floor or later.
    [[nodiscard]] std::uint64_t needed(Version floor) const {
        std::uint64_t count = 0;
        for (auto each = written_.begin(); each != written_.end(); ++each) {
            const auto newer = std::next(each);
            const bool is_last = newer == written_.end() || newer->first.first != each->first.first;
            count += is_last || newer->first.second > floor ? 1 : 0;
        }
        return count;
    }
    void expect_all_versions() {
        const auto tree = parts.cold().tree();
        for (const auto& [place, value] : written_) {
            cold::Tree::Hit hit;
            must(tree->find(place.first, tree->hash(place.first), place.second, hit));
            ASSERT_TRUE(hit) << place.first << " as of " << place.second;
            ASSERT_EQ(hit.record.version, place.second);
            ASSERT_EQ(must(hit.segment->value(hit.record, hit.hold)), value);
        }
    }

    /// Histories by version have no columns, so nothing tells a merge where a part should end.
    [[nodiscard]] warm::Workplace by_version() {
        warm::Workplace at = parts.workplace();
        at.curve.rule = "v";
        return at;
    }

    MoverParts parts;
    Mover mover{by_version(), {.fan_in = 1000, .has_workers = false}};

private:
    std::map<std::pair<std::string, Version>, std::string> written_;
};

TEST_P(HotKeyMerge, AKeyOfManyVersionsTakesNoMoreMemory) {
    for (const std::string hot : {"hot", "a3", "z10", "0"}) flush_stripes(hot);
    flush_stripes(std::string(kKeyBytesMax, 'x'));
    const std::uint64_t records = parts.records();
    const std::uint64_t most = merge();
    // A part is narrowed once it has half more than its memory, and a block is taken as a whole; zones name keys.
    EXPECT_LT(most, kWaiting * 2 + 2 * kKeyBytesMax) << "of " << records << " records";
    EXPECT_EQ(parts.records(), records);
    EXPECT_EQ(parts.records_on_disk(), records);
    for (const auto& component : parts.cold().tree()->all()) {
        for (const auto& part : component->parts()) {
            EXPECT_TRUE(!part->range_end() || *part->range_end() > part->last_key());
        }
    }
    expect_all_versions();
}

TEST_P(HotKeyMerge, WhatIsExpiredOfAKeyIsLeftOut) {
    flush_stripes("hot");
    const Version floor = parts.settled() / 2;
    must(parts.cold().commit({.segments = {}, .begins = {}, .cut = {}, .floor = floor, .others = {}}));
    EXPECT_EQ(parts.records(), needed(0));
    (void)merge();
    // What was superseded from stripe to stripe stays a live record of the older one.
    std::uint64_t live = 0;
    for (const auto& run : parts.cold().tree()->live()) live += run->records();
    ASSERT_LT(live, 200U);
    EXPECT_GE(parts.records(), needed(floor));
    EXPECT_LE(parts.records(), needed(floor) + live);
}

INSTANTIATE_TEST_SUITE_P(ValueBytes, HotKeyMerge, ::testing::Values(10, 1000, 6000));

}  // namespace
}  // namespace zverse::test
