#include <cold/segment_checksum.h>

#include <algorithm>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace zverse::cold {

namespace {
constexpr std::uint64_t kOffsetFactor = 0x9e3779b97f4a7c15;
}

std::uint64_t segment_seed(const std::uint64_t (&store)[2], std::uint64_t segment) noexcept {
    const std::uint64_t words[3] = {store[0], store[1], segment};
    return XXH3_64bits(words, sizeof(words));
}

std::uint64_t piece_checksum(std::span<const std::byte> bytes, std::uint64_t seed, std::uint64_t offset) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed + offset * kOffsetFactor);
}

Result<std::uint64_t> piece_checksum(platform::File& file, std::uint64_t bytes, std::uint64_t seed,
                                     std::uint64_t offset, std::span<std::byte> buffer) {
    XXH3_state_t state{};
    XXH3_64bits_reset_withSeed(&state, seed + offset * kOffsetFactor);
    for (std::uint64_t done = 0; done < bytes;) {
        const auto part = buffer.first(std::min<std::uint64_t>(bytes - done, buffer.size()));
        if (auto read = file.read_exact(part, offset + done); !read) return std::unexpected(std::move(read.error()));
        XXH3_64bits_update(&state, part.data(), part.size());
        done += part.size();
    }
    return XXH3_64bits_digest(&state);
}

std::uint64_t header_checksum(const SegmentHeader& header) noexcept {
    return XXH3_64bits(&header, offsetof(SegmentHeader, checksum));
}

}  // namespace zverse::cold
