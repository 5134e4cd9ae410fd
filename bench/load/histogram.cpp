#include <bench/load/histogram.h>

#include <algorithm>
#include <cmath>

namespace zverse::bench {

void LatencyHistogram::add(const LatencyHistogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    most_ = std::max(most_, other.most_);
}

void LatencyHistogram::clear() noexcept {
    std::ranges::fill(counts_, 0);
    total_ = most_ = 0;
}

std::uint64_t LatencyHistogram::upper_end(std::size_t bucket) noexcept {
    if (bucket < 2 * kParts) return bucket;
    const std::size_t shift = bucket / kParts - 1;
    return ((bucket - shift * kParts + 1) << shift) - 1;
}

double LatencyHistogram::quantile(double share) const noexcept {
    if (total_ == 0) return 0;
    if (share >= 1) return static_cast<double>(most_);  // perhaps of one that was not counted
    const auto wanted =
        std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_))), 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= wanted) return static_cast<double>(std::min(upper_end(i), most_));
    }
    return static_cast<double>(most_);
}

}  // namespace zverse::bench
