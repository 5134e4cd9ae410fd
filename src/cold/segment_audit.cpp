// Order: sizes and headers, sections, index, then the blocks in file order, each against its zone, each record against
// its neighbours and the index; at the end the sums against the header.
#include <cold/compressed_block.h>
#include <cold/curve_order.h>
#include <cold/segment_audit.h>
#include <cold/segment_checksum.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace zverse::cold {

namespace {

namespace codes = platform::codes;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// The index as it lies in the file.
class IndexAudit {
public:
    IndexAudit(std::uint64_t postings, std::uint64_t bytes) : homes_(home_buckets_for(postings)) {
        pages_.reserve(bytes / sizeof(IndexPage));
    }
    void add(const IndexPage& page, bool good) {
        pages_.push_back(page);
        good_.push_back(good);
    }
    [[nodiscard]] bool all_good() const { return std::ranges::find(good_, false) == good_.end(); }
    [[nodiscard]] std::uint64_t entries() const {
        std::uint64_t sum = 0;
        for (const IndexPage& page : pages_) {
            for (const IndexBucket& bucket : page.buckets) sum += bucket.meta & IndexBucket::kCountMask;
        }
        return sum;
    }
    /// Whether a reader who looks for the hash meets the posting; in doubt, behind a damaged page, yes.
    [[nodiscard]] bool leads_to(std::uint64_t hash, std::uint32_t posting) const {
        for (std::uint64_t number = home_of(hash, homes_);; ++number) {
            const std::uint64_t page = number / IndexPage::kBuckets;
            if (page >= pages_.size()) return false;
            if (!good_[page]) return true;
            const IndexBucket& bucket = pages_[page].buckets[number % IndexPage::kBuckets];
            for (unsigned matches = match_tags(bucket, tag_of(hash)); matches != 0; matches &= matches - 1) {
                if (bucket.postings[std::countr_zero(matches)] == posting) return true;
            }
            if ((bucket.meta & IndexBucket::kOverflow) == 0) return false;
        }
    }

private:
    std::uint64_t homes_;
    std::vector<IndexPage> pages_;
    std::vector<bool> good_;
};

}  // namespace

class SegmentAudit {
public:
    SegmentAudit(platform::FileIo& io, const Segment& segment, const std::uint64_t (&store)[2], platform::Audit& audit,
                 AuditDepth depth)
        : io_(io),
          segment_(segment),
          header_(segment.header()),
          audit_(audit),
          depth_(depth),
          seed_(segment_seed(store, header_.segment)),
          hash_seed_(segment_seed(store, 0)),
          grid_(segment.curve(), header_.slab_after, header_.slab_upto, {}),
          index_(header_.postings, header_.index.bytes) {}

    /// See SegmentCheck.
    [[nodiscard]] bool step(std::uint64_t bytes) {
        if (file_ == nullptr) return begin();
        const std::uint64_t upto = audit_.seen().bytes + std::min(bytes, header_.file_bytes);
        for (; next_block_ < header_.blocks && audit_.seen().bytes < upto; ++next_block_) {
            if (audit_.stopped()) return false;
            check_block(zones_[next_block_]);
        }
        if (next_block_ < header_.blocks) return true;
        if (audit_.findings() == findings_before_blocks_ && !audit_.stopped()) check_sums();
        return false;
    }
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept {
        const std::uint64_t sections = header_.index.bytes + header_.zones.bytes + header_.keys.bytes;
        return sections + block_.capacity() + raw_block_.capacity() + piece_.capacity();
    }

private:
    /// Everything but the blocks; false when there is no looking at them.
    [[nodiscard]] bool begin() {
        file_ = audit_.open(io_, segment_.path(), header_.file_bytes, codes::kSegmentSize);
        if (file_ == nullptr) return false;
        audit_.count_segment();
        file_->advise(platform::Advice::in_order);
        file_->advise(platform::Advice::once);  // readers' blocks stay in memory instead
        check_headers();
        const bool sections = read_sections();
        read_index();
        // Where a block begins only the zones say.
        if (!sections) return false;
        check_zone_tree();
        findings_before_blocks_ = audit_.findings();
        return true;
    }
    void find(std::string_view code, std::uint64_t offset, std::string what) {
        audit_.find(code, segment_.path(), offset, std::move(what));
    }
    [[nodiscard]] std::string_view key_at(std::uint32_t offset) const {
        std::string_view key;
        (void)heap_key(keys_, offset, key);
        return key;
    }

