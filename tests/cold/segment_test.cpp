// Goal:    a segment gives back exactly the records that went in, by every road: block by block, by key and version
//          through the index, and by box through the zones; and says what it is.
// Method:  random records of every shape (long keys, values outside, tombstones), live and under several curves,
//          compressed and not, read where they lie and copied, against searches through the list they came from.
#include <support/cold_parts.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include <sys/mman.h>

namespace zverse::test {
namespace {

using cold::kOpen;
using cold::Segment;
using cold::SegmentReads;

constexpr std::uint64_t kStore[2] = {7, 8};

TEST(Numbers, AreReadAsTheyWereWritten) {
    const SeedScope seed;
    Random random(seed.seed());
    std::array<std::byte, 32> bytes{};
    for (int i = 0; i < 20'000; ++i) {
        const unsigned bits = static_cast<unsigned>(random.below(65));
        const std::uint64_t number = bits == 0 ? 0 : random.next() >> (64 - bits);
        std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random.next()); });
        const std::byte* const end = cold::write_number(bytes.data(), number);
        // Whatever lies behind it, and however little.
        for (const std::byte* bound = end; bound != bytes.data() + bytes.size(); ++bound) {
            const std::byte* at = bytes.data();
            std::uint64_t read = ~number;
            ASSERT_TRUE(cold::read_number(at, bound, read)) << number;
            ASSERT_EQ(read, number);
            ASSERT_EQ(at, end) << number;
        }
        const std::byte* at = bytes.data();
        std::uint64_t read = 0;
        ASSERT_FALSE(cold::read_number(at, end - 1, read)) << number << " without its last byte";
    }
    bytes.fill(std::byte{0xff});
    bytes[9] = std::byte{2};
    const std::byte* at = bytes.data();
    std::uint64_t read = 0;
    EXPECT_FALSE(cold::read_number(at, bytes.data() + bytes.size(), read)) << "more than 64 bits";
}

class SegmentTest : public ::testing::TestWithParam<SegmentReads> {
protected:
    std::shared_ptr<Segment> make(const RecordWorld& world, const std::vector<OwnRecord>& records,
                                  std::string_view pattern, std::size_t block_bytes = 16384, bool compress = false) {
        cold::SegmentPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.segment = ++segments_;
        plan.component = 40;
        plan.part = 2;
        plan.kind = world.live ? cold::SegmentKind::live : cold::SegmentKind::history;
        plan.level = 3;
        plan.slab_after = world.after;
        plan.slab_upto = world.upto;
        plan.curve = must(cold::Curve::parse(pattern));
        plan.replaced = {11, 12, 13};
        plan.range_begin = "0";
        plan.created = 99;
        plan.block_bytes = block_bytes;
        plan.compress = compress;
        const auto path = directory_ / (std::to_string(segments_) + ".zseg");
        (void)write_segment(*io_, path, plan, records, "z");
        return must(Segment::open(*io_, path, kStore, segments_, cache_, GetParam()));
    }

    /// Behind the end of a file whoever touches a mapping gets a SIGBUS, as from a medium that fails; but who asks the
    /// kernel first is told.
    [[nodiscard]] bool tells_missing_pages() {
        const auto nothing = must(io_->create_zeroed(directory_ / "nothing", 0));
        void* const behind = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, nothing->descriptor(), 0);
        if (behind == MAP_FAILED) return false;
        const bool told = ::madvise(behind, 4096, MADV_POPULATE_READ) != 0 && errno == EFAULT;
        ::munmap(behind, 4096);
        return told;
    }

    static std::vector<OwnRecord> in_key_order(std::vector<OwnRecord> records) {
        std::ranges::sort(records, [](const OwnRecord& a, const OwnRecord& b) {
            return a.key != b.key ? a.key < b.key : a.version > b.version;
        });
        return records;
    }

    TempDirectory directory_;
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    std::uint64_t segments_ = 0;
    /// So small that blocks leave it all the time.
    const std::shared_ptr<cold::BlockCache> cache_ = std::make_shared<cold::BlockCache>(0);
};

