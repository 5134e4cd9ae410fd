// Pace: how long writers are held back while the rings fill faster than flushes empty them.
//
// The delay grows with the fill, from nothing at three quarters to twice the time that a flush takes for as many bytes,
// so writers and flushes meet before the rings are full, and nobody waits long. What is left to wait for there is the
// ring's queue (space_queue.h).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>

namespace zverse::hot {

/// For each MiB written at such a fill. Pure.
[[nodiscard]] constexpr std::chrono::nanoseconds delay_per_mib(std::uint64_t used_bytes, std::uint64_t ring_bytes,
                                                               std::chrono::nanoseconds flush_per_mib) noexcept {
    const std::uint64_t begins = ring_bytes / 4 * 3;
    if (used_bytes <= begins) return std::chrono::nanoseconds(0);
    const std::uint64_t over = (used_bytes - begins) * 1024 / (ring_bytes - begins);
    return std::chrono::nanoseconds(2 * flush_per_mib.count() * static_cast<std::int64_t>(over) / 1024);
}

class Pace {
public:
    /// One look at the fill admits so many writes, once delays have begun.
    static constexpr std::uint32_t kAdmissions = 16;
    /// Shorter ones are put together: a sleep takes longer than asked anyway.
    static constexpr std::chrono::nanoseconds kShortest{100'000}, kLongest{1'000'000};
    static constexpr unsigned kBuckets = 16;  ///< bucket i: delays below 2^i microseconds

    /// What the last flush took for a MiB.
    void set_flush_time(std::chrono::nanoseconds per_mib) noexcept {
        // relaxed: a figure.
        flush_per_mib_.store(per_mib.count(), std::memory_order_relaxed);
    }
    [[nodiscard]] std::chrono::nanoseconds flush_time() const noexcept {
        // relaxed: a figure.
        return std::chrono::nanoseconds(flush_per_mib_.load(std::memory_order_relaxed));
    }
    void count(std::chrono::nanoseconds delay) noexcept {
        const auto microseconds = static_cast<std::uint64_t>(delay.count() / 1000);
        const auto bucket = std::min<unsigned>(static_cast<unsigned>(std::bit_width(microseconds)), kBuckets - 1);
        // relaxed: figures.
        delays_[bucket].fetch_add(1, std::memory_order_relaxed);
        delayed_ns_.fetch_add(static_cast<std::uint64_t>(delay.count()), std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t delays(unsigned bucket) const noexcept {
        // relaxed: a figure.
        return delays_[bucket].load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t delayed_nanoseconds() const noexcept {
        // relaxed: a figure.
        return delayed_ns_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<std::int64_t> flush_per_mib_{5'000'000};  ///< until one was measured
    std::array<std::atomic<std::uint64_t>, kBuckets> delays_{};
    std::atomic<std::uint64_t> delayed_ns_{0};
};

}  // namespace zverse::hot