    void check_headers();
    [[nodiscard]] bool read_sections();
    [[nodiscard]] bool read_dictionary();
    template <class T>
    [[nodiscard]] bool read_section(const Section& section, const char* name, std::vector<T>& into);
    [[nodiscard]] bool check_columns(const std::vector<std::uint32_t>& columns);
    void read_index();
    void check_zone_tree();
    void check_block(const Zone& zone);
    [[nodiscard]] bool decompress(const BlockHeader& header, std::uint64_t offset);
    [[nodiscard]] bool check_records(const BlockReader& reader, const Zone& zone, std::uint64_t offset);
    void check_record(const StoredRecord& record, const Zone& zone, std::uint32_t at);
    void check_place(const StoredRecord& record, std::uint64_t offset);
    void check_value(const StoredRecord& record, std::uint64_t offset);
    void check_posting(const StoredRecord& record, const Zone& zone, std::uint32_t at);
    void check_zone(const Zone& zone, std::uint64_t offset);
    void check_sums();

    platform::FileIo& io_;
    const Segment& segment_;
    const SegmentHeader& header_;
    platform::Audit& audit_;
    const AuditDepth depth_;
    const std::uint64_t seed_, hash_seed_;
    CurveGrid grid_;
    IndexAudit index_;
    std::unique_ptr<platform::File> file_;
    std::vector<Zone> zones_;
    std::vector<std::byte> keys_, block_, raw_block_, piece_;
    std::optional<platform::Decompressor> decompressor_;  ///< where blocks may be compressed

    /// Of the records so far: what the header says of all of them.
    struct Sums {
        std::uint64_t records = 0, tombstones = 0, postings = 0, key_bytes = 0, value_bytes = 0;
        Version version_min = kOpen, version_max = 0, superseded_max = 0;
        void note(const StoredRecord& record, std::size_t key) noexcept {
            ++records;
            tombstones += record.tombstone ? 1 : 0;
            key_bytes += key;
            value_bytes += record.value_bytes;
            version_min = std::min(version_min, record.version);
            version_max = std::max(version_max, record.version);
            superseded_max = std::max(superseded_max, record.superseded);
        }
    };
    std::size_t next_block_ = 0, findings_before_blocks_ = 0;
    Sums all_, block_sums_;
    std::string key_, last_key_;  ///< of the record, and of the one before it
    std::string block_first_, block_last_;
    Version last_version_ = 0;
    std::uint64_t last_code_ = 0;
};

void SegmentAudit::check_headers() {
    for (const std::uint64_t offset : {std::uint64_t{0}, header_.file_bytes - kSegmentHeaderBytes}) {
        SegmentHeader copy;
        if (!audit_.read(*file_, std::as_writable_bytes(std::span(&copy, 1)), offset)) continue;
        if (copy.magic != kSegmentMagic || copy.checksum != header_checksum(copy)) {
            find(codes::kSegmentHeader, offset, "a header's checksum is wrong");
        } else if (std::memcmp(&copy, &header_, sizeof(copy)) != 0) {
            find(codes::kSegmentHeader, offset, "a header is of another segment or store");
        }
    }
}

template <class T>
bool SegmentAudit::read_section(const Section& section, const char* name, std::vector<T>& into) {
    // It lies inside the file: that was checked when the segment was opened.
    into.resize(section.bytes / sizeof(T));
    const auto bytes = std::as_writable_bytes(std::span(into));
    if (!audit_.read(*file_, bytes, section.offset)) return false;
    if (piece_checksum(bytes, seed_, section.offset) == section.checksum) return true;
    find(codes::kSegmentSection, section.offset, std::string("the checksum of the ") + name + " is wrong");
    return false;
}

