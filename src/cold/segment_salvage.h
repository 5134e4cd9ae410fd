// SegmentSalvage: the records of a segment's file that can be proved, whatever else of the file is damaged.
//
// One whole header is enough. It says what is counted from where, and seeds the checksums: a block is believed when its
// checksum agrees with store, segment and offset, so nothing else is taken for one. Where blocks lie the zones say;
// when they are lost, each unit of the file is looked at. Compressed blocks need the dictionary. Values outside of
// blocks have checksums of their own, and are read when somebody wants them: read_value().
//
// Memory: zones and keys, one block and what it decompresses to.
//
// Threads: one at a time.
#pragma once

#include <cold/block.h>
#include <cold/flipped_bit.h>
#include <platform/compression.h>
#include <platform/file_io.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// Keys [first, last], as far as they are known.
struct KeyBounds {
    std::string first;
    std::optional<std::string> last;  ///< nothing: no end is known
    [[nodiscard]] bool holds(std::string_view key) const noexcept { return key >= first && (!last || key <= *last); }
};

/// What could not be had.
struct LostPiece {
    std::uint64_t offset = 0, bytes = 0;  ///< of the file
    std::string what;
    KeyBounds keys;
    Version version_min = 0, version_max = 0;
    std::uint64_t records_max = 0;
};

class SegmentSalvage {
public:
    class Visitor {
    public:
        virtual ~Visitor() = default;
        /// A whole block of so many bytes in the file; what is taken next is in it.
        virtual void enter(std::uint64_t /*unit*/, std::uint32_t /*bytes*/) {}
        /// `at`: in the block, as it was before it was compressed. The views are good until it returns; its error ends
        /// the visit.
        [[nodiscard]] virtual Result<void> take(std::string_view key, const StoredRecord& record, std::uint32_t at) = 0;
        virtual void lose(LostPiece piece) = 0;
    };

    /// Errors: corrupt (no header is whole, or it is of another segment or store), incompatible (features), io, full.
    [[nodiscard]] static Result<SegmentSalvage> open(platform::FileIo& io, const std::filesystem::path& path,
                                                     const std::uint64_t (&store)[2], std::uint64_t segment);

    [[nodiscard]] const SegmentHeader& header() const noexcept { return *header_; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
    [[nodiscard]] platform::File& file() const noexcept { return *file_; }
    /// The heap of keys; empty where it is lost.
    [[nodiscard]] std::span<const std::byte> keys() const noexcept { return keys_; }
    /// Of the segment's part: [range_begin, range_end), as far as the keys can be read.
    [[nodiscard]] const std::optional<std::string>& range_begin() const noexcept { return range_begin_; }
    /// Nothing in the last part, too.
    [[nodiscard]] const std::optional<std::string>& range_end() const noexcept { return range_end_; }

    /// From now on a block of which one bit is wrong is a whole one, where zones tell where blocks lie: not every place
    /// that looks like one is worth as long. A visit that is stopped goes on, and loses what it did not try.
    void correct_bits(BitCorrection correction) { correction_ = std::move(correction); }
    /// Everything that can be proved, in file order. Errors: those of the visitor; full (memory).
    [[nodiscard]] Result<void> visit(Visitor& visitor);

private:
    SegmentSalvage(std::unique_ptr<platform::File> file, std::uint64_t file_bytes)
        : file_(std::move(file)), file_bytes_(file_bytes) {}
    [[nodiscard]] Result<void> read_header(const std::uint64_t (&store)[2], std::uint64_t segment);
    [[nodiscard]] bool read_section(const Section& section, std::vector<std::byte>& into) const;
    [[nodiscard]] Result<void> read_sections();
    [[nodiscard]] Result<void> read_dictionary();
    [[nodiscard]] Result<void> visit_zones(Visitor& visitor);
    [[nodiscard]] Result<void> look_everywhere(Visitor& visitor);
    /// What is wrong with the block in `block_`; nothing when it is whole, and decompressed if need be.
    [[nodiscard]] const char* check_block(std::uint64_t offset, const BitCorrection* correction);
    [[nodiscard]] bool is_checksum_right(std::uint64_t offset) const;
    /// Of the block in `block_`, which lies at `offset`. Returns how many records were good.
    [[nodiscard]] Result<std::uint64_t> take_records(Visitor& visitor, std::uint64_t offset);
    [[nodiscard]] LostPiece all_lost(std::string what) const;

    std::unique_ptr<platform::File> file_;
    std::uint64_t file_bytes_;
    std::unique_ptr<SegmentHeader> header_;
    std::uint64_t seed_ = 0;
    std::vector<std::byte> keys_;  ///< empty: lost
    std::vector<Zone> zones_;  ///< of blocks; empty: lost
    std::optional<std::string> range_begin_, range_end_;
    std::optional<platform::Decompressor> decompressor_;
    std::optional<BitCorrection> correction_;
    std::vector<std::byte> block_, raw_;
    const std::byte* bytes_ = nullptr;  ///< of the block, as it was before it was compressed
    std::string key_;
};

/// A value that lies outside, of a record that was visited, into `buffer`. `correction`: a value of which one bit is
/// wrong is whole. Errors: corrupt, io, full.
[[nodiscard]] Result<std::string_view> read_value(platform::File& file, std::uint64_t seed, const OutsideValue& place,
                                                  std::uint64_t bytes, std::vector<std::byte>& buffer,
                                                  const BitCorrection* correction = nullptr);

}  // namespace zverse::cold
