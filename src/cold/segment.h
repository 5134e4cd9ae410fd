// Segment: an open segment file, for reading. Immutable, so any thread may read it at any time.
//
// Usually everything is read where it lies in the mapping. Header, zones and keys are checked when the segment is
// opened; blocks, pages of the index and outside values when they are first touched, and remembered as good by a bit
// each.
//
// Compressed blocks, which only history segments have, are decompressed into memory that readers hold (BlockHold), and
// that the cache of the store may hold for the next one. Their checksum is that of the stored bytes, so nothing is
// decompressed that was not written so.
//
// A segment that is copied reads nothing through its mapping, which then only tells the system what will be wanted:
// header, zones and keys are in memory from its opening on, blocks and outside values are read into memory that readers
// hold, as decompressed ones are, pages of the index each time; and each is checked each time. So what the medium fails
// to give is an error always, and never a signal.
//
// Orders: the bits are relaxed. What they vouch for never changes, so a thread that misses one only checks again.
#pragma once

#include <cold/block_cache.h>
#include <cold/curve.h>
#include <cold/file_remover.h>
#include <cold/key_index.h>
#include <cold/zone_map.h>
#include <platform/compression.h>
#include <platform/file_io.h>
#include <platform/prefetch.h>
#include <platform/read_mapping.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// How readers get at the bytes of segments; bulk readers read files anyway.
enum class SegmentReads : std::uint8_t { mapped, copied };

class Segment {
public:
    /// `cache`: for decompressed and copied blocks; without one each look at a block decompresses or reads it. Errors:
    /// corrupt (file and offset named), incompatible (features), io, full.
    [[nodiscard]] static Result<std::shared_ptr<Segment>> open(platform::FileIo& io, const std::filesystem::path& path,
                                                               const std::uint64_t (&store)[2], std::uint64_t segment,
                                                               std::shared_ptr<BlockCache> cache = nullptr,
                                                               SegmentReads reads = SegmentReads::mapped);

    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    /// Removes the file when the last one who holds the segment lets it go. Of one thread, while others may read.
    void remove_when_unused(std::shared_ptr<FileRemover> remover) noexcept {
        remover_ = std::move(remover);
        mapping_.will_rest();
    }
    [[nodiscard]] const SegmentHeader& header() const noexcept { return header_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] const Curve& curve() const noexcept { return curve_; }
    /// Whether blocks may be compressed.
    [[nodiscard]] bool compressed() const noexcept { return decompressor_.has_value(); }
    [[nodiscard]] const ZoneMap& zones() const noexcept { return zones_; }
    [[nodiscard]] std::string_view first_key() const noexcept { return first_key_; }
    [[nodiscard]] std::string_view last_key() const noexcept { return last_key_; }
    /// The curve's columns are split by column_count() keys, ascending.
    [[nodiscard]] std::size_t column_count() const noexcept { return columns_.size(); }
    [[nodiscard]] std::string_view column(std::size_t i) const noexcept {
        std::string_view key;
        (void)heap_key(keys_, columns_[i], key);
        return key;
    }
    /// The part's key range: [range_begin, range_end), no end in the last part.
    [[nodiscard]] std::string_view range_begin() const noexcept { return range_begin_; }
    [[nodiscard]] std::optional<std::string_view> range_end() const noexcept { return range_end_; }