bool SegmentAudit::read_sections() {
    std::vector<std::uint32_t> columns;
    const bool have_zones = read_section(header_.zones, "zones", zones_);
    const bool have_columns = read_section(header_.columns, "columns", columns);
    const bool have_keys = read_section(header_.keys, "keys", keys_);
    if (!have_zones || !have_keys) return false;
    const std::uint64_t units = std::min(header_.file_bytes / header_.unit_bytes, kBlockUnitsMax);
    if (!ZoneMap(zones_, header_.blocks, keys_).plausible(units)) {
        find(codes::kSegmentSection, header_.zones.offset, "the zones make no sense");
        return false;
    }
    return have_columns && check_columns(columns) && read_dictionary();
}

/// Without it no block says anything.
bool SegmentAudit::read_dictionary() {
    if ((header_.features & features::kZstd) == 0) return true;
    std::vector<std::byte> dictionary;
    if (header_.dictionary.bytes != 0 && !read_section(header_.dictionary, "dictionary", dictionary)) return false;
    auto made = platform::Decompressor::create(dictionary);
    if (!made) {
        audit_.find(made.error(), segment_.path(), header_.dictionary.offset);
        return false;
    }
    decompressor_ = std::move(*made);
    return true;
}

bool SegmentAudit::check_columns(const std::vector<std::uint32_t>& columns) {
    std::vector<std::string> fences;
    for (const std::uint32_t offset : columns) {
        std::string_view key;
        if (!heap_key(keys_, offset, key) || (!fences.empty() && key < fences.back())) {
            find(codes::kSegmentSection, header_.columns.offset, "the columns are not ascending keys");
            return false;
        }
        fences.emplace_back(key);
    }
    grid_ = CurveGrid(segment_.curve(), header_.slab_after, header_.slab_upto, std::move(fences));
    return true;
}

void SegmentAudit::read_index() {
    auto page = std::make_unique<IndexPage>();
    const auto bytes = std::as_writable_bytes(std::span(page.get(), 1));
    for (std::uint64_t done = 0; done < header_.index.bytes; done += sizeof(IndexPage)) {
        const std::uint64_t offset = header_.index.offset + done;
        const bool read = audit_.read(*file_, bytes, offset);
        const bool good =
            read && page->checksum == piece_checksum(bytes.subspan(sizeof(page->checksum)), seed_, offset);
        if (read && !good) find(codes::kIndexPage, offset, "the checksum of a page of the index is wrong");
        index_.add(*page, good);
    }
}

/// The zones above the blocks: each says of its children what they say.
void SegmentAudit::check_zone_tree() {
    for (std::size_t i = header_.blocks; i < zones_.size(); ++i) {
        const Zone& zone = zones_[i];
        Zone all = zones_[zone.child];
        for (std::size_t child = zone.child + 1; child < std::size_t{zone.child} + zone.count; ++child) {
            const Zone& each = zones_[child];
            if (key_at(each.first_key) < key_at(all.first_key)) all.first_key = each.first_key;
            if (key_at(each.last_key) > key_at(all.last_key)) all.last_key = each.last_key;
            all.version_min = std::min(all.version_min, each.version_min);
            all.version_max = std::max(all.version_max, each.version_max);
            all.superseded_max = std::max(all.superseded_max, each.superseded_max);
        }
        const bool agrees = key_at(all.first_key) == key_at(zone.first_key) &&
                            key_at(all.last_key) == key_at(zone.last_key) && all.version_min == zone.version_min &&
                            all.version_max == zone.version_max && all.superseded_max == zone.superseded_max;
        if (!agrees) {
            find(codes::kZone, header_.zones.offset + i * sizeof(Zone), "a zone does not agree with those below it");
        }
    }
}

