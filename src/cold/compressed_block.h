// Compressed blocks: the header of the block with its raw_bytes set, then what was behind the header, compressed.
//
// They are smaller than others, because who reads a record decompresses all of its block; the dictionary makes up for
// what less text in one piece costs (docs/decisions/0013).
//
// Offsets in a block are those of the raw one, so that postings and restart points mean the same in both.
#pragma once

#include <cold/block.h>
#include <platform/compression.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace zverse::cold {

/// Where a block that is to be compressed ends.
inline constexpr std::size_t kCompressedBlockBytes = 4096;

class BlockCompressor {
public:
    /// `unit_bytes`: of the segment; what is not smaller by one of them is not worth it. Errors: those of Compressor.
    [[nodiscard]] static Result<BlockCompressor> create(std::span<const std::byte> dictionary,
                                                        std::uint64_t unit_bytes);
    /// What is to be stored of a finished block, its checksum not set: the block compressed, valid until the next call,
    /// or the block itself where that saves nothing.
    [[nodiscard]] std::span<std::byte> compress(std::span<std::byte> block);

private:
    BlockCompressor(platform::Compressor compressor, std::uint64_t unit_bytes) noexcept
        : compressor_(std::move(compressor)), unit_bytes_(unit_bytes) {}

    platform::Compressor compressor_;
    std::uint64_t unit_bytes_;
    std::vector<std::byte> bytes_;
};

/// Makes the raw block of a plausible compressed one; `to` has its raw_bytes. False when it is damaged. Errors: full
/// (memory).
[[nodiscard]] Result<bool> decompress_block(const platform::Decompressor& decompressor,
                                            std::span<const std::byte> stored, std::span<std::byte> to);

}  // namespace zverse::cold