/// The worlds and curves that every test goes through.
struct Shape {
    RecordWorld world;
    std::string pattern;
    std::size_t block_bytes;
    bool compress = false;
};
std::vector<Shape> shapes() {
    const RecordWorld live{.keys = 3000, .records = 4000, .live = true};
    const RecordWorld few{.keys = 3, .records = 1500};
    const RecordWorld many{.keys = 300, .records = 4000, .after = 1000, .upto = 30000};
    const RecordWorld one{.keys = 1, .records = 300};
    const RecordWorld odd{.keys = 200, .records = 1500, .long_keys = true, .large_values = true};
    const RecordWorld texts{.keys = 500, .records = 8000, .upto = 30000, .texts = true};
    const RecordWorld odd_texts{.keys = 200, .records = 1500, .long_keys = true, .large_values = true, .texts = true};
    std::vector<Shape> all{{live, "", 16384},
                           {live, "", 4096},
                           {few, "", 4096},
                           {few, "vvkk", 4096},
                           {many, "vvkkkk", 4096},
                           {many, "kvkvkv", 4096},
                           {odd, "vvkk", 16384},
                           {odd, "vkkv", 512},
                           {one, "vvkk", 512},
                           {one, "kvkv", 1024},
                           {{.keys = 1, .records = 1}, "", 16384}};
    if (platform::has_compression()) {
        all.insert(all.end(), {{texts, "vvkkkk", 16384, true},
                               {texts, "", 2000, true},
                               {odd_texts, "vkkv", 4096, true},
                               {few, "kvkv", 16384, true},
                               {one, "vvkk", 1024, true},
                               {{.keys = 1, .records = 1}, "", 16384, true}});
    }
    return all;
}

TEST_P(SegmentTest, GivesBackEveryRecordInTheOrderOfItsCurve) {
    const SeedScope seed;
    Random random(seed.seed());
    for (const Shape& shape : shapes()) {
        const auto records = random_records(random, shape.world);
        const auto segment = make(shape.world, records, shape.pattern, shape.block_bytes, shape.compress);
        const auto all = read_all(*segment);
        EXPECT_EQ(in_key_order(all), records) << shape.pattern;
        const auto grid = grid_of(records, segment->curve(), shape.world.after, shape.world.upto);
        const auto code = [&](const OwnRecord& record) {
            return segment->curve().encode(grid.column_of(record.key), grid.row_of(record.version));
        };
        EXPECT_TRUE(std::ranges::is_sorted(all, {}, [&](const OwnRecord& record) {
            return std::tuple(code(record), record.key, kOpen - record.version);
        })) << shape.pattern;
    }
}

TEST_P(SegmentTest, FindsTheNewestRecordAsOfAnyVersion) {
    const SeedScope seed;
    Random random(seed.seed());
    for (const Shape& shape : shapes()) {
        const auto records = random_records(random, shape.world);
        const auto segment = make(shape.world, records, shape.pattern, shape.block_bytes, shape.compress);
        const std::uint64_t hash_seed = cold::segment_seed(kStore, 0);
        for (int i = 0; i < 5000; ++i) {
            const OwnRecord& near = records[random.below(records.size())];
            const std::string key = random.one_in(4) ? random_key(random, shape.world) + "x" : near.key;
            const Version as_of = random.one_in(3) ? kOpen : near.version + random.below(3) - 1;
            const auto expected = std::ranges::find_if(
                records, [&](const OwnRecord& record) { return record.key == key && record.version <= as_of; });
            auto found = must(find_in(*segment, key, cold::hash_key(key, hash_seed), as_of));
            ASSERT_EQ(static_cast<bool>(found), expected != records.end()) << key << " as of " << as_of;
            if (!found) continue;
            ASSERT_EQ(found.record.version, expected->version);
            ASSERT_EQ(found.record.superseded, expected->superseded);
            ASSERT_EQ(found.record.tombstone, expected->tombstone);
            ASSERT_EQ(must(segment->value(found.record, found.hold)), expected->value);
        }
    }
}