void SegmentAudit::check_block(const Zone& zone) {
    const std::uint64_t offset = zone.child * header_.unit_bytes;
    if (offset < kSegmentHeaderBytes || offset >= header_.index.offset || zone.bytes > kBlockBytesMax ||
        zone.bytes <= sizeof(BlockHeader) || zone.bytes > header_.index.offset - offset) {
        find(codes::kBlockPlace, offset, "no block of " + std::to_string(zone.bytes) + " bytes can lie there");
        return;
    }
    block_.resize(zone.bytes);
    if (!audit_.read(*file_, block_, offset)) return;
    BlockHeader header{};
    std::memcpy(&header, block_.data(), sizeof(header));
    const auto covered = std::span<const std::byte>(block_).subspan(sizeof(header.checksum));
    if (header.checksum != piece_checksum(covered, seed_, offset)) {
        find(codes::kBlockChecksum, offset, "a block's checksum is wrong, or it belongs elsewhere");
        return;
    }
    if (header.bytes != zone.bytes || !BlockReader::plausible(header, zone.bytes) ||
        (header.raw_bytes != 0 && !decompressor_)) {
        find(codes::kBlockPlace, offset, "the block's sizes make no sense");
        return;
    }
    if (header.raw_bytes != 0 && !decompress(header, offset)) return;
    const std::byte* const bytes = header.raw_bytes != 0 ? raw_block_.data() : block_.data();
    block_sums_ = {};
    if (check_records(BlockReader(bytes, header_.slab_after), zone, offset)) check_zone(zone, offset);
}

bool SegmentAudit::decompress(const BlockHeader& header, std::uint64_t offset) {
    raw_block_.resize(header.raw_bytes);
    const auto done = decompress_block(*decompressor_, block_, raw_block_);
    if (!done) {
        audit_.find(done.error(), segment_.path(), offset);
        return false;
    }
    if (!*done) find(codes::kBlockCompression, offset, "a block does not decompress to what it says");
    return *done;
}

/// All records of a block; false when one of them can't be read.
bool SegmentAudit::check_records(const BlockReader& reader, const Zone& zone, std::uint64_t offset) {
    const BlockHeader& header = reader.header();
    StoredRecord record;
    std::uint32_t number = 0;
    for (std::uint32_t at = reader.begin(); at != reader.end(); at = record.next, ++number) {
        if (number == header.records || !reader.read(at, record) || !reader.read_key(record, key_)) {
            find(codes::kRecordMalformed, offset + at, "no record lies there");
            return false;
        }
        const std::uint32_t restart = number / kRestartInterval;
        const bool begins = number % kRestartInterval == 0;
        if (begins && (restart >= header.restarts || reader.restart(restart) != at || record.shared != 0)) {
            find(codes::kRecordMalformed, offset + at, "a restart point does not lead to its record");
            return false;
        }
        check_record(record, zone, at);
    }
    if (number == header.records && header.restarts == (number + kRestartInterval - 1) / kRestartInterval) return true;
    find(codes::kRecordMalformed, offset, "the block does not have the records that it says");
    return false;
}

void SegmentAudit::check_record(const StoredRecord& record, const Zone& zone, std::uint32_t at) {
    const std::uint64_t offset = zone.child * header_.unit_bytes + at;
    check_place(record, offset);
    check_posting(record, zone, at);
    if (record.is_outside) check_value(record, offset);
    if (block_sums_.records == 0 || key_ < block_first_) block_first_ = key_;
    if (block_sums_.records == 0 || key_ > block_last_) block_last_ = key_;
    block_sums_.note(record, key_.size());
    all_.note(record, key_.size());
    audit_.count_records(1);
    last_key_ = key_;
    last_version_ = record.version;
}

/// Inside the slab and the key range, and behind the record before it.
void SegmentAudit::check_place(const StoredRecord& record, std::uint64_t offset) {
    const bool live = header_.kind == SegmentKind::live;
    const bool in_slab = record.version > header_.slab_after && record.version <= header_.slab_upto;
    if (!in_slab || record.superseded <= record.version || (live && record.superseded <= header_.slab_upto)) {
        find(codes::kRecordVersion, offset,
             "a record lives from version " + std::to_string(record.version) + " to " +
                 std::to_string(record.superseded) + ", which is not of the segment's slab (" +
                 std::to_string(header_.slab_after) + ", " + std::to_string(header_.slab_upto) + "]");
        return;
    }
    if (key_.empty() || key_ < key_at(header_.range_begin) ||
        (header_.range_end != kNoKey && key_ >= key_at(header_.range_end))) {
        find(codes::kRecordRange, offset, "a record's key is outside of the segment's key range");
    }
    const std::uint64_t code = live ? 0 : segment_.curve().encode(grid_.column_of(key_), grid_.row_of(record.version));
    const bool behind =
        code > last_code_ ||
        (code == last_code_ && (key_ > last_key_ || (key_ == last_key_ && !live && record.version < last_version_)));
    if (all_.records > 0 && !behind) find(codes::kRecordOrder, offset, "a record is out of order");
    last_code_ = code;
}

