// Goal:    a segment whose checksums are all right and whose contents lie is refused, or its answers are what it holds;
//          nobody crashes over it, reads beyond its bytes, or takes a part of it for another.
// Method:  lies told one by one, then many at random: in header, zones, index, blocks and dictionary. Whatever opens is
//          read in every way that there is. ZVERSE_LIES: how many.
#include <support/cold_parts.h>
#include <support/file_tree.h>
#include <support/seed.h>
#include <support/segment_forge.h>
#include <support/segment_reader.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>

namespace zverse::test {
namespace {

using cold::Segment;
using cold::SegmentHeader;

constexpr std::uint64_t kStore[2] = {7, 8};
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

class HostileSegment : public ::testing::TestWithParam<const char*> {
protected:
    HostileSegment() {
        plan_ = plan_of_shape(GetParam(), kStore, random_, world_);
        records_ = random_records(random_, world_);
        records_[0].tombstone = false;
        records_[0].value = random_.bytes(6000);
        for (const OwnRecord& record : records_) keys_.push_back({record.key, record.version});
        (void)write_segment(*io_, path_, plan_, records_);
        good_ = read_file(path_);
    }
    [[nodiscard]] static bool compressed() { return std::string_view(GetParam()).starts_with(kCompressedShape); }
    [[nodiscard]] static bool live() { return std::string_view(GetParam()).empty(); }

