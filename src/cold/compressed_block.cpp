#include <cold/compressed_block.h>

#include <cstring>

namespace zverse::cold {

Result<BlockCompressor> BlockCompressor::create(std::span<const std::byte> dictionary, std::uint64_t unit_bytes) {
    auto compressor = platform::Compressor::create(dictionary);
    if (!compressor) return std::unexpected(std::move(compressor.error()));
    return BlockCompressor(std::move(*compressor), unit_bytes);
}

std::span<std::byte> BlockCompressor::compress(std::span<std::byte> block) {
    // At most this much, so that it takes a unit less.
    const std::size_t most = (block.size() - 1) / unit_bytes_ * unit_bytes_;
    if (most <= sizeof(BlockHeader) || block.size() > kBlockBytesMax) return block;
    bytes_.resize(most);
    const std::size_t bytes =
        compressor_.compress(block.subspan(sizeof(BlockHeader)), std::span(bytes_).subspan(sizeof(BlockHeader)));
    if (bytes == 0) return block;
    BlockHeader header{};
    std::memcpy(&header, block.data(), sizeof(header));
    header.raw_bytes = header.bytes;
    header.bytes = static_cast<std::uint32_t>(sizeof(header) + bytes);
    std::memcpy(bytes_.data(), &header, sizeof(header));
    return std::span(bytes_).first(header.bytes);
}

Result<bool> decompress_block(const platform::Decompressor& decompressor, std::span<const std::byte> stored,
                              std::span<std::byte> to) {
    BlockHeader header{};
    std::memcpy(&header, stored.data(), sizeof(header));
    header.checksum = 0;
    header.bytes = std::exchange(header.raw_bytes, 0);
    std::memcpy(to.data(), &header, sizeof(header));
    return decompressor.decompress(stored.subspan(sizeof(header)), to.subspan(sizeof(header)));
}

}  // namespace zverse::cold
