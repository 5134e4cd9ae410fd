// Spill runs: sorted records in a file that only this process reads, written once and read once, from front to back.
//
// Data flow: records, packed and in order -> pieces -> the file; and back, a piece at a time.
//
//   packed record  PackedHead | key | value, or where it lies
//   piece          PieceHead | packed records, none of them cut; begins at a multiple of the piece's usual size, and is
//                  larger than that only when one record is
//   run            pieces, one behind the other
//
// The file is on a medium, so nothing in it is trusted: each piece has a checksum, seeded with where it lies, and every
// length is held against its end. Nothing here outlives the process, so the format has no number.
//
// Threads: one at a time.
#pragma once

#include <cold/block.h>
#include <platform/file_io.h>
#include <zverse/types.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// A record on its way through a sort.
struct SortedRecord {
    Version version = 0;
    std::string_view key;
    std::string_view value;  ///< empty when it lies outside
    bool tombstone = false;
    bool is_outside = false;
    std::uint8_t mark = 0;  ///< the caller's
    std::uint32_t segment = 0;  ///< where an outside value lies, by a number that the caller gave it
    std::uint64_t value_bytes = 0;  ///< of an outside value
    OutsideValue outside{};
};

struct PackedHead {
    Version version;
    std::uint32_t value_bytes;
    std::uint16_t key_bytes;
    std::uint8_t flags;
    std::uint8_t mark;
};
static_assert(sizeof(PackedHead) == 16);

/// Of a record as it is packed.
[[nodiscard]] std::size_t packed_bytes(const SortedRecord& record) noexcept;
/// Packs it to where that many bytes are.
void pack(const SortedRecord& record, std::byte* to) noexcept;
/// Takes out the record that `bytes` begin with, and how many of them it takes; 0 when there is none.
[[nodiscard]] std::size_t unpack(std::span<const std::byte> bytes, SortedRecord& record) noexcept;

/// By version, then key.
[[nodiscard]] inline std::strong_ordering compare(Version a, std::string_view a_key, Version b,
                                                  std::string_view b_key) noexcept {
    return a != b ? a <=> b : a_key <=> b_key;
}

/// Where a run lies in its file.
struct SpillRun {
    std::uint64_t begin = 0, end = 0;
};

class SpillRunWriter {
public:
    /// Behind `begin` the file is free; a multiple of `piece_bytes`.
    SpillRunWriter(platform::File& file, std::uint64_t begin, std::size_t piece_bytes);

    /// Errors: io, full.
    [[nodiscard]] Result<void> add(std::span<const std::byte> packed);
    /// The last piece is written, too. Errors: io, full.
    [[nodiscard]] Result<SpillRun> finish();
    /// The largest piece so far: what a reader needs at once.
    [[nodiscard]] std::size_t largest_piece() const noexcept { return largest_; }

private:
    [[nodiscard]] Result<void> write_piece();

    platform::File& file_;
    const std::uint64_t begin_;
    const std::size_t piece_bytes_;
    std::uint64_t at_;
    std::vector<std::byte> piece_;
    std::size_t largest_ = 0;
};

class SpillRunReader {
public:
    /// Before the first record.
    SpillRunReader(platform::File& file, SpillRun run, std::size_t piece_bytes);

    /// To the next record; false at the end. Errors: corrupt, io.
    [[nodiscard]] Result<bool> next();
    /// Valid until next().
    [[nodiscard]] const SortedRecord& record() const noexcept { return record_; }
    [[nodiscard]] std::span<const std::byte> packed() const noexcept { return packed_; }

private:
    [[nodiscard]] Result<void> read_piece();
    [[nodiscard]] Error damaged(const char* what) const;

    platform::File& file_;
    const SpillRun run_;
    const std::size_t piece_bytes_;
    std::uint64_t at_;  ///< of the next piece
    std::vector<std::byte> piece_;
    std::span<const std::byte> left_;  ///< of the piece
    std::span<const std::byte> packed_;
    SortedRecord record_;
};

}  // namespace zverse::cold