    /// Starts loading the index line of a key.
    void prefetch(std::uint64_t hash) const noexcept {
        const std::uint64_t home = home_of(hash, home_buckets_);
        platform::prefetch(&page(home / IndexPage::kBuckets).buckets[home % IndexPage::kBuckets]);
    }
    /// Starts loading the records that the index line names for it.
    void prefetch_records(std::uint64_t hash) const noexcept {
        if (file_ != nullptr) return;
        const std::uint64_t home = home_of(hash, home_buckets_);
        const IndexBucket& bucket = page(home / IndexPage::kBuckets).buckets[home % IndexPage::kBuckets];
        for (unsigned left = match_tags(bucket, tag_of(hash)); left != 0; left &= left - 1) {
            const std::uint32_t posting = bucket.postings[std::countr_zero(left)];
            const std::uint64_t unit = posting >> kPostingOffsetBits;
            if (unit / 64 >= checked_.size()) continue;
            if (checked(unit)) {
                prefetch_record(posting);
            } else {
                // Not touched since it was opened, so it may still be on the disk.
                mapping_.will_need(unit * header_.unit_bytes, kBlockBytesUsual);
            }
        }
    }
    /// A record found, the segment that its value is asked of, and what holds both key and value.
    struct Hit {
        const Segment* segment = nullptr;
        StoredRecord record;  ///< version 0: none
        BlockHold hold;
        explicit operator bool() const noexcept { return segment != nullptr; }
    };
    /// Replaces `best` by the newest record of `key` with a version <= `as_of`, if that is newer. Does not load a value
    /// that lies outside: see value(). Errors: corrupt, full (memory).
    [[nodiscard]] Result<void> find(std::string_view key, std::uint64_t hash, Version as_of, Hit& best) const;
    /// A record's place.
    struct Place {
        std::size_t block;
        std::uint32_t offset;
    };
    /// Where the stretches of a key begin, in no order; those without a version in (after, upto] may be left out. A
    /// stretch: neighbouring records of one key, their versions descending; it ends where the next record is of another
    /// key or newer.
    [[nodiscard]] Result<void> postings(std::string_view key, std::uint64_t hash, Version after, Version upto,
                                        std::vector<Place>& places) const;

    /// Starts loading what seek() in a block looks into: first where its restart points are named, then, once that is
    /// there, the restart points. A block that was never checked is left alone: its own sizes are not to be believed.
    void prefetch_block(std::size_t number) const noexcept {
        const Zone& zone = zones_.block(number);
        const std::uint64_t offset = zone.child * header_.unit_bytes;
        if (zone.bytes == 0 || !inside(offset, zone.bytes)) return;
        const std::byte* const block = mapping_.bytes().data() + offset;
        platform::prefetch(block);
        platform::prefetch(block + zone.bytes - 1);
    }
    void prefetch_restarts(std::size_t number) const noexcept {
        const std::uint64_t unit = zones_.block(number).child;
        if (reads_into_memory() || unit / 64 >= checked_.size() || !checked(unit)) return;
        BlockReader(mapping_.bytes().data() + unit * header_.unit_bytes, header_.slab_after).prefetch_restarts();
    }
    /// A block, checked. Errors: corrupt, io, full (memory).
    [[nodiscard]] Result<BlockReader> block(std::size_t number) const;
    /// The value of a record, checked when it lies outside; if need be, `hold` keeps it then. Errors: corrupt, io, full
    /// (memory).
    [[nodiscard]] Result<std::string_view> value(const StoredRecord& record, BlockHold& hold) const {
        if (!record.is_outside) [[likely]]
            return record.value;
        return file_ != nullptr ? copied_value(record, hold) : outside_value(record);
    }
    /// Whether the value of a record of this segment lies in the mapping.
    [[nodiscard]] bool keeps(const StoredRecord& record) const noexcept {
        return !reads_into_memory() || (record.is_outside && file_ == nullptr);
    }
    /// For who reads the file in another way than by the mapping (bulk_reader.cpp): a block as it is stored, checked,
    /// and decompressed into `raw` if need be; whether a value can lie at a place, and is what should lie there.
    [[nodiscard]] Result<BlockReader> check_block(std::size_t number, std::span<const std::byte> stored,
                                                  std::vector<std::byte>& raw) const;
    [[nodiscard]] Result<void> check_outside(const OutsideValue& place, std::uint64_t bytes) const;
    [[nodiscard]] Result<void> check_outside(const OutsideValue& place, std::span<const std::byte> bytes) const;
    /// Whether a record, at a place of a block, has the key and the versions that a writer takes for granted.
    [[nodiscard]] Result<void> check_record(const StoredRecord& record, std::string_view key, std::size_t block,
                                            std::uint32_t at) const;
    /// Where a value that lies outside is, not looked at.
    [[nodiscard]] Result<std::string_view> unread_outside(const OutsideValue& place, std::uint64_t bytes) const;
    /// What a damaged record makes of a call.
    [[nodiscard]] Error damaged(std::uint64_t offset, const char* what) const;
    /// Where the zone over all blocks promises a key that none of them has.
    [[nodiscard]] Error damaged_zones() const {
        return damaged(header_.zones.offset, "the zones do not agree with each other");
    }
    /// Memory beside the mapping.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept {
        const std::size_t words = checked_.size() + checked_pages_.size() + checked_values_.size();
        return sizeof(Segment) + path_.native().size() + words * sizeof(std::uint64_t) + copied_bytes_;
    }
    [[nodiscard]] std::uint64_t offset_of(std::size_t block) const noexcept {
        return zones_.block(block).child * header_.unit_bytes;
    }

