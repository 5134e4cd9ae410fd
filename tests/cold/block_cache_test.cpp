// Goal:    the cache keeps what was used last, within its bounds, and what leaves it stays for who holds it: records,
//          cursors and merges read on while it is filled by others.
// Method:  its places one by one; then a compressed history read through a cache of four blocks, beside readers who
//          push all of them out; freed memory reads as something else.
#include <support/cold_parts.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <cold/tree_records.h>
#include <cold/tree_scan.h>
#include <platform/posix_file_io.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include <malloc.h>

namespace zverse::test {
namespace {

using cold::BlockCache;
using cold::BlockHold;
using cold::Segment;

constexpr std::uint64_t kStore[2] = {7, 8};

BlockHold block_of(std::size_t bytes) { return std::shared_ptr<std::byte[]>(new std::byte[bytes]); }

TEST(BlockCacheTest, TheBlockUsedLongestAgoLeavesFirst) {
    BlockCache cache(0);  // one set
    std::map<std::uint64_t, std::weak_ptr<const std::byte[]>> blocks;
    for (std::uint64_t unit = 1; unit <= 4; ++unit) {
        BlockHold block = block_of(100 * unit);
        blocks[unit] = block;
        cache.keep(1, unit, 100 * unit, std::move(block));
    }
    EXPECT_EQ(cache.memory_bytes(), 1000U);
    EXPECT_EQ(cache.find(1, 1), blocks[1].lock());
    BlockHold held = cache.find(1, 3);
    const auto fifth = block_of(50);
    cache.keep(1, 5, 50, fifth);
    EXPECT_EQ(cache.find(1, 2), nullptr);
    EXPECT_TRUE(blocks[2].expired());
    EXPECT_EQ(cache.memory_bytes(), 850U);
    for (std::uint64_t unit = 6; unit < 10; ++unit) cache.keep(1, unit, 1, block_of(1));
    EXPECT_EQ(cache.memory_bytes(), 4U);
    EXPECT_EQ(cache.find(1, 3), nullptr);
    EXPECT_EQ(held, blocks[3].lock()) << "who holds it keeps it";
    held = nullptr;
    EXPECT_TRUE(blocks[3].expired());
}

TEST(BlockCacheTest, LargeBlocksAreNotKept) {
    BlockCache cache(0);
    cache.keep(1, 1, BlockCache::kBlockBytesKept, block_of(1));
    cache.keep(1, 2, BlockCache::kBlockBytesKept + 1, block_of(1));
    EXPECT_NE(cache.find(1, 1), nullptr);
    EXPECT_EQ(cache.find(1, 2), nullptr);
}

TEST(BlockCacheTest, HasRoomForWhatItWasTold) {
    BlockCache cache(std::uint64_t{4} << 20);
    for (std::uint64_t unit = 0; unit < 4096; ++unit) cache.keep(unit % 7, unit, 8000, block_of(1));
    EXPECT_LE(cache.memory_bytes(), std::uint64_t{4} << 20);
    EXPECT_GE(cache.memory_bytes(), std::uint64_t{3} << 20) << "its sets are filled evenly";
}

class EvictedBlocks : public ::testing::Test {
protected:
    void SetUp() override {
        if (!platform::has_compression()) GTEST_SKIP() << "libzstd is not built in";
        // What nobody holds any more reads as something else.
        (void)mallopt(M_PERTURB, 0x5a);
        records_ = random_records(random_, world_);
        cold::SegmentPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.segment = plan.component = 1;
        plan.kind = cold::SegmentKind::history;
        plan.compress = true;
        plan.slab_upto = world_.upto;
        plan.curve = must(cold::Curve::parse("vkvk"));
        plan.block_bytes = cold::kCompressedBlockBytes;
        (void)write_segment(*io_, directory_ / "segment", plan, records_);
        segment_ = must(Segment::open(*io_, directory_ / "segment", kStore, 1, std::make_shared<BlockCache>(0)));
        ASSERT_GT(segment_->zones().blocks(), 20U);
        tree_ = cold::Tree({std::make_shared<cold::Component>(cold::Component::Parts{segment_}, "")},
                           cold::segment_seed(kStore, 0));
        for (const OwnRecord& record : records_) by_key_[record.key].emplace(record.version, &record);
    }

