// Goal:    a damaged segment answers rightly or says that it is damaged, with file and offset; never otherwise, and it
//          never crashes.
// Method:  flipped bits, cut ends, zeroed, swapped and foreign stretches of small segments; then every record is looked
//          for, and everything read. ZVERSE_FLIPS: how many bits.
#include <support/cold_parts.h>
#include <support/file_tree.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace zverse::test {
namespace {

using cold::Segment;

constexpr std::uint64_t kStore[2] = {7, 8};

class SegmentDamage : public ::testing::TestWithParam<const char*> {
protected:
    SegmentDamage() {
        plan_ = plan_of_shape(GetParam(), kStore, random_, world_);
        if (plan_.compress) world_.records = 400;
        records_ = random_records(random_, world_);
        for (const std::size_t i : {0, 3}) {  // two that are looked for lie outside their block
            records_[i].tombstone = false;
            records_[i].value = random_.bytes(random_.between(5000, 9000));
        }
        (void)write_segment(*io_, path_, plan_, records_);
        good_ = read_file(path_);
        const auto segment = must(Segment::open(*io_, path_, kStore, 1));
        order_ = read_all(*segment);
        EXPECT_EQ(segment->header().features, plan_.compress ? cold::features::kZstd : 0);
        EXPECT_EQ(segment->header().dictionary.bytes != 0, plan_.compress);
    }

    [[nodiscard]] cold::SegmentHeader header() const {
        cold::SegmentHeader header{};
        std::memcpy(&header, good_.data(), sizeof(header));
        return header;
    }

    /// Puts a header into both places, its checksum right.
    static void seal(std::string& bytes, cold::SegmentHeader header) {
        header.checksum = cold::header_checksum(header);
        std::memcpy(bytes.data(), &header, sizeof(header));
        std::memcpy(bytes.data() + bytes.size() - sizeof(header), &header, sizeof(header));
    }

    /// Changes a block and makes its checksum right.
    void change_block(std::string& bytes, const cold::Zone& zone,
                      const std::function<void(cold::BlockHeader&)>& change) {
        const std::uint64_t offset = zone.child * header().unit_bytes;
        cold::BlockHeader block{};
        std::memcpy(&block, bytes.data() + offset, sizeof(block));
        change(block);
        std::memcpy(bytes.data() + offset, &block, sizeof(block));
        const auto covered = std::as_bytes(std::span(bytes)).subspan(offset + 8, block.bytes - 8);
        block.checksum = cold::piece_checksum(covered, cold::segment_seed(kStore, 1), offset);
        std::memcpy(bytes.data() + offset, &block, sizeof(block));
    }

    void expect_error_names_the_file(const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::corrupt) << describe(error);
        EXPECT_NE(error.message().find(path_.string()), std::string::npos) << describe(error);
        EXPECT_NE(error.message().find("offset"), std::string::npos) << describe(error);
        ++errors_;
    }

    /// Opens what `bytes` make of the segment and reads all of it.
    void check(const std::string& bytes) {
        std::filesystem::remove(path_);
        write_file(path_, bytes);
        const auto reads = random_.one_in(2) ? cold::SegmentReads::copied : cold::SegmentReads::mapped;
        const auto segment = Segment::open(*io_, path_, kStore, 1, nullptr, reads);
        if (!segment) return expect_error_names_the_file(segment.error());
        for (std::size_t i = 0; i < records_.size(); i += 3) {
            const OwnRecord& record = records_[i];
            const std::uint64_t hash = cold::hash_key(record.key, cold::segment_seed(kStore, 0));
            const auto found = find_in(**segment, record.key, hash, record.version);
            if (!found) {
                expect_error_names_the_file(found.error());
                continue;
            }
            ASSERT_EQ(found->record.version, record.version) << record.key;
            ASSERT_EQ(found->record.superseded, record.superseded) << record.key;
            cold::BlockHold hold;
            const auto value = (*segment)->value(found->record, hold);
            if (!value) {
                expect_error_names_the_file(value.error());
            } else {
                ASSERT_EQ(*value, record.value) << record.key;
            }
        }
        read_blocks(**segment);
    }

