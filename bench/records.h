// The records all store benchmarks use: 16-byte keys spread over the whole key space, 100-byte values that tell which
// record they belong to.
#pragma once

#include <support/random.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace zverse::bench {

inline constexpr std::size_t kKeyBytes = 16;
inline constexpr std::size_t kValueBytes = 100;
inline constexpr std::uint64_t kFrameBytes = 192;

/// Key of record `number`: different numbers give different keys, in no order.
struct Key {
    std::array<std::uint64_t, 2> words;

    Key() = default;
    explicit Key(std::uint64_t number) noexcept : words{test::Random(number).next(), number} {}
    [[nodiscard]] std::uint64_t number() const noexcept { return words[1]; }
    [[nodiscard]] std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(words.data()), kKeyBytes};
    }
};
static_assert(sizeof(Key) == kKeyBytes);

struct Value {
    std::array<char, kValueBytes> bytes;

    explicit Value(std::uint64_t number) noexcept {
        bytes.fill('v');
        set(number);
    }
    void set(std::uint64_t number) noexcept { std::memcpy(bytes.data(), &number, sizeof number); }
    [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), bytes.size()}; }
    [[nodiscard]] static bool belongs(std::string_view value, std::uint64_t number) noexcept {
        return value.size() == kValueBytes && std::memcmp(value.data(), &number, sizeof number) == 0;
    }
};

/// A random number below `bound` without a division.
[[nodiscard]] inline std::uint64_t pick(test::Random& random, std::uint64_t bound) noexcept {
    return (random.next() >> 32) * bound >> 32;
}

/// Keys drawn before the clock runs: to compute them would take a good part of the CPU's window of instructions, in
/// which it looks for cache misses to overlap.
class DrawnKeys {
public:
    explicit DrawnKeys(std::uint64_t seed) : random_(seed) {}

    /// The next `count` keys: random ones of the numbers [first, first + bound).
    void draw(std::int64_t count, std::uint64_t bound, std::uint64_t first = 0) {
        keys_.clear();
        for (std::int64_t i = 0; i < count; ++i) keys_.push_back(Key(first + pick(random_, bound)));
    }
    /// The next `count` keys in order of their numbers, behind those before.
    void count_up(std::int64_t count) {
        keys_.clear();
        for (std::int64_t i = 0; i < count; ++i) keys_.push_back(Key(next_++));
    }
    [[nodiscard]] const Key& operator[](std::int64_t i) const noexcept { return keys_[static_cast<std::size_t>(i)]; }

private:
    test::Random random_;
    std::vector<Key> keys_;
    std::uint64_t next_ = 0;
};

}  // namespace zverse::bench
