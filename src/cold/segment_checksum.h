// What a piece of a segment is checked by: its bytes, and that it is this piece of this segment of this store.
#pragma once

#include <cold/layout.h>
#include <platform/file_io.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace zverse::cold {

/// Seeds the checksums of a segment; also, with `segment` 0, the hashes of a store's keys.
[[nodiscard]] std::uint64_t segment_seed(const std::uint64_t (&store)[2], std::uint64_t segment) noexcept;
/// XXH3-64 (Y. Collet) of a piece at `offset` of the file.
[[nodiscard]] std::uint64_t piece_checksum(std::span<const std::byte> bytes, std::uint64_t seed,
                                           std::uint64_t offset) noexcept;
/// The same of a piece in a file, read through `buffer`. Errors: corrupt (the file ends), io.
[[nodiscard]] Result<std::uint64_t> piece_checksum(platform::File& file, std::uint64_t bytes, std::uint64_t seed,
                                                   std::uint64_t offset, std::span<std::byte> buffer);
[[nodiscard]] std::uint64_t header_checksum(const SegmentHeader& header) noexcept;

}  // namespace zverse::cold