    void read_blocks(const Segment& segment) {
        ASSERT_LE(segment.zones().blocks(), order_.size());
        std::size_t next = 0;
        for (std::size_t i = 0; i < segment.zones().blocks(); ++i) {
            const auto block = segment.block(i);
            if (!block) {
                expect_error_names_the_file(block.error());
                next += segment.zones().block(i).count;
                continue;
            }
            cold::StoredRecord stored;
            for (std::uint32_t at = block->begin(); at != block->end(); at = stored.next, ++next) {
                ASSERT_TRUE(block->read(at, stored));
                ASSERT_EQ(stored.version, order_[next].version);
                ASSERT_TRUE(block->has_key(stored, order_[next].key));
            }
        }
        ASSERT_EQ(next, order_.size());
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "segment";
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    cold::SegmentPlan plan_;
    RecordWorld world_{.keys = 60, .records = 150, .upto = 500, .long_keys = true, .large_values = true};
    std::vector<OwnRecord> records_;
    std::vector<OwnRecord> order_;
    std::string good_;
    std::uint64_t errors_ = 0;
};

TEST_P(SegmentDamage, AFlippedBitIsFoundOrHarmless) {
    std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 300 : 33'000);
    if (plan_.compress) flips /= 10;  // each look decompresses
    for (std::uint64_t i = 0; i < flips; ++i) {
        std::string bytes = good_;
        const std::uint64_t bit = random_.below(8 * bytes.size());
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
        check(bytes);
        ASSERT_FALSE(HasFailure()) << "bit " << bit;
    }
    EXPECT_GT(errors_, flips / 4);
}

TEST_P(SegmentDamage, EveryBitOfTheFrontHeaderIsMadeUpForByTheOther) {
    for (std::uint64_t bit = 0; bit < 8 * cold::kSegmentHeaderBytes; bit += kSanitized || plan_.compress ? 97 : 7) {
        std::string bytes = good_;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
        check(bytes);
        ASSERT_FALSE(HasFailure()) << "bit " << bit;
    }
    EXPECT_EQ(errors_, 0U);
}

TEST_P(SegmentDamage, AShorterFileIsRefused) {
    for (std::size_t size = 0; size < good_.size(); size += 512) {
        check(good_.substr(0, size));
        ASSERT_FALSE(HasFailure()) << size << " bytes";
    }
    check(good_ + std::string(4096, '\0'));
    EXPECT_GE(errors_, good_.size() / 512);
}

TEST_P(SegmentDamage, StretchesThatBelongElsewhereAreFound) {
    RecordWorld world = world_;
    plan_.segment = 2;
    (void)write_segment(*io_, directory_ / "other", plan_, random_records(random_, world));
    const std::string other = read_file(directory_ / "other");
    for (int i = 0; i < (kSanitized ? 100 : 1000); ++i) {
        std::string bytes = good_;
        const std::size_t to = random_.below(bytes.size() / 256) * 256;
        const std::size_t size = std::min<std::size_t>(256 << random_.below(5), bytes.size() - to);
        switch (random_.below(3)) {
            case 0: bytes.replace(to, size, std::string(size, '\0')); break;
            case 1: {
                const std::size_t from = random_.below((bytes.size() - size) / 256 + 1) * 256;
                bytes.replace(to, size, good_.substr(from, size));
                break;
            }
            default:
                bytes.replace(to, std::min(size, other.size() - std::min(to, other.size())),
                              other.substr(std::min(to, other.size()), size));
                break;
        }
        bytes.resize(good_.size());
        check(bytes);
        ASSERT_FALSE(HasFailure()) << size << " bytes at " << to;
    }
    EXPECT_GT(errors_, 0U);
}

/// The size before compression is believed neither for memory nor for what comes out.
TEST_P(SegmentDamage, SizesThatAreNotThoseOfTheBlockAreRefused) {
    std::vector<cold::Zone> zones(header().blocks);
    std::memcpy(zones.data(), good_.data() + header().zones.offset, zones.size() * sizeof(cold::Zone));
    const std::function<void(cold::BlockHeader&)> changes[] = {
        [](cold::BlockHeader& block) { block.raw_bytes += 1; },
        [](cold::BlockHeader& block) { block.raw_bytes -= 1; },
        [](cold::BlockHeader& block) { block.raw_bytes = block.bytes; },
        [](cold::BlockHeader& block) { block.raw_bytes = block.bytes + 1; },
        [](cold::BlockHeader& block) { block.raw_bytes = 24; },
        [](cold::BlockHeader& block) { block.raw_bytes = 0xffff'ffff; },
        [](cold::BlockHeader& block) { block.raw_bytes = cold::kBlockBytesMax + 1; },
        [](cold::BlockHeader& block) { block.raw_bytes = cold::kBlockBytesMax; },
    };
    std::uint64_t changed = 0;
    for (std::size_t i = 0; i < zones.size(); ++i) {
        cold::BlockHeader block{};
        std::memcpy(&block, good_.data() + zones[i].child * header().unit_bytes, sizeof(block));
        if (plan_.compress && block.raw_bytes == 0) continue;
        std::string bytes = good_;
        change_block(bytes, zones[i], changes[i % std::size(changes)]);
        errors_ = 0;
        check(bytes);
        EXPECT_GT(errors_, 0U) << "block " << i;
        ASSERT_FALSE(HasFailure()) << "block " << i;
        ++changed;
    }
    EXPECT_GT(changed, 3U);
    EXPECT_TRUE(changed >= std::size(changes) || !plan_.compress) << changed;
}

TEST_P(SegmentDamage, HeadersThatSayOtherwiseOfCompressionAreRefused) {
    const auto open = [&](const std::function<void(cold::SegmentHeader&)>& change) {
        std::string bytes = good_;
        cold::SegmentHeader head = header();
        change(head);
        seal(bytes, head);
        std::filesystem::remove(path_);
        write_file(path_, bytes);
        return Segment::open(*io_, path_, kStore, 1);
    };
    expect_error(open([](cold::SegmentHeader& head) { head.features |= 2; }), ErrorCode::incompatible, path_.string());
    if (!platform::has_compression()) {
        expect_error(open([](cold::SegmentHeader& head) { head.features = 1; }), ErrorCode::incompatible, "zstd");
        return;
    }
    expect_error(open([](cold::SegmentHeader& head) {
                     head.features = 1;
                     head.kind = cold::SegmentKind::live;
                 }),
                 ErrorCode::corrupt, "live");
    expect_error(open([](cold::SegmentHeader& head) { head.dictionary.bytes = cold::kDictionaryBytesMax + 1; }),
                 ErrorCode::corrupt, "dictionary");
    if (!plan_.compress) {
        expect_error(open([](cold::SegmentHeader& head) { head.dictionary.bytes = 8; }), ErrorCode::corrupt,
                     "dictionary");
        return;
    }
    const auto segment = must(open([](cold::SegmentHeader& head) {
        head.features = 0;
        head.dictionary = {};
    }));
    std::uint64_t refused = 0;
    for (std::size_t i = 0; i < segment->zones().blocks(); ++i) {
        if (!segment->block(i)) ++refused;
    }
    EXPECT_GT(refused, 0U);
}

std::vector<const char*> curves() {
    std::vector<const char*> all{"", "vvkk", "kvkv"};
    if (platform::has_compression()) all.insert(all.end(), {"zstd vvkk", "zstd kvkv"});
    return all;
}
INSTANTIATE_TEST_SUITE_P(Curves, SegmentDamage, ::testing::ValuesIn(curves()));

}  // namespace
}  // namespace zverse::test
