// LatencyHistogram: how often each latency was seen, to one part in 64, as HdrHistogram keeps it (Tene,
// hdrhistogram.org): powers of two, each in 64 equal parts.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace zverse::bench {

class LatencyHistogram {
public:
    LatencyHistogram() : counts_(kBuckets) {}

    /// Nanoseconds. One thread.
    void add(std::uint64_t latency) noexcept {
        ++counts_[bucket(latency)];
        ++total_;
        if (latency > most_) most_ = latency;
    }
    /// Of a latency that is no more than this and was not counted.
    void raise_max(std::uint64_t latency) noexcept {
        if (latency > most_) most_ = latency;
    }
    void add(const LatencyHistogram& other) noexcept;
    void clear() noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return total_; }
    /// The latency that a `share` of all did not exceed, rounded up by at most one part in 64; of 1 max();
    /// 0 when there are none.
    [[nodiscard]] double quantile(double share) const noexcept;
    [[nodiscard]] std::uint64_t max() const noexcept { return most_; }

private:
    static constexpr unsigned kPartBits = 6;
    static constexpr std::size_t kParts = std::size_t{1} << kPartBits;
    static constexpr std::size_t kBuckets = (64 - kPartBits + 1) * kParts;

    [[nodiscard]] static std::size_t bucket(std::uint64_t latency) noexcept {
        const auto width = static_cast<unsigned>(std::bit_width(latency));
        if (width <= kPartBits) return latency;
        const unsigned shift = width - kPartBits - 1;
        return (std::size_t{shift} << kPartBits) + (latency >> shift);
    }
    /// The greatest latency of a bucket.
    [[nodiscard]] static std::uint64_t upper_end(std::size_t bucket) noexcept;

    std::vector<std::uint64_t> counts_;
    std::uint64_t total_ = 0, most_ = 0;
};

}  // namespace zverse::bench