TEST_P(SegmentTest, PostingsReachEveryRecordOfAKey) {
    const SeedScope seed;
    Random random(seed.seed());
    for (const Shape& shape : shapes()) {
        const auto records = random_records(random, shape.world);
        const auto segment = make(shape.world, records, shape.pattern, shape.block_bytes, shape.compress);
        const std::uint64_t hash_seed = cold::segment_seed(kStore, 0);
        std::set<std::string> keys;
        for (const OwnRecord& record : records) keys.insert(record.key);
        for (const std::string& key : keys) {
            std::vector<Segment::Place> places;
            // All versions, or some.
            const Version after = random.one_in(2) ? 0 : random.below(2000);
            const Version upto = random.one_in(2) ? kOpen : random.between(after, 2000);
            must(segment->postings(key, cold::hash_key(key, hash_seed), after, upto, places));
            std::set<Version> versions;
            for (auto [number, offset] : places) {
                Version above = kOpen;
                for (bool same = true; same && number < segment->zones().blocks(); ++number) {
                    const cold::BlockReader block = must(segment->block(number));
                    if (offset == 0) offset = block.begin();
                    cold::StoredRecord stored;
                    for (; same && offset != block.end(); offset = stored.next) {
                        ASSERT_TRUE(block.read(offset, stored));
                        same = block.has_key(stored, key) && stored.version < above;
                        above = stored.version;
                        EXPECT_TRUE(!same || versions.insert(stored.version).second) << key;
                    }
                    offset = 0;
                }
            }
            const auto wanted = [&](Version version) { return version > after && version <= upto; };
            std::erase_if(versions, [&](Version version) { return !wanted(version); });
            const auto count = std::ranges::count_if(
                records, [&](const OwnRecord& record) { return record.key == key && wanted(record.version); });
            ASSERT_EQ(static_cast<std::ptrdiff_t>(versions.size()), count) << key;
        }
    }
}

TEST_P(SegmentTest, ZonesLeaveOutOnlyBlocksWithoutAnAnswer) {
    const SeedScope seed;
    Random random(seed.seed());
    for (const Shape& shape : shapes()) {
        const auto records = random_records(random, shape.world);
        const auto segment = make(shape.world, records, shape.pattern, shape.compress ? 1024 : 256, shape.compress);
        const cold::ZoneMap& zones = segment->zones();
        std::vector<std::vector<OwnRecord>> blocks;
        for (std::size_t i = 0; i < zones.blocks(); ++i) {
            const cold::BlockReader block = must(segment->block(i));
            cold::StoredRecord stored;
            blocks.emplace_back();
            for (std::uint32_t at = block.begin(); at != block.end(); at = stored.next) {
                ASSERT_TRUE(block.read(at, stored));
                blocks.back().push_back(take_record(*segment, block, stored));
            }
        }
        for (int i = 0; i < 500; ++i) {
            std::string begin = random_key(random, shape.world), end = random_key(random, shape.world);
            if (begin > end) std::swap(begin, end);
            if (random.one_in(4)) end.clear();
            if (random.one_in(4)) begin.clear();
            const Version after = random.between(shape.world.after, shape.world.upto);
            const Version upto = random.one_in(3) ? kOpen : random.between(after, shape.world.upto);
            const cold::Box box{begin, end, after, upto, random.one_in(2) ? 0 : random.below(shape.world.upto)};
            std::vector<bool> visited(blocks.size());
            for (std::size_t at = zones.next(0, box); at < zones.blocks(); at = zones.next(at + 1, box)) {
                ASSERT_TRUE(zones.may_hold(zones.block(at), box));
                visited[at] = true;
            }
            for (std::size_t block = 0; block < blocks.size(); ++block) {
                ASSERT_EQ(visited[block], zones.may_hold(zones.block(block), box));
                const bool inside = std::ranges::any_of(blocks[block], [&](const OwnRecord& record) {
                    return record.key >= begin && (end.empty() || record.key < end) && record.version > after &&
                           record.version <= upto && record.superseded > box.alive_at;
                });
                ASSERT_TRUE(visited[block] || !inside) << "block " << block;
            }
        }
    }
}

