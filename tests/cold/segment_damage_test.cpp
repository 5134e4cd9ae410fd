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

namespace zverse::test {
namespace {

using cold::Segment;

constexpr std::uint64_t kStore[2] = {7, 8};

class SegmentDamage : public ::testing::TestWithParam<const char*> {
protected:
    SegmentDamage() {
        plan_.store[0] = kStore[0];
        plan_.store[1] = kStore[1];
        plan_.segment = 1;
        plan_.kind = std::string(GetParam()).empty() ? cold::SegmentKind::live : cold::SegmentKind::history;
        plan_.slab_upto = world_.upto;
        plan_.curve = must(cold::Curve::parse(GetParam()));
        plan_.block_bytes = 1024;
        world_.live = plan_.kind == cold::SegmentKind::live;
        records_ = random_records(random_, world_);
        for (const std::size_t i : {0, 3}) {  // two that are looked for lie outside their block
            records_[i].tombstone = false;
            records_[i].value = random_.bytes(random_.between(5000, 9000));
        }
        (void)write_segment(*io_, path_, plan_, records_);
        good_ = read_file(path_);
        order_ = read_all(*must(Segment::open(*io_, path_, kStore, 1)));
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
        const auto segment = Segment::open(*io_, path_, kStore, 1);
        if (!segment) return expect_error_names_the_file(segment.error());
        for (std::size_t i = 0; i < records_.size(); i += 3) {
            const OwnRecord& record = records_[i];
            const std::uint64_t hash = cold::hash_key(record.key, cold::segment_seed(kStore, 0));
            const auto found = (*segment)->find(record.key, hash, record.version);
            if (!found) {
                expect_error_names_the_file(found.error());
                continue;
            }
            ASSERT_EQ(found->record.version, record.version) << record.key;
            ASSERT_EQ(found->record.superseded, record.superseded) << record.key;
            const auto value = (*segment)->value(found->record);
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
    const std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 300 : 33'000);
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
    for (std::uint64_t bit = 0; bit < 8 * cold::kSegmentHeaderBytes; bit += kSanitized ? 97 : 7) {
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

INSTANTIATE_TEST_SUITE_P(Curves, SegmentDamage, ::testing::Values("", "vvkk", "kvkv"));

}  // namespace
}  // namespace zverse::test