    [[nodiscard]] SegmentForge forge() const { return {good_, kStore, 1}; }
    [[nodiscard]] Result<std::shared_ptr<Segment>> open(SegmentForge& forged) {
        forged.seal();
        std::filesystem::remove(path_);
        write_file(path_, forged.bytes());
        const auto reads = ++opened_ % 2 == 0 ? cold::SegmentReads::copied : cold::SegmentReads::mapped;
        return Segment::open(*io_, path_, kStore, 1, nullptr, reads);
    }
    void expect_refused(const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::corrupt) << describe(error);
        EXPECT_NE(error.message().find(path_.string()), std::string::npos) << describe(error);
        EXPECT_NE(error.message().find("offset"), std::string::npos) << describe(error);
        ++refused_;
    }
    void expect_no_block_is_a_value(const Segment& segment, SegmentForge& honest);
    template <class T>
    bool good(const Result<T>& result) {
        if (!result) expect_refused(result.error());
        return result.has_value();
    }
    [[nodiscard]] static std::uint64_t hash(std::string_view key) {
        return cold::hash_key(key, cold::segment_seed(kStore, 0));
    }
    void read_in_every_way(const std::shared_ptr<Segment>& segment) {
        SegmentReader reader(*io_, segment, kStore, keys_, [this](const Error& error) { expect_refused(error); });
        reader.read_in_every_way(random_);
    }
    /// Where the first record with an outside value is; every world has one.
    [[nodiscard]] cold::StoredRecord outside_record(const Segment& segment) {
        for (std::size_t i = 0; i < segment.zones().blocks(); ++i) {
            const cold::BlockReader block = must(segment.block(i));
            cold::StoredRecord record;
            for (std::uint32_t at = block.begin(); at != block.end(); at = record.next) {
                if (block.read(at, record) && record.is_outside) return record;
            }
        }
        throw std::runtime_error("no value lies outside");
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "segment";
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    cold::SegmentPlan plan_;
    RecordWorld world_{.keys = 90, .records = 250, .after = 100, .upto = 600, .long_keys = true, .large_values = true};
    std::vector<OwnRecord> records_;
    std::vector<SegmentReader::Sought> keys_;
    std::string good_;
    std::uint64_t opened_ = 0;  ///< every other one is copied
    cold::BlockHold hold_;
    std::uint64_t refused_ = 0;
};

TEST_P(HostileSegment, OneThatDoesNotLieIsRead) {
    SegmentForge honest = forge();
    const auto segment = must(open(honest));
    EXPECT_TRUE(honest.bytes() == good_);
    read_in_every_way(segment);
    EXPECT_EQ(refused_, 0U);
}

TEST_P(HostileSegment, HeadersThatLieAreRefused) {
    const std::uint64_t size = good_.size();
    const std::function<void(SegmentHeader&)> lies[] = {
        [](SegmentHeader& h) { h.index.offset = 0; },
        [](SegmentHeader& h) { h.index.offset += 4; },
        [&](SegmentHeader& h) { h.index.offset = size - 4096; },
        [](SegmentHeader& h) { h.index.offset = kHuge - 7; },
        [](SegmentHeader& h) { h.index.bytes = 0; },
        [](SegmentHeader& h) { h.index.bytes = kHuge / sizeof(cold::IndexPage) * sizeof(cold::IndexPage); },
        [](SegmentHeader& h) { h.unit_bytes = 0; },
        [](SegmentHeader& h) { h.unit_bytes = 255; },
        [](SegmentHeader& h) { h.unit_bytes = 257; },
        [](SegmentHeader& h) { h.unit_bytes = 768; },
        [&](SegmentHeader& h) { h.unit_bytes = std::bit_ceil(size + 1); },
        [](SegmentHeader& h) { h.blocks = 0; },
        [](SegmentHeader& h) { h.blocks += 1; },
        [](SegmentHeader& h) { h.blocks = std::uint64_t{1} << 40; },
        [](SegmentHeader& h) { h.blocks = kHuge; },
        [](SegmentHeader& h) { h.postings = 0; },
        [](SegmentHeader& h) { h.postings = h.records + 1; },
        [](SegmentHeader& h) { h.records = h.postings = std::uint64_t{1} << 62; },  // whose buckets are none
        [](SegmentHeader& h) { h.level = 0xffff'ffff; },
        [](SegmentHeader& h) { h.curve_bits = cold::kCurveBytes + 1; },
        [](SegmentHeader& h) { h.curve_bits = 0xffff'ffff; },
        [](SegmentHeader& h) { h.curve[0] = 'x', h.curve_bits = std::max(1U, h.curve_bits); },
        [](SegmentHeader& h) { h.replaced_count = cold::kReplacedMax + 1; },
        [](SegmentHeader& h) { h.slab_upto = h.slab_after; },
        [](SegmentHeader& h) { h.version_max = kHuge; },
        [](SegmentHeader& h) { h.range_begin = 0xffff'fff0; },
        [](SegmentHeader& h) { h.range_end = 0xffff'fff0; },
        [](SegmentHeader& h) { h.zones.offset = kHuge - 63; },
        [](SegmentHeader& h) { h.zones.offset += 4; },
        [](SegmentHeader& h) { h.keys.bytes = kHuge; },
        [](SegmentHeader& h) { h.columns.offset = h.file_bytes; },
        [](SegmentHeader& h) { h.columns = {h.index.offset, 64, 0}; },
        [](SegmentHeader& h) { h.dictionary.bytes = cold::kDictionaryBytesMax + 1; },
        [](SegmentHeader& h) { h.file_bytes += 4096; },
        [](SegmentHeader& h) { h.kind = cold::SegmentKind{3}; },
    };
    for (const auto& lie : lies) {
        SegmentForge forged = forge();
        lie(forged.header());
        const auto opened = open(forged);
        EXPECT_FALSE(opened) << "lie " << &lie - lies;
        (void)good(opened);
    }
}

TEST_P(HostileSegment, ADictionaryThatIsNoneIsRefused) {
    if (!compressed()) return;  // only they have one
    SegmentForge forged = forge();
    const auto dictionary = forged.section<unsigned char>(forged.header().dictionary);
    const unsigned char magic[] = {0x37, 0xa4, 0x30, 0xec};
    std::ranges::fill(dictionary, 0xff);
    std::ranges::copy(magic, dictionary.begin());
    expect_error(open(forged), ErrorCode::corrupt, "offset " + std::to_string(forged.header().dictionary.offset));
}

/// Blocks end where the index begins, which is no block either.
TEST_P(HostileSegment, NoBlockLiesInOrBehindTheIndex) {
    const std::uint64_t index = forge().header().index.offset;
    for (const std::uint64_t offset : {index, index + cold::kUnitBytes, std::uint64_t{good_.size()} - 4096}) {
        SegmentForge forged = forge();
        const std::size_t last = forged.header().blocks - 1;
        forged.zones()[last].child = static_cast<std::uint32_t>(offset / cold::kUnitBytes);
        // All is right with it but its place.
        if (offset == index + cold::kUnitBytes) {
            ASSERT_TRUE(forged.put_block(last, forge_block({honest_record("a", 1)})));
        }
        for (int either = 0; either < 2; ++either) {  // mapped and copied
            const auto segment = must(open(forged));
            expect_error(segment->block(last), ErrorCode::corrupt, "offset " + std::to_string(offset));
            read_in_every_way(segment);
        }
    }
    SegmentForge forged = forge();
    const std::size_t last = forged.header().blocks - 1;
    forged.block(last).bytes = static_cast<std::uint32_t>(index - forged.offset_of(last) + 1);
    expect_error(must(open(forged))->block(last), ErrorCode::corrupt, "no block");
}

/// What was checked as something else is no block, whose header would be believed.
TEST_P(HostileSegment, NoPageOfTheIndexAndNoValueIsABlock) {
    SegmentForge honest = forge();
    const cold::StoredRecord outside = outside_record(*must(open(honest)));
    for (const std::uint64_t offset : {honest.header().index.offset, outside.outside.offset}) {
        for (const std::string key : {"some key", "another"}) {
            SegmentForge forged = forge();
            forged.post(key, offset / cold::kUnitBytes, sizeof(cold::BlockHeader));
            const auto segment = must(open(forged));
            (void)must(segment->value(outside, hold_));
            for (int i = 0; i < 2; ++i) {
                expect_error(find_in(*segment, key, hash(key), kVersionMax), ErrorCode::corrupt,
                             "offset " + std::to_string(offset));
            }
        }
    }
}

void HostileSegment::expect_no_block_is_a_value(const Segment& segment, SegmentForge& honest) {
    cold::StoredRecord record = outside_record(segment);
    const cold::StoredRecord good = record;
    for (std::size_t i = 0; i < segment.zones().blocks(); ++i) {
        record.outside.offset = segment.offset_of(i);
        if (record.outside.offset + record.value_bytes > honest.header().index.offset) continue;
        // What the checksum says is right, and what was checked before.
        const auto sum = honest.checksum(record.outside.offset, record.value_bytes);
        record.outside.checksum = sum;
        expect_error(segment.value(record, hold_), ErrorCode::corrupt, "block");
    }
    for (const std::uint64_t bytes : {kHuge, kHuge - good.outside.offset + 1, std::uint64_t{10}, good_.size()}) {
        record = good;
        EXPECT_TRUE(segment.value(record, hold_));
        record.value_bytes = bytes;
        expect_error(segment.value(record, hold_), ErrorCode::corrupt, "a value would lie there");
    }
    record = good;
    record.value_bytes = honest.header().index.offset - record.outside.offset + 1;
    expect_error(segment.value(record, hold_), ErrorCode::corrupt, "a value would lie there");
}

TEST_P(HostileSegment, NoBlockIsAValue) {
    SegmentForge honest = forge();
    for (int either = 0; either < 2; ++either) expect_no_block_is_a_value(*must(open(honest)), honest);
}

TEST_P(HostileSegment, RecordsThatLieAreNone) {
    namespace flags = cold::record_flags;
    const std::uint8_t shared = flags::kOpen | flags::kShared;
    const ForgedRecord first = honest_record("shared by all", 20);
    const ForgedRecord lies[] = {
        {shared, 0, {65'536, 1, 0, 1}, ""},  // shares more than a key has
        {shared, 1, {kHuge, 1, 0, 1}, "k"},     {shared, 1, {14, 1, 0, 1}, "k"},  // more than the restart record has
        {shared, 1, {6, 0, 0, 1}, "k"},         {shared, 1, {6, 1000, 0, 1}, "k"},
        {flags::kOpen, kHuge, {0, 1}, "k"},     {flags::kOpen, 1, {kHuge, 1}, "k"},
        {flags::kOpen, 1, {kHuge - 1, 1}, "k"}, {flags::kOpen | flags::kTombstone | flags::kOutside, 1, {1}, "k"},
        {flags::kAll + 1, 1, {1, 1}, "k"},      {flags::kOpen | flags::kOutside, 1, {5000, 1}, "k too short"},
    };
    for (const ForgedRecord& lie : lies) {
        SegmentForge forged = forge();
        ASSERT_TRUE(forged.put_block(0, forge_block({first, lie})));
        const auto segment = must(open(forged));
        const cold::BlockReader block = must(segment->block(0));
        cold::StoredRecord record;
        std::string key;
        ASSERT_TRUE(block.read(block.begin(), record));
        EXPECT_FALSE(block.read(record.next, record) && block.read_key(record, key)) << "lie " << &lie - lies;
        read_in_every_way(segment);
    }
    EXPECT_GT(refused_, std::size(lies));
}

/// A sum with such a number would begin at zero again.
TEST(HostileBlocks, ShareNoMoreThanAKeyHas) {
    const std::uint8_t shared = cold::record_flags::kOpen | cold::record_flags::kShared;
    for (const std::uint64_t lie : {std::uint64_t{kKeyBytesMax} + 1, kHuge - 2, kHuge}) {
        const std::string bytes = forge_block({honest_record("first", 1), {shared, 5, {lie, 1, 0, 1}, "12345"}});
        const cold::BlockReader block(reinterpret_cast<const std::byte*>(bytes.data()), 0);
        cold::StoredRecord record;
        ASSERT_TRUE(block.read(block.begin(), record));
        EXPECT_FALSE(block.read(record.next, record)) << lie;
    }
}

/// Neither memory nor a read is as large as a header says.
TEST(HostileBlocks, AreNoLargerThanBlocksAre) {
    const auto plausible = [](std::uint32_t bytes, std::uint32_t raw_bytes) {
        return cold::BlockReader::plausible({0, bytes, 10, 1, raw_bytes}, std::uint64_t{1} << 30);
    };
    const std::uint32_t most = cold::kBlockBytesMax;
    EXPECT_TRUE(plausible(most, 0));
    EXPECT_FALSE(plausible(most + 1, 0));
    EXPECT_TRUE(plausible(1000, most));
    EXPECT_FALSE(plausible(1000, most + 1));
    EXPECT_FALSE(plausible(1000, 1000));
}

/// A merge would write what nobody could read, or end the process.
TEST_P(HostileSegment, NoMergeTakesRecordsThatDoNotBelong) {
    if (!live()) return;  // only they are merged
    // Below the keys of the next block: but for its version it belongs.
    const std::string& first = records_[0].key;
    const std::vector<std::vector<ForgedRecord>> lies = {
        {honest_record(first, 0)},  // not above the slab's begin
        {honest_record(first, 501)},  // not below its end
        {honest_record("b", 1), honest_record("a", 1)},
        {honest_record("a", 2), honest_record("a", 1)},
        {honest_record("", 1)},
    };
    for (const auto& lie : lies) {
        SegmentForge forged = forge();
        const std::string block = lie.size() == 1 ? forge_block({lie[0]}) : forge_block({lie[0], lie[1]});
        ASSERT_TRUE(forged.put_block(0, block));
        const auto segment = must(open(forged));
        const cold::Component component({segment}, "");
        const std::uint64_t before = refused_;
        auto cursor = cold::BulkCursor::open(*io_, component, 1 << 14);
        while (good(cursor) && (*cursor)->valid() && good((*cursor)->next())) {}
        EXPECT_EQ(refused_, before + 1) << "lie " << &lie - lies.data();
    }
}

TEST_P(HostileSegment, ZonesThatDisagreeEndAScan) {
    if (!live()) return;  // only there a key leads to a block
    SegmentForge forged = forge();
    ASSERT_GT(forged.header().blocks, 1U);
    cold::Zone& last = forged.zones()[forged.header().blocks - 1];
    last.last_key = forged.zones()[0].first_key;
    last.last_prefix = forged.zones()[0].first_prefix;
    const auto segment = must(open(forged));
    const cold::Tree tree({std::make_shared<const cold::Component>(cold::Component::Parts{segment}, "")}, 0);
    const std::string end(segment->last_key());
    expect_error(cold::TreeScan::open(tree, {end, {}}, kVersionMax, false), ErrorCode::corrupt, "zones");
    const cold::Component rest({segment}, end);
    expect_error(cold::BulkCursor::open(*io_, rest, 1 << 14), ErrorCode::corrupt, "zones");
}

/// Words of a random place become others, all over the file.
TEST_P(HostileSegment, ManyLiesAreRefusedOrHarmless) {
    const auto lies = environment_number("ZVERSE_LIES", kSanitized ? 100 : 1000);
    const std::uint64_t offsets[] = {0,
                                     1,
                                     255,
                                     256,
                                     4096,
                                     65'536,
                                     good_.size(),
                                     good_.size() - 4096,
                                     forge().header().index.offset,
                                     0xffff'ffff,
                                     kHuge,
                                     kHuge - 7};
    for (std::uint64_t i = 0; i < lies; ++i) {
        SegmentForge forged = forge();
        const SegmentHeader& head = forged.header();
        const std::pair<std::uint64_t, std::uint64_t> places[] = {
            {offsetof(SegmentHeader, component), 200},
            {offsetof(SegmentHeader, index), 120},
            {head.zones.offset, head.zones.bytes},
            {head.columns.offset, head.columns.bytes},
            {head.keys.offset, head.keys.bytes},
            {head.index.offset + 64, 64 * (cold::home_buckets_for(head.postings) + 1)},
            {forged.offset_of(random_.below(head.blocks)), 200},
            {head.dictionary.offset, head.dictionary.bytes},
        };
        std::string bytes = forged.bytes();
        for (std::uint64_t left = random_.between(1, 3); left > 0; --left) {
            const auto& [offset, size] = places[random_.below(std::size(places))];
            const std::uint64_t word = std::uint64_t{1} << random_.below(4);
            if (size < word) continue;
            const std::uint64_t at = offset + random_.below(size / word) * word;
            std::uint64_t number = 0;
            std::memcpy(&number, &bytes[at], word);
            switch (random_.below(3)) {
                case 0: number = offsets[random_.below(std::size(offsets))]; break;
                case 1: number += random_.between(1, 3) - 2; break;
                default: number ^= std::uint64_t{1} << random_.below(8 * word); break;
            }
            std::memcpy(&bytes[at], &number, word);
        }
        forged = {bytes, kStore, 1};
        const auto segment = open(forged);
        if (good(segment)) read_in_every_way(*segment);
        ASSERT_FALSE(HasFailure()) << "lie " << i;
    }
    EXPECT_GT(refused_, lies / 4);
}

std::vector<const char*> curves() {
    std::vector<const char*> all{"", "vvkk", "kvkv"};
    if (platform::has_compression()) all.push_back("zstd vvkk");
    return all;
}
INSTANTIATE_TEST_SUITE_P(Curves, HostileSegment, ::testing::ValuesIn(curves()));

}  // namespace
}  // namespace zverse::test