TEST_P(SegmentTest, LiveBlocksAreFoundByKey) {
    const SeedScope seed;
    Random random(seed.seed());
    const RecordWorld world{.keys = 3000, .records = 4000, .live = true, .long_keys = true};
    const auto records = random_records(random, world);
    const auto segment = make(world, records, "", 1024);
    for (int i = 0; i < 3000; ++i) {
        const std::string key = random_key(random, world) + (random.one_in(3) ? "x" : "");
        const auto expected = std::ranges::find_if(records, [&](const OwnRecord& record) { return record.key >= key; });
        const std::size_t number = segment->zones().find(key);
        ASSERT_EQ(number == segment->zones().blocks(), expected == records.end()) << key;
        if (expected == records.end()) continue;
        const cold::BlockReader block = must(segment->block(number));
        std::uint32_t at = 0;
        ASSERT_TRUE(block.seek(key, at));
        cold::StoredRecord stored;
        std::string found;
        do {
            ASSERT_TRUE(block.read(at, stored));
            ASSERT_TRUE(block.read_key(stored, found));
            at = stored.next;
        } while (found < key && at != block.end());
        ASSERT_EQ(found, expected->key) << key;
    }
}

TEST_P(SegmentTest, SaysWhatItIs) {
    Random random(1);
    const RecordWorld world{.keys = 50, .records = 400, .after = 10, .upto = 500};
    const auto records = random_records(random, world);
    const auto segment = make(world, records, "vvk");
    const cold::SegmentHeader& header = segment->header();
    EXPECT_EQ(header.component, 40U);
    EXPECT_EQ(header.part, 2U);
    EXPECT_EQ(header.last_part, 0U);
    EXPECT_EQ(header.kind, cold::SegmentKind::history);
    EXPECT_EQ(header.level, 3U);
    EXPECT_EQ(header.slab_after, 10U);
    EXPECT_EQ(header.slab_upto, 500U);
    EXPECT_EQ(header.records, records.size());
    EXPECT_EQ(header.replaced_count, 3U);
    EXPECT_EQ(header.replaced[2], 13U);
    EXPECT_EQ(header.created, 99);
    EXPECT_EQ(segment->curve().pattern(), "vvk");
    EXPECT_EQ(segment->range_begin(), "0");
    EXPECT_EQ(segment->range_end(), "z");
    EXPECT_EQ(segment->first_key(), records.front().key);
    EXPECT_EQ(segment->last_key(), records.back().key);
    const auto [oldest, newest] = std::ranges::minmax(records, {}, &OwnRecord::version);
    EXPECT_EQ(header.version_min, oldest.version);
    EXPECT_EQ(header.version_max, newest.version);
    EXPECT_EQ(header.superseded_max, std::ranges::max(records, {}, &OwnRecord::superseded).superseded);
    EXPECT_EQ(static_cast<std::ptrdiff_t>(header.tombstones), std::ranges::count(records, true, &OwnRecord::tombstone));
}

