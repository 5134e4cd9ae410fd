// Goal:    the audit of a segment finds what is damaged, and what is whole but wrong, which no checksum tells; it has
//          nothing to say of a good one.
// Method:  random segments of all kinds; flipped bits; then segments whose contents disagree with each other, sealed
//          with right checksums.
#include <support/cold_parts.h>
#include <support/file_tree.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <cold/segment_audit.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace zverse::test {
namespace {

using cold::Segment;
using cold::SegmentHeader;

constexpr std::uint64_t kStore[2] = {7, 8};
constexpr std::uint64_t kId = 3;

class SegmentAuditTest : public ::testing::TestWithParam<const char*> {
protected:
    SegmentAuditTest() {
        plan_.store[0] = kStore[0];
        plan_.store[1] = kStore[1];
        plan_.segment = kId;
        plan_.slab_after = 100;
        plan_.slab_upto = 4000;
        plan_.kind = live() ? cold::SegmentKind::live : cold::SegmentKind::history;
        plan_.compress = compressed();
        if (compressed()) plan_.dictionary = some_dictionary(random_);
        plan_.curve = must(cold::Curve::parse(std::string_view(GetParam()).substr(compressed() ? 4 : 0)));
        plan_.block_bytes = 700;
        world_ = {.keys = 600,
                  .records = 900,
                  .after = 110,  // above the slab's, so that a smaller version_min is no impossible one
                  .upto = 3900,
                  .live = live(),
                  .long_keys = true,
                  .large_values = true,
                  .texts = compressed()};
        records_ = random_records(random_, world_);
        for (OwnRecord& record : records_) {
            if (!live()) record.superseded = std::min<Version>(record.superseded, plan_.slab_upto);
        }
        records_[0].tombstone = false;
        records_[0].value = random_.bytes(9000);
    }
    [[nodiscard]] static bool live() { return std::string(GetParam()).empty(); }
    [[nodiscard]] static bool compressed() { return std::string_view(GetParam()).starts_with("zstd"); }

    void write() {
        std::filesystem::remove(path_);
        (void)write_segment(*io_, path_, plan_, records_);
        bytes_ = read_file(path_);
    }
    [[nodiscard]] Verification audit() const {
        const auto segment = must(Segment::open(*io_, path_, kStore, kId));
        return audit(*segment);
    }
    [[nodiscard]] Verification audit(const Segment& segment) const {
        platform::Audit audit;
        cold::audit_segment(*io_, segment, kStore, audit);
        Verification verification = audit.take();
        for (const Finding& finding : verification.findings) EXPECT_EQ(finding.file, path_.string());
        return verification;
    }
    /// The codes found, each once.
    [[nodiscard]] static std::vector<std::string> codes_of(const Verification& verification) {
        std::vector<std::string> codes;
        for (const Finding& finding : verification.findings) codes.push_back(finding.code);
        std::ranges::sort(codes);
        codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
        return codes;
    }
    void expect_found(std::string_view code) {
        const Verification verification = audit();
        const auto codes = codes_of(verification);
        EXPECT_TRUE(std::ranges::find(codes, code) != codes.end())
            << code << " is not among " << ::testing::PrintToString(codes);
    }

    [[nodiscard]] SegmentHeader header() const {
        SegmentHeader header;
        std::memcpy(&header, bytes_.data(), sizeof(header));
        return header;
    }
    /// Writes the file with another header in both places, its checksum right.
    void seal(SegmentHeader header) {
        header.checksum = cold::header_checksum(header);
        std::memcpy(bytes_.data(), &header, sizeof(header));
        std::memcpy(bytes_.data() + bytes_.size() - sizeof(header), &header, sizeof(header));
        write_file(path_, bytes_);
    }
    [[nodiscard]] std::span<std::byte> piece(std::uint64_t offset, std::uint64_t bytes) {
        return std::as_writable_bytes(std::span(bytes_)).subspan(offset, bytes);
    }
    [[nodiscard]] static std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t offset) {
        return cold::piece_checksum(bytes, cold::segment_seed(kStore, kId), offset);
    }
    /// Changes a section and its checksum.
    template <class T>
    void change_section(cold::Section SegmentHeader::* which, const std::function<void(std::span<T>)>& change) {
        SegmentHeader head = header();
        cold::Section& section = head.*which;
        const auto bytes = piece(section.offset, section.bytes);
        change({reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)});
        section.checksum = checksum(bytes, section.offset);
        seal(head);
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    TempDirectory directory_;
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    std::filesystem::path path_ = directory_ / "000000000003.zseg";
    cold::SegmentPlan plan_;
    RecordWorld world_;
    std::vector<OwnRecord> records_;
    std::string bytes_;
};

