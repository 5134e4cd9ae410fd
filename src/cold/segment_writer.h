// SegmentWriter: records in file order -> one segment file.
//
// Data flow: a record goes into the block being built, its value into the file at once when it is large; a full block
// goes into the file, its postings and its zone are noted; finish() appends index, zones and keys, and writes the
// header twice, the front one last. The caller renames the file when it is synced, and only then is there a segment.
//
// File order: live segments by key, each once; history segments by (code of the curve, key, version descending).
#pragma once

#include <cold/compressed_block.h>
#include <cold/curve.h>
#include <cold/key_index.h>
#include <cold/zone_map.h>
#include <platform/stream_writer.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace zverse::cold {

/// What a segment is, known before its first record.
struct SegmentPlan {
    std::uint64_t store[2] = {0, 0};
    std::uint64_t segment = 0;
    std::uint64_t component = 0;
    std::uint32_t part = 0;
    SegmentKind kind = SegmentKind::live;
    std::uint32_t level = 0;
    Version slab_after = 0;
    Version slab_upto = 0;
    Curve curve;
    std::vector<std::string> columns;  ///< smallest key of each column but the first; for curves with rows
    std::vector<std::uint64_t> replaced;
    std::string range_begin;
    std::int64_t created = 0;
    std::size_t block_bytes = kRecordsBeginMax;
    std::uint64_t unit_bytes = kUnitBytes;  ///< see unit_bytes_for()
    bool compress = false;  ///< blocks of a history segment, not its outside values
    std::vector<std::byte> dictionary;  ///< for that; may be empty
};

/// The unit of a segment whose largest value has `value_bytes`: with the usual one a block behind a huge value would
/// lie beyond the reach of postings.
[[nodiscard]] std::uint64_t unit_bytes_for(std::uint64_t value_bytes) noexcept;

class SegmentWriter {
public:
    [[nodiscard]] static Result<SegmentWriter> create(platform::FileIo& io, const std::filesystem::path& path,
                                                      SegmentPlan plan);

    [[nodiscard]] Result<void> add(const Record& record);
    /// The next record begins a new block.
    void begin_block() noexcept { block_ends_ = true; }
    /// Bytes of the file so far, what is being built included, sections not.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return stream_.position() + builder_bytes_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return header_.records; }
    /// What index and zones take until it is finished. The stream's buffers are not in it.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return index_.memory_bytes() + zones_.memory_bytes(); }
    /// At least one record was added. `range_end`: where the part's key range ends; none: it is the last part.
    /// The file is synced then.
    [[nodiscard]] Result<SegmentHeader> finish(const std::optional<std::string>& range_end);

private:
    SegmentWriter(platform::StreamWriter stream, SegmentPlan plan, std::optional<BlockCompressor> compressor);
    [[nodiscard]] Result<OutsideValue> write_outside(std::string_view value);
    [[nodiscard]] Result<void> end_block();
    [[nodiscard]] Result<void> write_index();
    [[nodiscard]] Result<void> write_section(Section& section, std::span<const std::byte> bytes);
    void note(const Record& record);
    void describe(const std::optional<std::string>& range_end);

    /// A posting whose block has no place yet.
    struct Begun {
        std::uint64_t hash;
        std::uint32_t offset;
    };

    platform::StreamWriter stream_;
    SegmentPlan plan_;
    SegmentHeader header_{};
    std::uint64_t seed_;
    std::uint64_t hash_seed_;
    BlockBuilder block_;
    std::optional<BlockCompressor> compressor_;
    std::uint64_t builder_bytes_ = 0;
    bool block_ends_ = false;
    std::vector<Begun> begun_;  ///< of the block being built
    KeyIndexBuilder index_;
    ZoneMapBuilder zones_;
    std::string last_key_;
    Version last_version_ = 0;
};

}  // namespace zverse::cold