TEST_P(SegmentTest, CompressesWhatShrinksAndNothingElse) {
    if (!platform::has_compression()) GTEST_SKIP() << "libzstd is not built in";
    Random random(1);
    const RecordWorld world{.keys = 300, .records = 4000, .upto = 50'000, .texts = true};
    auto texts = random_records(random, world);
    // What all values begin with is not in a block twice, so that only a dictionary makes it small.
    const std::string frame = random.bytes(400);
    for (OwnRecord& record : texts) {
        if (!record.tombstone) record.value.insert(0, frame);
    }
    const auto raw = make(world, texts, "vvkk");
    const auto packed = make(world, texts, "vvkk", 1000, true);
    EXPECT_EQ(raw->header().features, 0U);
    EXPECT_EQ(packed->header().features, cold::features::kZstd);
    EXPECT_GT(packed->header().dictionary.bytes, 0U);
    EXPECT_LT(packed->header().file_bytes, raw->header().file_bytes / 2);
    EXPECT_EQ(read_all(*packed), read_all(*make(world, texts, "vvkk", 1000)));
    // Without enough to learn from there is no dictionary.
    const auto small = make(world, {texts.begin(), texts.begin() + 200}, "vvkk", 16384, true);
    EXPECT_EQ(small->header().features, cold::features::kZstd);
    EXPECT_EQ(small->header().dictionary.bytes, 0U);
    // Of random bytes nothing shrinks, so any build can read them.
    std::vector<OwnRecord> random_bytes = texts;
    for (OwnRecord& record : random_bytes) record.value = record.tombstone ? "" : random.bytes(1000);
    const auto same = make(world, random_bytes, "vvkk", 16384, true);
    EXPECT_EQ(same->header().features, 0U);
    EXPECT_EQ(same->header().dictionary.bytes, 0U);
    EXPECT_EQ(same->header().file_bytes, make(world, random_bytes, "vvkk")->header().file_bytes);
}

TEST_P(SegmentTest, WhatIsHeldOutlivesTheCacheAndTheCacheIsBounded) {
    if (!platform::has_compression()) GTEST_SKIP() << "libzstd is not built in";
    Random random(1);
    const RecordWorld world{.keys = 100, .records = 5000, .upto = 50'000, .texts = true};
    const auto records = random_records(random, world);
    const auto segment = make(world, records, "vvkk", 4096, true);
    const std::uint64_t hash_seed = cold::segment_seed(kStore, 0);
    std::vector<Segment::Hit> found;
    std::vector<std::weak_ptr<const std::byte[]>> blocks;
    for (const OwnRecord& record : records) {
        found.push_back(must(find_in(*segment, record.key, cold::hash_key(record.key, hash_seed), record.version)));
        ASSERT_TRUE(found.back());
        blocks.emplace_back(found.back().hold);
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
        ASSERT_EQ(must(segment->value(found[i].record, found[i].hold)), records[i].value);
    }
    found.clear();
    std::set<const void*> kept;
    for (const auto& block : blocks) {
        if (const auto there = block.lock()) kept.insert(there.get());
    }
    EXPECT_LE(kept.size(), 4U);
    EXPECT_GT(kept.size(), 0U) << "the cache keeps nothing";
}

TEST_P(SegmentTest, TheCacheTellsBlocksOfDifferentSegmentsApart) {
    if (!platform::has_compression()) GTEST_SKIP() << "libzstd is not built in";
    Random random(1);
    const RecordWorld world{.keys = 100, .records = 3000, .upto = 50'000, .texts = true};
    std::vector<std::shared_ptr<Segment>> segments;
    std::vector<std::vector<OwnRecord>> expected;
    for (int i = 0; i < 2; ++i) {
        segments.push_back(make(world, random_records(random, world), "", 4096, true));
        expected.push_back(read_all(*segments.back()));
    }
    std::size_t next[2] = {0, 0};
    for (std::size_t number = 0; number < segments[0]->zones().blocks(); ++number) {
        for (const std::size_t which : {0, 1, 0, 1}) {
            if (number >= segments[which]->zones().blocks()) continue;
            const cold::BlockReader block = must(segments[which]->block(number));
            cold::StoredRecord stored;
            ASSERT_TRUE(block.read(block.begin(), stored));
            ASSERT_EQ(take_record(*segments[which], block, stored), expected[which][next[which]]);
        }
        for (const std::size_t which : {0, 1}) {
            if (number < segments[which]->zones().blocks()) next[which] += segments[which]->zones().block(number).count;
        }
    }
}

TEST_P(SegmentTest, WhatTheMediumDoesNotGiveIsAnError) {
    if (GetParam() == SegmentReads::copied) return;  // see copied_segment_test.cpp
    if (!tells_missing_pages()) GTEST_SKIP() << "NOT TESTED: this kernel (or emulator) has no MADV_POPULATE_READ";
    Random random(1);
    const RecordWorld world{.keys = 3000, .records = 4000, .live = true, .large_values = true};
    const std::vector<OwnRecord> records = random_records(random, world);
    const auto segment = make(world, records, "");
    const cold::SegmentHeader& header = segment->header();
    auto* const zones = reinterpret_cast<char*>(const_cast<cold::Zone*>(&segment->zones().block(0)));
    const std::uint64_t from = header.index.offset / 2 / 4096 * 4096, upto = header.zones.offset / 4096 * 4096;
    const auto empty = must(io_->create_zeroed(directory_ / "empty", 0));
    ASSERT_NE(::mmap(zones - header.zones.offset + from, upto - from, PROT_READ, MAP_SHARED | MAP_FIXED,
                     empty->descriptor(), 0),
              MAP_FAILED);
    std::size_t read = 0, failed = 0;
    for (std::size_t number = 0; number < segment->zones().blocks(); ++number) {
        const auto block = segment->block(number);
        ++(block ? read : failed);
        if (!block) expect_error(block, ErrorCode::io, segment->path().string());
        if (!block) continue;
        cold::StoredRecord record;
        for (std::uint32_t at = block->begin(); at != block->end(); at = record.next) {
            ASSERT_TRUE(block->read(at, record));
            cold::BlockHold hold;
            const auto value = segment->value(record, hold);
            if (!value) expect_error(value, ErrorCode::io, segment->path().string());
        }
    }
    EXPECT_GT(read, 0U);
    EXPECT_GT(failed, 0U);
    const std::string& key = records.front().key;
    expect_error(find_in(*segment, key, cold::hash_key(key, cold::segment_seed(kStore, segments_)), kOpen),
                 ErrorCode::io, segment->path().string());
}

/// As above, and nothing but whole pages of one large value is missing.
TEST_P(SegmentTest, ALargeValueThatTheMediumDoesNotGiveIsAnError) {
    if (GetParam() == SegmentReads::copied) return;  // see copied_segment_test.cpp
    if (!tells_missing_pages()) GTEST_SKIP() << "NOT TESTED: this kernel (or emulator) has no MADV_POPULATE_READ";
    Random random(1);
    const RecordWorld world{.keys = 3000, .records = 4000, .live = true, .large_values = true};
    const auto segment = make(world, random_records(random, world), "");
    const cold::SegmentHeader& header = segment->header();
    auto* const zones = reinterpret_cast<char*>(const_cast<cold::Zone*>(&segment->zones().block(0)));
    const auto empty = must(io_->create_zeroed(directory_ / "empty", 0));
    int missing = 0;
    for (std::size_t number = 0; number < segment->zones().blocks(); ++number) {
        const auto block = must(segment->block(number));
        cold::StoredRecord record;
        for (std::uint32_t at = block.begin(); at != block.end(); at = record.next) {
            ASSERT_TRUE(block.read(at, record));
            const std::uint64_t from = (record.outside.offset + 4095) / 4096 * 4096;
            const std::uint64_t upto = (record.outside.offset + record.value_bytes) / 4096 * 4096;
            if (!record.is_outside || from >= upto) continue;
            ASSERT_NE(::mmap(zones - header.zones.offset + from, upto - from, PROT_READ, MAP_SHARED | MAP_FIXED,
                             empty->descriptor(), 0),
                      MAP_FAILED);
            cold::BlockHold hold;
            expect_error(segment->value(record, hold), ErrorCode::io, segment->path().string());
            ++missing;
        }
    }
    EXPECT_GT(missing, 0);
}

TEST_P(SegmentTest, IsNotTakenForAnother) {
    Random random(1);
    const RecordWorld world{.keys = 5, .records = 10};
    const auto segment = make(world, random_records(random, world), "");
    expect_error(Segment::open(*io_, segment->path(), kStore, 2), ErrorCode::corrupt, segment->path().string());
    const std::uint64_t other[2] = {7, 9};
    expect_error(Segment::open(*io_, segment->path(), other, 1), ErrorCode::corrupt, "store");
    expect_error(Segment::open(*io_, directory_ / "absent", kStore, 1), ErrorCode::io, "absent");
}

INSTANTIATE_TEST_SUITE_P(Reads, SegmentTest, ::testing::Values(SegmentReads::mapped, SegmentReads::copied));

}  // namespace
}  // namespace zverse::test
