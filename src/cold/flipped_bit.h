// The one bit of a piece that is wrong: memory that fails flips it before the piece is written, a cell of the medium
// afterwards. All other damage has more.
//
// What proves it is the checksum. A piece of n bits has n neighbours that differ in one bit; that one of them has a
// right checksum of 64 bits by chance happens once in 2^64 / n damaged pieces, once in 2^45 for the 64 KiB here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace zverse::cold {

/// Of larger pieces no bit is tried: the time grows with the square of the size. 0.2 s for 19 KiB.
constexpr std::uint64_t kTriedBytesMax = std::uint64_t{64} << 10;

/// Flips each bit of `bytes` in turn until `right()` says so, and leaves it flipped. Returns its number, counted from
/// the lowest bit of the first byte; nothing, and `bytes` as they were: no single bit explains it, there are too many,
/// or `stopped`, which is asked now and then: who asked to be stopped must not take that for damage.
template <class Right>
[[nodiscard]] std::optional<std::uint64_t> turn_bit_back(std::span<std::byte> bytes,
                                                         const std::function<bool()>& stopped, const Right& right) {
    if (bytes.size() > kTriedBytesMax) return std::nullopt;
    for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
        if (byte % 512 == 0 && stopped && stopped()) return std::nullopt;
        for (unsigned bit = 0; bit < 8; ++bit) {
            const std::byte mask{static_cast<unsigned char>(1U << bit)};
            bytes[byte] ^= mask;
            if (right()) return 8 * std::uint64_t{byte} + bit;
            bytes[byte] ^= mask;
        }
    }
    return std::nullopt;
}

/// For whoever reads damaged pieces: single flipped bits are to be turned back, and told of.
struct BitCorrection {
    std::function<bool()> stopped;
    std::function<void(std::uint64_t byte, unsigned bit)> corrected;  ///< of the file

    /// The same as above of a piece at `offset`; true: `right()` says so now.
    template <class Right>
    [[nodiscard]] bool turn_back(std::span<std::byte> bytes, std::uint64_t offset, const Right& right) const {
        const auto bit = turn_bit_back(bytes, stopped, right);
        if (bit) corrected(offset + *bit / 8, static_cast<unsigned>(*bit % 8));
        return bit.has_value();
    }
};

}  // namespace zverse::cold
