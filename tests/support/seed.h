// Seeds and sizes of random tests. ZVERSE_SEED replays a run; each test prints the seed it used, and every failure
// inside it repeats the line.
#pragma once

#include <support/random.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace zverse::test {

/// True when this program is instrumented, which makes it about ten times slower.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// The number in an environment variable, or `otherwise`.
[[nodiscard]] inline std::uint64_t environment_number(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests set no environment
    return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 0);
}

/// ZVERSE_SEED, or a new seed each run: a test suite that always draws the same numbers stops finding anything.
[[nodiscard]] inline std::uint64_t choose_seed() {
    static const std::uint64_t fresh = [] {
        std::random_device device;
        return (std::uint64_t{device()} << 32) | device();
    }();
    return environment_number("ZVERSE_SEED", fresh);
}

/// Lives in a random test: prints the seed at the start, and again under every failure.
class SeedScope {
public:
    SeedScope() : seed_(choose_seed()), trace_(__FILE__, __LINE__, line(seed_)) {
        std::printf("%s\n", line(seed_).c_str());
        std::fflush(stdout);
    }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

private:
    static std::string line(std::uint64_t seed) { return "ZVERSE_SEED=" + std::to_string(seed) + " replays this run"; }
    std::uint64_t seed_;
    ::testing::ScopedTrace trace_;
};

}  // namespace zverse::test
