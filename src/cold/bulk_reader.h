// BulkReader: the blocks and outside values of a segment, from front to back, for who reads all of them.
//
// Merges and expiry read so. The mapping is for reads that look for something: it faults in a page at a time, and a
// disk that fails under it ends the process. Here a piece of the file is one read, the system reads ahead behind it,
// and what fails is an Error. Each block and value is checked as it is taken, whether or not somebody checked it
// before.
//
// What is where the zones say, and those are looked at in the mapping: they were read and checked when the segment was
// opened.
//
// Threads: one at a time.
#pragma once

#include <cold/component.h>
#include <cold/tree_scan.h>
#include <platform/file_io.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// A value that lies outside of its block, read and checked. Valid as long as `buffer` stays. Errors: corrupt, io.
[[nodiscard]] Result<std::string_view> read_outside(platform::File& file, const Segment& segment,
                                                    const OutsideValue& place, std::uint64_t bytes,
                                                    std::vector<std::byte>& buffer);

class BulkReader {
public:
    static constexpr std::size_t kPieceBytesUsual = std::size_t{256} << 10;

    /// What somebody takes: then pieces have nothing else in them, as far as that lies side by side.
    enum class Takes : std::uint8_t { blocks, values_too };

    /// `piece_bytes`: of one read; a larger block is read alone. Errors: io.
    [[nodiscard]] static Result<std::unique_ptr<BulkReader>> open(platform::FileIo& io,
                                                                  std::shared_ptr<const Segment> segment,
                                                                  std::size_t piece_bytes = kPieceBytesUsual,
                                                                  Takes takes = Takes::values_too);

    [[nodiscard]] const Segment& segment() const noexcept { return *segment_; }
    [[nodiscard]] const std::shared_ptr<const Segment>& shared_segment() const noexcept { return segment_; }
    /// Valid until the next call. Errors: corrupt, io, full (memory).
    [[nodiscard]] Result<BlockReader> block(std::size_t number);
    /// Of a record of the last block; valid until the next call. Errors: corrupt, io.
    [[nodiscard]] Result<std::string_view> value(const StoredRecord& record);
    /// Gives the memory of a large value back.
    void forget_value() noexcept {
        if (value_.capacity() > piece_bytes_) value_ = {};
    }

private:
    BulkReader(std::shared_ptr<const Segment> segment, std::unique_ptr<platform::File> file, std::size_t piece_bytes,
               Takes takes)
        : segment_(std::move(segment)), file_(std::move(file)), piece_bytes_(piece_bytes), takes_(takes) {}
    [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t bytes) const noexcept {
        return offset >= piece_at_ && offset - piece_at_ <= piece_.size() &&
               bytes <= piece_.size() - (offset - piece_at_);
    }
    [[nodiscard]] std::uint64_t piece_end(std::size_t number, std::uint64_t from) const noexcept;
    [[nodiscard]] Result<void> read_piece(std::size_t number, std::uint64_t from);

    std::shared_ptr<const Segment> segment_;
    std::unique_ptr<platform::File> file_;
    const std::size_t piece_bytes_;
    const Takes takes_;
    std::vector<std::byte> piece_;  ///< of the file
    std::uint64_t piece_at_ = 0;
    std::uint64_t behind_ = 0;  ///< the last block: values of the next one may begin there
    std::vector<std::byte> raw_;  ///< the last block, where it was compressed
    std::vector<std::byte> value_;  ///< the last one that was not in the piece
};

/// Over all records of a live component from its begin() on, read in bulk. Placed on the first one. The component must
/// stay.
class BulkCursor final : public ComponentCursor {
public:
    /// Errors: corrupt, io, full (memory).
    [[nodiscard]] static Result<std::unique_ptr<BulkCursor>> open(platform::FileIo& io, const Component& component,
                                                                  std::size_t piece_bytes);
    [[nodiscard]] Result<void> next() override;
    /// The value of the record; valid until next(). Errors: corrupt, io.
    [[nodiscard]] Result<std::string_view> value() { return reader_->value(record_); }
    [[nodiscard]] const std::shared_ptr<const Segment>& shared_segment() const noexcept {
        return reader_->shared_segment();
    }
    /// What the record makes of a merge that it does not fit into.
    [[nodiscard]] Error damaged(const char* what) const;

private:
    BulkCursor(platform::FileIo& io, const Component& component, std::size_t piece_bytes) noexcept
        : io_(io), component_(component), piece_bytes_(piece_bytes) {}
    [[nodiscard]] Result<void> enter_part();
    [[nodiscard]] Result<void> enter_block();
    /// To the next record; false behind the last one.
    [[nodiscard]] Result<bool> step();

    platform::FileIo& io_;
    const Component& component_;
    const std::size_t piece_bytes_;
    std::size_t part_ = 0, block_ = 0;
    std::unique_ptr<BulkReader> reader_;  ///< of the part
    BlockReader records_;
    std::uint32_t at_ = 0;  ///< of the next record
    std::string key_bytes_, last_key_;  ///< no record has an empty one
};

}  // namespace zverse::cold