TEST_P(SegmentAuditTest, OfAGoodOneSaysWhatIsThere) {
    for (int round = 0; round < 5; ++round) {
        write();
        const Verification verification = audit();
        EXPECT_TRUE(verification.clean()) << verification.findings[0].code << ": " << verification.findings[0].what;
        EXPECT_EQ(verification.records, records_.size());
        EXPECT_EQ(verification.segments, 1U);
        EXPECT_GT(header().blocks, 40U) << "several levels of zones are meant";
        records_ = random_records(random_, world_);
        for (OwnRecord& record : records_) {
            if (!live()) record.superseded = std::min<Version>(record.superseded, plan_.slab_upto);
        }
    }
}

TEST_P(SegmentAuditTest, FindsFlippedBits) {
    write();
    const auto segment = must(Segment::open(*io_, path_, kStore, kId));
    std::uint64_t found = 0;
    const std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 60 : 600);
    for (std::uint64_t i = 0; i < flips; ++i) {
        const std::uint64_t bit = random_.below(bytes_.size() * 8);
        flip_bit(path_, bit);
        const bool clean = audit(*segment).clean();
        found += clean ? 0 : 1;
        // Padding is covered by nothing, and zero.
        EXPECT_TRUE(!clean || bytes_[bit / 8] == 0) << "bit " << bit % 8 << " at " << bit / 8;
        flip_bit(path_, bit);
    }
    EXPECT_TRUE(audit(*segment).clean());
    EXPECT_GT(found, flips / 2);
}

TEST_P(SegmentAuditTest, FindsAFileThatIsShortOrGone) {
    write();
    const auto segment = must(Segment::open(*io_, path_, kStore, kId));
    std::filesystem::resize_file(path_, bytes_.size() - 4096);
    EXPECT_EQ(codes_of(audit(*segment)), std::vector<std::string>{"ZV-SEG-001"});
    std::filesystem::resize_file(path_, 0);
    std::filesystem::remove(path_);
    EXPECT_EQ(codes_of(audit(*segment)), std::vector<std::string>{"ZV-IO-002"});
}

TEST_P(SegmentAuditTest, FindsAnotherSegmentInItsPlace) {
    write();
    const auto segment = must(Segment::open(*io_, path_, kStore, kId));
    SegmentHeader other = header();
    other.component += 1;
    seal(other);
    EXPECT_EQ(codes_of(audit(*segment)), std::vector<std::string>{"ZV-SEG-002"});
}

TEST_P(SegmentAuditTest, FindsRecordsOutOfOrder) {
    const std::size_t at = records_.size() / 2;
    std::swap(records_[at], records_[at + 20]);
    // As write_segment() writes them, but in the order they have here.
    std::filesystem::remove(path_);
    plan_.curve = cold::Curve();
    cold::SegmentWriter writer = must(cold::SegmentWriter::create(*io_, path_, plan_));
    for (const OwnRecord& record : records_) must(writer.add(record.view()));
    (void)must(writer.finish(std::nullopt));
    expect_found("ZV-SEG-016");
}

TEST_P(SegmentAuditTest, FindsVersionsOutsideOfTheSlab) {
    records_[5].version = plan_.slab_upto + 1;
    records_[5].superseded = cold::kOpen;
    plan_.slab_upto += 10;
    plan_.curve = cold::Curve();
    write();
    // The header has to be right for the segment to be opened, but a block is not looked at then.
    SegmentHeader head = header();
    head.slab_upto -= 10;
    head.version_max = head.slab_upto;
    seal(head);
    expect_found("ZV-SEG-017");
}

TEST_P(SegmentAuditTest, FindsKeysOutsideOfTheKeyRange) {
    std::filesystem::remove(path_);
    (void)write_segment(*io_, path_, plan_, records_, records_[records_.size() / 2].key);
    expect_found("ZV-SEG-018");
    plan_.range_begin = records_[1].key;
    write();
    if (records_[0].key != records_[1].key) expect_found("ZV-SEG-018");
}

TEST_P(SegmentAuditTest, FindsZonesThatDoNotAgree) {
    write();
    const std::string good = bytes_;
    const auto blocks = static_cast<std::size_t>(header().blocks);
    // A block of several keys: of one key alone first and last are the same.
    std::vector<cold::Zone> zones(header().zones.bytes / sizeof(cold::Zone));
    std::memcpy(zones.data(), piece(header().zones.offset, header().zones.bytes).data(), header().zones.bytes);
    std::size_t block = blocks / 2;
    while (block < blocks && zones[block].first_key == zones[block].last_key) ++block;
    ASSERT_LT(block, blocks);
    const std::function<void(cold::Zone&)> changes[] = {
        [](cold::Zone& zone) { ++zone.version_max; },
        [](cold::Zone& zone) { --zone.version_min; },
        [](cold::Zone& zone) { --zone.superseded_max; },
        [](cold::Zone& zone) { ++zone.count; },
        [](cold::Zone& zone) {
            std::swap(zone.first_key, zone.last_key), std::swap(zone.first_prefix, zone.last_prefix);
        },
    };
    for (const auto& change : changes) {
        for (const std::size_t zone : {block, blocks}) {
            if (&change == &changes[3] && zone == blocks) continue;  // refused when the segment is opened
            bytes_ = good;
            change_section<cold::Zone>(&SegmentHeader::zones, [&](std::span<cold::Zone> each) { change(each[zone]); });
            expect_found("ZV-SEG-022");
        }
    }
}

