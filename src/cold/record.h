// Records: what a segment stores, and the numbers in front of them.
#pragma once

#include <cold/layout.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace zverse::cold {

/// One (key, version), with views into wherever it lies.
struct Record {
    std::string_view key;
    std::string_view value;
    Version version = 0;
    Version superseded = kOpen;
    bool tombstone = false;
};

/// The first 8 bytes of a key as a big-endian number, padded with zeros: it orders as the bytes do.
[[nodiscard]] inline std::uint64_t key_prefix(std::string_view key) noexcept {
    std::uint64_t word = 0;
    if (key.size() >= sizeof(word)) {
        std::memcpy(&word, key.data(), sizeof(word));
    } else if (!key.empty()) {
        std::memcpy(&word, key.data(), key.size());
    }
    return std::byteswap(word);
}

inline constexpr std::size_t kNumberBytesMax = 10;

/// LEB128: seven bits a byte, the lowest first. Returns where it ends; there is room for kNumberBytesMax.
[[nodiscard]] inline std::byte* write_number(std::byte* to, std::uint64_t number) noexcept {
    while (number >= 0x80) {
        *to++ = static_cast<std::byte>(number | 0x80);
        number >>= 7;
    }
    *to++ = static_cast<std::byte>(number);
    return to;
}

/// Reads a number and moves `from` behind it; false when it does not end before `end` or has more than 64 bits.
[[nodiscard]] inline bool read_number(const std::byte*& from, const std::byte* end, std::uint64_t& number) noexcept {
    if (from < end && (*from & std::byte{0x80}) == std::byte{0}) [[likely]] {
        number = static_cast<std::uint64_t>(*from++);
        return true;
    }
    if (end - from >= 8) [[likely]] {
        // Up to eight bytes at once: the seven bits of each move together, pair by pair.
        std::uint64_t word = 0;
        std::memcpy(&word, from, sizeof(word));
        if (const std::uint64_t last = ~word & 0x8080808080808080; last != 0) [[likely]] {
            word &= last ^ (last - 1);
            word = (word & 0x007f007f007f007f) | (word & 0x7f007f007f007f00) >> 1;
            word = (word & 0x00003fff00003fff) | (word & 0x3fff00003fff0000) >> 2;
            number = (word & 0x000000000fffffff) | (word & 0x0fffffff00000000) >> 4;
            from += (std::countr_zero(last) + 1) / 8;
            return true;
        }
    }
    number = 0;
    for (unsigned shift = 0; from < end; shift += 7) {
        const auto byte = static_cast<std::uint64_t>(*from++);
        if (shift == 63 && byte > 1) return false;
        number |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return true;
        if (shift == 63) return false;
    }
    return false;
}

}  // namespace zverse::cold
