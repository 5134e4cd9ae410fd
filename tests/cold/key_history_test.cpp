// Goal:    the versions of a key that has very many come in order, all that are wanted and no other, in both
//          directions, whatever the curve and however few blocks are listed at once; what is not wanted is not read.
// Method:  a history segment of few keys, one of them in most records, along several curves; random stretches of
//          versions. Blocks that should not be read are damaged.
#include <support/cold_parts.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <cold/key_history.h>
#include <platform/posix_file_io.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using cold::KeyHistory;

constexpr std::uint64_t kStore[2] = {5, 6};
constexpr Version kVersions = 20'000;

class KeyHistoryTest : public ::testing::TestWithParam<const char*> {
protected:
    KeyHistoryTest() {
        for (Version version = 1; version <= kVersions; ++version) {
            OwnRecord record;
            record.key = random_.one_in(10) ? "key" + std::to_string(random_.below(40)) : "much";
            record.version = version;
            record.superseded = version + 1;
            record.tombstone = random_.one_in(9);
            if (!record.tombstone) record.value = std::to_string(version) + random_.bytes(random_.below(20));
            by_key_[record.key].push_back(record);
        }
        std::vector<OwnRecord> records;
        for (const auto& [key, versions] : by_key_) records.insert(records.end(), versions.rbegin(), versions.rend());
        cold::SegmentPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.segment = plan.component = 1;
        plan.kind = cold::SegmentKind::history;
        plan.slab_upto = kVersions;
        plan.block_bytes = 1000;
        plan.curve = must(cold::Curve::parse(GetParam()));
        write_segment(*io_, path_, plan, records);
    }

    cold::Tree tree() {
        segment_ = must(cold::Segment::open(*io_, path_, kStore, 1));
        return {{std::make_shared<cold::Component>(cold::Component::Parts{segment_}, "")},
                cold::segment_seed(kStore, 0)};
    }

    void expect_history(const cold::Tree& tree, const std::string& key, cold::VersionStretch wanted, bool oldest_first,
                        std::size_t at_once) {
        std::vector<const OwnRecord*> expected;
        for (const OwnRecord& record : by_key_[key]) {
            if (record.version > wanted.after && record.version <= wanted.upto) expected.push_back(&record);
        }
        if (!oldest_first) std::ranges::reverse(expected);
        KeyHistory history = must(KeyHistory::open(tree, key, wanted, oldest_first, at_once));
        for (const OwnRecord* record : expected) {
            ASSERT_TRUE(history.valid()) << key << " ends before " << record->version;
            ASSERT_EQ(history.version(), record->version) << key;
            ASSERT_EQ(must(history.value()), record->value);
            ASSERT_EQ(history.tombstone(), record->tombstone);
            must(history.next());
        }
        ASSERT_FALSE(history.valid()) << key << " goes on with " << history.version();
    }

    /// Flips a bit in each block whose zone lies outside of a stretch, but for those that a posting of the key names.
    void damage_beside(const cold::Tree& tree, const std::string& key, cold::VersionStretch wanted) {
        std::vector<cold::Segment::Place> begins;
        must(segment_->postings(key, tree.hash(key), 0, kVersionMax, begins));
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        for (std::size_t i = 0; i < segment_->zones().blocks(); ++i) {
            const cold::Zone& zone = segment_->zones().block(i);
            if (zone.version_max > wanted.after && zone.version_min <= wanted.upto) continue;
            if (std::ranges::count(begins, i, &cold::Segment::Place::block) > 0) continue;
            const auto at = static_cast<std::streamoff>(segment_->offset_of(i) + zone.bytes / 2);
            file.seekg(at);
            const auto byte = static_cast<char>(file.get() ^ 4);
            file.seekp(at);
            file.put(byte);
            ++damaged_;
        }
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    const TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "history";
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    std::map<std::string, std::vector<OwnRecord>> by_key_;  ///< ascending
    std::shared_ptr<cold::Segment> segment_;
    std::size_t damaged_ = 0;
};

TEST_P(KeyHistoryTest, AllThatIsWantedComesInOrder) {
    const cold::Tree all = tree();
    EXPECT_GT(segment_->zones().blocks(), 300U);
    for (int i = 0; i < 100; ++i) {
        const std::string key = random_.one_in(3) ? "key" + std::to_string(random_.below(40)) : "much";
        const Version after = random_.one_in(4) ? 0 : random_.below(kVersions);
        const Version upto = random_.one_in(4) ? kVersionMax : random_.between(after, kVersions);
        const std::size_t at_once = random_.one_in(2) ? KeyHistory::kBlocksAtOnceUsual : random_.between(1, 30);
        expect_history(all, key, {after, upto}, random_.one_in(2), at_once);
        if (HasFailure()) return;
    }
}

TEST_P(KeyHistoryTest, WhatLiesBesideIsNotRead) {
    const cold::VersionStretch wanted{kVersions / 2, kVersions / 2 + 50};
    const cold::Tree whole = tree();
    damage_beside(whole, "much", wanted);
    // Where a row of the curve is a block or less, each block begins a stretch.
    EXPECT_GT(damaged_, std::string(GetParam()).size() > 4 ? 20U : segment_->zones().blocks() / 2);
    const cold::Tree damaged = tree();
    expect_history(damaged, "much", wanted, false, KeyHistory::kBlocksAtOnceUsual);
    expect_history(damaged, "much", wanted, true, KeyHistory::kBlocksAtOnceUsual);
}

INSTANTIATE_TEST_SUITE_P(Curves, KeyHistoryTest, ::testing::Values("", "v", "vvkk", "vvvvvv", "kvkvkv", "vvvvvvvv"),
                         [](const auto& test) { return test.index == 0 ? "none" : std::string(test.param); });

}  // namespace
}  // namespace zverse::test