TEST_P(SegmentAuditTest, FindsAnIndexThatDoesNotAgree) {
    write();
    const std::string good = bytes_;
    const SegmentHeader head = header();
    const auto change_page = [&](const std::function<void(cold::IndexBucket&)>& change) {
        bytes_ = good;
        const auto bytes = piece(head.index.offset, sizeof(cold::IndexPage));
        auto& page = *reinterpret_cast<cold::IndexPage*>(bytes.data());
        for (cold::IndexBucket& bucket : page.buckets) {
            const auto count = bucket.meta & cold::IndexBucket::kCountMask;
            if (count == 0 || count == cold::IndexBucket::kEntries) continue;
            change(bucket);
            break;
        }
        page.checksum = checksum(bytes.subspan(8), head.index.offset);
        write_file(path_, bytes_);
        expect_found("ZV-SEG-021");
    };
    change_page([](cold::IndexBucket& bucket) { bucket.postings[0] ^= 1; });
    change_page([](cold::IndexBucket& bucket) { bucket.tags[0] ^= 1; });
    change_page([](cold::IndexBucket& bucket) { --bucket.meta; });
    change_page([](cold::IndexBucket& bucket) { ++bucket.meta; });  // an entry of nothing
}

TEST_P(SegmentAuditTest, FindsFiguresThatAreNotThoseOfTheRecords) {
    write();
    const SegmentHeader good = header();
    const std::function<void(SegmentHeader&)> changes[] = {
        [](SegmentHeader& head) { ++head.records; },        [](SegmentHeader& head) { ++head.tombstones; },
        [](SegmentHeader& head) { ++head.key_bytes; },      [](SegmentHeader& head) { --head.value_bytes; },
        [](SegmentHeader& head) { --head.version_min; },    [](SegmentHeader& head) { ++head.version_max; },
        [](SegmentHeader& head) { --head.superseded_max; },
    };
    for (const auto& change : changes) {
        SegmentHeader head = good;
        change(head);
        seal(head);
        expect_found("ZV-SEG-004");
    }
}

/// A block of right checksum whose records don't make sense.
TEST_P(SegmentAuditTest, FindsMalformedRecords) {
    write();
    const std::string good = bytes_;
    SegmentHeader head = header();
    const auto zones = piece(head.zones.offset, head.zones.bytes);
    cold::Zone zone{};
    std::memcpy(&zone, zones.data() + 7 * sizeof(zone), sizeof(zone));
    const std::uint64_t offset = zone.child * head.unit_bytes;
    std::uint64_t found = 0;
    for (std::uint64_t at = 8; at < zone.bytes; ++at) {
        bytes_ = good;
        const auto block = piece(offset, zone.bytes);
        block[at] ^= std::byte{0x41};
        const std::uint64_t sum = checksum(block.subspan(8), offset);
        std::memcpy(block.data(), &sum, sizeof(sum));
        write_file(path_, bytes_);
        const auto segment = must(Segment::open(*io_, path_, kStore, kId));
        found += audit(*segment).clean() ? 0 : 1;  // a changed value inside its block is another value
    }
    EXPECT_GT(found, 20U);
}

/// Of right checksum, with another size than what comes out.
TEST_P(SegmentAuditTest, FindsBlocksThatDoNotDecompress) {
    if (!compressed()) return;
    write();
    SegmentHeader head = header();
    std::uint64_t changed = 0;
    const std::string good = bytes_;
    for (std::uint64_t i = 0; i < head.blocks; ++i) {
        bytes_ = good;
        cold::Zone zone{};
        std::memcpy(&zone, bytes_.data() + head.zones.offset + i * sizeof(zone), sizeof(zone));
        const std::uint64_t offset = zone.child * head.unit_bytes;
        const auto block = piece(offset, zone.bytes);
        auto& stored = *reinterpret_cast<cold::BlockHeader*>(block.data());
        if (stored.raw_bytes == 0) continue;
        stored.raw_bytes = changed % 3 == 0 ? 0xffff'ffff : stored.raw_bytes + (changed % 3 == 1 ? 1 : -1);
        stored.checksum = checksum(block.subspan(8), offset);
        write_file(path_, bytes_);
        expect_found(changed++ % 3 == 0 ? "ZV-SEG-013" : "ZV-SEG-023");
    }
    EXPECT_GT(changed, 5U);
}

std::vector<const char*> kinds() {
    std::vector<const char*> all{"", "vvkk", "kvkvk", "vvv", "kkkkk"};
    if (platform::has_compression()) all.insert(all.end(), {"zstdvvkk", "zstdkvkvk"});
    return all;
}
INSTANTIATE_TEST_SUITE_P(Kinds, SegmentAuditTest, ::testing::ValuesIn(kinds()), [](const auto& kind) {
    const std::string name = kind.param;
    return name.empty() ? std::string("live") : name;
});

}  // namespace
}  // namespace zverse::test