void SegmentAudit::check_value(const StoredRecord& record, std::uint64_t offset) {
    const OutsideValue& value = record.outside;
    if (value.offset < kSegmentHeaderBytes || value.offset % header_.unit_bytes != 0 ||
        value.offset > header_.index.offset || record.value_bytes > header_.index.offset - value.offset) {
        find(codes::kRecordMalformed, offset, "a record's value can't lie where it says");
        return;
    }
    if (depth_ == AuditDepth::blocks) return;
    piece_.resize(kPieceBytes);
    const auto checksum = piece_checksum(*file_, record.value_bytes, seed_, value.offset, piece_);
    if (!checksum) {
        audit_.find(checksum.error(), segment_.path(), value.offset);
        return;
    }
    audit_.count_bytes(record.value_bytes);
    if (*checksum != value.checksum) find(codes::kValueChecksum, value.offset, "a value's checksum is wrong");
}

/// Where a stretch begins the index must lead to it; nowhere else.
void SegmentAudit::check_posting(const StoredRecord& record, const Zone& zone, std::uint32_t at) {
    if (all_.records > 0 && key_ == last_key_ && record.version < last_version_) return;
    ++all_.postings;
    const auto posting = static_cast<std::uint32_t>(zone.child << kPostingOffsetBits | at / kRecordAlignment);
    if (index_.leads_to(hash_key(key_, hash_seed_), posting)) return;
    find(codes::kIndexPosting, zone.child * header_.unit_bytes + at, "the index does not lead to a record");
}

void SegmentAudit::check_zone(const Zone& zone, std::uint64_t offset) {
    const bool agrees = zone.count == block_sums_.records && zone.version_min == block_sums_.version_min &&
                        zone.version_max == block_sums_.version_max &&
                        zone.superseded_max == block_sums_.superseded_max && key_at(zone.first_key) == block_first_ &&
                        key_at(zone.last_key) == block_last_;
    if (!agrees) find(codes::kZone, offset, "the zone of a block does not agree with its records");
}

void SegmentAudit::check_sums() {
    const SegmentHeader& h = header_;
    const bool agrees = h.records == all_.records && h.tombstones == all_.tombstones && h.postings == all_.postings &&
                        h.key_bytes == all_.key_bytes && h.value_bytes == all_.value_bytes &&
                        h.version_min == all_.version_min && h.version_max == all_.version_max &&
                        h.superseded_max == all_.superseded_max;
    if (!agrees) find(codes::kSegmentCounts, 0, "the header's figures are not those of the records");
    if (index_.all_good() && index_.entries() != h.postings) {
        find(codes::kIndexPosting, h.index.offset, "the index has postings of no record");
    }
}

void audit_segment(platform::FileIo& io, const Segment& segment, const std::uint64_t (&store)[2],
                   platform::Audit& audit, AuditDepth depth) {
    SegmentAudit all(io, segment, store, audit, depth);
    while (all.step(segment.header().file_bytes)) {}
}

SegmentCheck::SegmentCheck(platform::FileIo& io, const Segment& segment, const std::uint64_t (&store)[2],
                           platform::Audit& audit)
    : audit_(std::make_unique<SegmentAudit>(io, segment, store, audit, AuditDepth::values)) {}

SegmentCheck::~SegmentCheck() = default;

bool SegmentCheck::step(std::uint64_t bytes) { return audit_->step(bytes); }

std::uint64_t SegmentCheck::memory_bytes() const noexcept { return audit_->memory_bytes(); }

}  // namespace zverse::cold
