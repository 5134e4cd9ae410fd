// Comparing keys and copying values without a call where they are short. A read of the rings is two cache misses and
// whatever the CPU can do beside them: it overlaps as many reads as fit into its window of instructions, so each
// instruction of a read is worth more than its own time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace zverse::hot {

[[nodiscard]] inline std::uint64_t load_word(const char* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    return word;
}

/// 8 to 16 bytes are two words, which may overlap. Everything that looks at a key asks this first, and so only once.
[[nodiscard]] constexpr bool usual_key(std::size_t bytes) noexcept { return bytes - 8 <= 8; }

/// Whether two stretches of `count` bytes are equal.
[[nodiscard]] inline bool same_bytes(const char* a, const char* b, std::size_t count) noexcept {
    if (usual_key(count)) [[likely]] {
        const std::size_t last = count - 8;
        return ((load_word(a) ^ load_word(b)) | (load_word(a + last) ^ load_word(b + last))) == 0;
    }
    return std::memcmp(a, b, count) == 0;
}

/// Copies `count` bytes, which need not be any.
inline void copy_bytes(char* to, const char* from, std::size_t count) noexcept {
    if (usual_key(count)) [[likely]] {
        const std::uint64_t first = load_word(from), last = load_word(from + count - 8);
        std::memcpy(to, &first, sizeof(first));
        std::memcpy(to + count - 8, &last, sizeof(last));
    } else if (count != 0) {
        std::memcpy(to, from, count);
    }
}

/// Values that copy_short() takes.
constexpr std::size_t kShortBytes = 128;

/// Copies at most kShortBytes, which need not be any, without a call: in blocks that may overlap.
[[gnu::always_inline]] inline void copy_short(char* to, const char* from, std::size_t count) noexcept {
    if (count > 64) {
        std::memcpy(to, from, 32);
        std::memcpy(to + 32, from + 32, 32);
        std::memcpy(to + count - 64, from + count - 64, 32);
        std::memcpy(to + count - 32, from + count - 32, 32);
    } else if (count > 32) {
        std::memcpy(to, from, 32);
        std::memcpy(to + count - 32, from + count - 32, 32);
    } else if (count > 16) {
        std::memcpy(to, from, 16);
        std::memcpy(to + count - 16, from + count - 16, 16);
    } else if (count >= 8) {
        copy_bytes(to, from, count);
    } else if (count >= 4) {
        std::memcpy(to, from, 4);
        std::memcpy(to + count - 4, from + count - 4, 4);
    } else if (count > 0) {
        to[0] = from[0];
        to[count / 2] = from[count / 2];
        to[count - 1] = from[count - 1];
    }
}

/// to.assign(from) for a `from` that does not lie inside `to`, which need not be looked at then.
inline void assign_apart(std::string& to, std::string_view from) {
    // The second argument may be the capacity: libstdc++ 12 rounds it up where it allocates.
    to.resize_and_overwrite(from.size(), [&](char* bytes, std::size_t) noexcept {
        std::memcpy(bytes, from.data(), from.size());
        return from.size();
    });
}

}  // namespace zverse::hot
