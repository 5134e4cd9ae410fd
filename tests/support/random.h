// The random numbers of tests: small, fast, the same on every machine, and replayed from one printed seed.
#pragma once

#include <cstdint>
#include <string>

namespace zverse::test {

/// SplitMix64. Not for statistics; good enough to reach every branch, and one word of state to print.
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t word = state_;
        word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
        word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
        return word ^ (word >> 31);
    }
    /// 0 .. bound - 1; bound > 0.
    std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
    /// low .. high, both included.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept { return low + below(high - low + 1); }
    /// True once in `count` times.
    bool one_in(std::uint64_t count) noexcept { return below(count) == 0; }

    std::string bytes(std::uint64_t count) {
        std::string text(count, '\0');
        std::uint64_t word = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            if (i % 8 == 0) word = next();
            text[i] = static_cast<char>(word >> (i % 8 * 8));
        }
        return text;
    }

private:
    std::uint64_t state_;
};

/// A 64-bit mix of two words: independent streams out of one seed.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    Random random(a ^ (b * 0xd1342543de82ef95));
    return random.next();
}

}  // namespace zverse::test