private:
    static constexpr std::uint64_t kCacheLine = 64;
    static constexpr std::uint64_t kBlockBytesUsual = std::uint64_t{16} << 10;

    Segment(std::filesystem::path path, platform::ReadMapping mapping, std::shared_ptr<BlockCache> cache) noexcept
        : path_(std::move(path)), mapping_(std::move(mapping)), cache_(std::move(cache)) {}
    [[nodiscard]] Result<void> read_header(const std::uint64_t (&store)[2], std::uint64_t segment);
    [[nodiscard]] Result<void> check_header() const;
    [[nodiscard]] Result<void> read_sections();
    [[nodiscard]] Result<void> read_dictionary();
    [[nodiscard]] Result<std::span<const std::byte>> section(const Section& section, const char* what);
    /// Bytes that are there as long as the segment is; if need be, a copy.
    [[nodiscard]] Result<std::span<const std::byte>> keep(std::uint64_t offset, std::uint64_t bytes);
    /// Whether blocks are read into memory that readers hold.
    [[nodiscard]] bool reads_into_memory() const noexcept { return decompressor_ || file_ != nullptr; }
    [[nodiscard]] bool inside(std::uint64_t offset, std::uint64_t bytes) const noexcept;
    /// Before bytes are looked at for the first time. Errors: io.
    [[nodiscard]] Result<void> load(std::uint64_t offset, std::uint64_t bytes) const;

    [[nodiscard]] const IndexPage& page(std::uint64_t number) const noexcept {
        return reinterpret_cast<const IndexPage*>(mapping_.bytes().data() + header_.index.offset)[number];
    }
    [[nodiscard]] Result<const IndexBucket*> bucket(std::uint64_t number) const;
    /// What `offset` begins with may be the header of a block.
    [[nodiscard]] Result<void> check_block_header(const BlockHeader& header, std::uint64_t offset) const;
    /// They are all of a block and as they were written; at least a header.
    [[nodiscard]] Result<void> check_block_bytes(std::span<const std::byte> stored, std::uint64_t offset) const;
    /// Where a block lies, as it is stored, checked.
    [[nodiscard]] Result<const std::byte*> block_bytes(std::uint64_t unit) const;
    [[nodiscard]] Result<std::string_view> outside_value(const StoredRecord& record) const;
    // The same out of the file, each time anew.
    [[nodiscard]] Result<void> copy(std::span<std::byte> to, std::uint64_t offset) const;
    [[nodiscard]] Result<IndexBucket> copied_bucket(std::uint64_t number) const;
    [[nodiscard]] Result<BlockReader> copied_block(std::uint64_t unit) const;
    [[nodiscard]] Result<std::string_view> copied_value(const StoredRecord& record, BlockHold& hold) const;
    /// The block that is stored there, decompressed if need be.
    [[nodiscard]] Result<BlockReader> read_block(std::uint64_t unit, const std::byte* stored) const;
    [[nodiscard]] Result<BlockHold> decompressed(std::uint64_t unit, const std::byte* stored,
                                                 const BlockHeader& header) const;
    using Bits = std::vector<std::atomic<std::uint64_t>>;
    [[nodiscard]] static Bits make_bits(std::uint64_t count) { return Bits(count / 64 + 1); }
    [[nodiscard]] static bool is_set(const Bits& bits, std::uint64_t i) noexcept {
        return (bits[i / 64].load(std::memory_order_relaxed) >> (i % 64) & 1) != 0;  // relaxed: see above
    }
    static void set(Bits& bits, std::uint64_t i) noexcept {
        bits[i / 64].fetch_or(std::uint64_t{1} << (i % 64), std::memory_order_relaxed);  // relaxed: see above
    }
    /// Of a block.
    [[nodiscard]] bool checked(std::uint64_t unit) const noexcept { return is_set(checked_, unit); }
    /// The lines that a record of a common size takes.
    void prefetch_record(std::uint32_t posting) const noexcept {
        const std::uint64_t block = (posting >> kPostingOffsetBits) * std::uint64_t{header_.unit_bytes};
        const std::uint64_t record = block + (posting & ((1U << kPostingOffsetBits) - 1)) * kRecordAlignment;
        if (record + 3 * kCacheLine > mapping_.bytes().size()) return;  // nothing is trusted, not even for an address
        const std::byte* const bytes = mapping_.bytes().data();
        for (std::uint64_t line = 0; line < 3; ++line) platform::prefetch(bytes + record + line * kCacheLine);
    }
    /// Calls visit(block reader, unit, record) for each posting of the key; it returns false to end. Blocks of a
    /// history whose zones show that no version in (after, upto] begins there are passed; `after` may rise on the way.
    template <class Visit>
    [[nodiscard]] Result<void> for_each_posting(std::string_view key, std::uint64_t hash, const Version& after,
                                                Version upto, Visit&& visit) const;
    /// Whether a stretch of the key that begins in a block may have a version in (after, upto].
    [[nodiscard]] bool stretch_may_hold(std::size_t block, std::string_view key, Version after,
                                        Version upto) const noexcept;
    [[nodiscard]] Result<std::size_t> block_number(std::uint64_t unit) const;
    /// Goes down a stretch of the key, from `record` at `offset`, to its newest one <= as_of, which is `reader`'s then.
    [[nodiscard]] Result<bool> walk_down(BlockReader& reader, std::uint64_t unit, std::uint32_t offset,
                                         std::string_view key, Version as_of, StoredRecord& record) const;
    [[nodiscard]] std::size_t block_down(std::size_t number, std::string_view key, Version as_of,
                                         Version above) const noexcept;

    std::filesystem::path path_;
    platform::ReadMapping mapping_;
    std::unique_ptr<platform::File> file_;  ///< of a segment that is copied
    std::vector<std::unique_ptr<std::byte[]>> copies_;  ///< of its sections
    std::uint64_t copied_bytes_ = 0;  ///< of those
    SegmentHeader header_{};
    std::uint64_t seed_ = 0;
    Curve curve_;
    ZoneMap zones_;
    std::string_view first_key_, last_key_, range_begin_;
    std::optional<std::string_view> range_end_;
    std::span<const std::uint32_t> columns_;
    std::span<const std::byte> keys_;
    std::uint64_t home_buckets_ = 0;
    std::optional<platform::Decompressor> decompressor_;  ///< where blocks may be compressed
    std::shared_ptr<BlockCache> cache_;
    std::shared_ptr<FileRemover> remover_;  ///< of the destructor alone: whoever set it held the segment
    // Apart, so that no file makes a block of what was checked as something else.
    mutable Bits checked_;  ///< a bit for each unit that a block begins at
    mutable Bits checked_pages_;  ///< for each page of the index
    mutable Bits checked_values_;  ///< for each kOutsideValueBytes that a value begins in
};

}  // namespace zverse::cold
