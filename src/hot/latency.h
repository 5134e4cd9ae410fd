// Latencies: how long operations took, in histograms whose bounds double.
//
// Two looks at the clock are a tenth of a put and a third of a get, so of both only every 256th of a thread is timed,
// in the thread's own slot; batches and syncs are timed each.
//
// Orders: relaxed throughout, these are figures. A histogram of a slot has one writer.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace zverse::hot {

class LatencyHistogram {
public:
    static constexpr unsigned kBuckets = 22;  ///< the last one has no bound
    /// Bucket i: below 2^(i + 8) ns, so from 256 ns to a quarter of a second.
    [[nodiscard]] static constexpr std::uint64_t bound_nanoseconds(unsigned bucket) noexcept {
        return std::uint64_t{1} << (bucket + kFirstBits);
    }

    /// Of one thread at a time.
    void add(std::uint64_t nanoseconds) noexcept {
        raise(counts_[bucket_of(nanoseconds)], 1);
        raise(sum_, nanoseconds);
    }
    /// Of any thread.
    void add_shared(std::uint64_t nanoseconds) noexcept {
        // relaxed: figures.
        counts_[bucket_of(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
        sum_.fetch_add(nanoseconds, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t count(unsigned bucket) const noexcept {
        // relaxed: a figure.
        return counts_[bucket].load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t sum_nanoseconds() const noexcept {
        // relaxed: a figure.
        return sum_.load(std::memory_order_relaxed);
    }

private:
    static constexpr unsigned kFirstBits = 8;
    [[nodiscard]] static unsigned bucket_of(std::uint64_t nanoseconds) noexcept {
        return std::min<unsigned>(static_cast<unsigned>(std::bit_width(nanoseconds >> kFirstBits)), kBuckets - 1);
    }
    static void raise(std::atomic<std::uint64_t>& figure, std::uint64_t by) noexcept {
        // relaxed: a figure with one writer, so load and store need not be one step.
        figure.store(figure.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
    std::atomic<std::uint64_t> sum_{0};
};

enum class Timed : std::uint8_t { put, get, write, count };

/// Of puts and gets.
inline constexpr std::uint64_t kTimedEvery = 256;

/// Of one thread.
using ThreadLatencies = std::array<LatencyHistogram, std::size_t(Timed::count)>;

/// Times what its scope does.
class LatencyTimer {
public:
    explicit LatencyTimer(ThreadLatencies& latencies, Timed what) noexcept : histogram_(latencies[std::size_t(what)]) {}
    ~LatencyTimer() {
        const auto took = Clock::now() - began_;
        histogram_.add(static_cast<std::uint64_t>(took / std::chrono::nanoseconds(1)));
    }
    LatencyTimer(const LatencyTimer&) = delete;
    LatencyTimer& operator=(const LatencyTimer&) = delete;

private:
    using Clock = std::chrono::steady_clock;
    LatencyHistogram& histogram_;
    const Clock::time_point began_ = Clock::now();
};

}  // namespace zverse::hot