    /// So that the cache has none of those that were in it.
    void push_out() {
        const std::size_t first = random_.below(segment_->zones().blocks());
        for (std::size_t i = 0; i < 8; ++i) (void)must(segment_->block((first + i) % segment_->zones().blocks()));
    }
    /// What is alive at v, by key.
    [[nodiscard]] std::vector<const OwnRecord*> alive(Version v) const {
        std::vector<const OwnRecord*> alive;
        for (const auto& [key, versions] : by_key_) {
            const auto behind = versions.upper_bound(v);
            if (behind != versions.begin() && std::prev(behind)->second->superseded > v) {
                alive.push_back(std::prev(behind)->second);
            }
        }
        return alive;
    }
    void scan(Version v, bool reverse, const std::function<void()>& between) const {
        std::vector<const OwnRecord*> expected = alive(v);
        std::erase_if(expected, [](const OwnRecord* each) { return each->tombstone; });
        if (reverse) std::ranges::reverse(expected);
        auto scan = must(cold::TreeScan::open(tree_, {}, v, reverse));
        for (const OwnRecord* each : expected) {
            between();
            ASSERT_TRUE(scan.valid());
            ASSERT_EQ(scan.key(), each->key);
            ASSERT_EQ(must(scan.value()), each->value);
            must(scan.next());
        }
        ASSERT_FALSE(scan.valid());
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    TempDirectory directory_;
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    RecordWorld world_{.keys = 150, .records = 3000, .upto = 20'000, .texts = true};
    std::vector<OwnRecord> records_;
    std::map<std::string, std::map<Version, const OwnRecord*>> by_key_;
    std::shared_ptr<Segment> segment_;
    cold::Tree tree_;
};

TEST_F(EvictedBlocks, StayForCursors) {
    for (int i = 0; i < 10; ++i) {
        scan(random_.between(1, world_.upto - 1), i % 2 == 0, [this] { push_out(); });
        if (HasFatalFailure()) return;
    }
}

TEST_F(EvictedBlocks, StayForRecordsThatWereRead) {
    std::vector<cold::RecordPlace> places;
    std::vector<std::pair<std::string, cold::HeldRecord>> held;
    (void)must(cold::records_of_range(*io_, tree_, {}, {0, kVersionMax}, false, records_.size(), places));
    ASSERT_EQ(places.size(), records_.size());
    for (const cold::RecordPlace& place : places) {
        std::string key;
        cold::HeldRecord record = must(cold::read_record(place, key));
        held.emplace_back(std::move(key), std::move(record));
    }
    push_out();
    for (const auto& [key, record] : held) {
        const OwnRecord& expected = *by_key_.at(key).at(record.version);
        cold::BlockHold hold;
        ASSERT_EQ(must(segment_->value(record, hold)), expected.value) << key;
    }
}

TEST_F(EvictedBlocks, StayForEachOfManyThreads) {
    std::atomic<bool> over{false};
    std::thread pusher([&] {
        // relaxed: only that it ends.
        for (std::size_t i = 0; !over.load(std::memory_order_relaxed); ++i) {
            (void)must(segment_->block(i % segment_->zones().blocks()));
        }
    });
    std::vector<std::thread> readers;
    for (Version v = 1; v <= 3; ++v) {
        readers.emplace_back([this, v] {
            for (Version at = v; at < world_.upto; at += kSanitized ? 4000 : 700) {
                scan(at, at % 2 == 0, [] {});
                for (std::size_t i = v; i < records_.size(); i += 20) {
                    const OwnRecord& record = records_[i];
                    auto hit = must(find_in(*segment_, record.key, tree_.hash(record.key), record.version));
                    ASSERT_EQ(must(segment_->value(hit.record, hit.hold)), record.value);
                }
            }
        });
    }
    for (std::thread& each : readers) each.join();
    over.store(true, std::memory_order_relaxed);
    pusher.join();
}

}  // namespace
}  // namespace zverse::test
