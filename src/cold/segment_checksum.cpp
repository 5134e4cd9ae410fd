#include <cold/segment_checksum.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace zverse::cold {

std::uint64_t segment_seed(const std::uint64_t (&store)[2], std::uint64_t segment) noexcept {
    const std::uint64_t words[3] = {store[0], store[1], segment};
    return XXH3_64bits(words, sizeof(words));
}

std::uint64_t piece_checksum(std::span<const std::byte> bytes, std::uint64_t seed, std::uint64_t offset) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed + offset * 0x9e3779b97f4a7c15);
}

std::uint64_t header_checksum(const SegmentHeader& header) noexcept {
    return XXH3_64bits(&header, offsetof(SegmentHeader, checksum));
}

}  // namespace zverse::cold
