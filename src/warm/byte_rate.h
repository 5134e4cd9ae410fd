// ByteRate: so many bytes a second for all who share it, each told when it may go on.
//
// One number: when what was taken so far has had its time. Whoever takes moves it on by the time of its bytes, from now
// at the earliest, so that time in which nobody took anything is not made up for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace zverse::warm {

/// Any thread.
class ByteRate {
public:
    using Clock = std::chrono::steady_clock;

    /// 0: any rate.
    explicit ByteRate(std::uint64_t bytes_per_second) noexcept : bytes_per_second_(bytes_per_second) {}

    /// When whoever moves `bytes` now may move more.
    [[nodiscard]] Clock::time_point take(std::uint64_t bytes, Clock::time_point now) noexcept {
        if (bytes_per_second_ == 0) return now;
        const std::chrono::duration<double> seconds(static_cast<double>(bytes) /
                                                    static_cast<double>(bytes_per_second_));
        const Clock::rep time = std::chrono::duration_cast<Clock::duration>(seconds).count();
        const Clock::rep begin = now.time_since_epoch().count();
        // relaxed, all: the number alone is shared, nothing is published by it.
        Clock::rep before = taken_until_.load(std::memory_order_relaxed);
        while (!taken_until_.compare_exchange_weak(before, (before > begin ? before : begin) + time,
                                                   std::memory_order_relaxed)) {}
        return Clock::time_point(Clock::duration((before > begin ? before : begin) + time));
    }

private:
    const std::uint64_t bytes_per_second_;
    std::atomic<Clock::rep> taken_until_{0};
};

}  // namespace zverse::warm
