#include <bench/load/key_choice.h>

#include <algorithm>
#include <cmath>

namespace zverse::bench {

namespace {

/// In [0, 1), by the upper 53 bits.
double fraction(test::Random& random) noexcept { return static_cast<double>(random.next() >> 11) * 0x1.0p-53; }

double zeta(std::uint64_t items) noexcept {
    double sum = 0;
    for (std::uint64_t i = 1; i <= items; ++i) sum += 1 / std::pow(static_cast<double>(i), ZipfLaw::kExponent);
    return sum;
}

}  // namespace

ZipfLaw::ZipfLaw(std::uint64_t items)
    : items_(std::max<std::uint64_t>(items, 2)), zeta_(zeta(items_)), alpha_(1 / (1 - kExponent)) {
    const double two = zeta(2);
    eta_ = (1 - std::pow(2 / static_cast<double>(items_), 1 - kExponent)) / (1 - two / zeta_);
}

std::uint64_t ZipfLaw::rank(test::Random& random) const noexcept {
    const double u = fraction(random);
    const double scaled = u * zeta_;
    if (scaled < 1) return 0;
    if (scaled < 1 + std::pow(0.5, kExponent)) return 1;
    const auto rank = static_cast<std::uint64_t>(static_cast<double>(items_) * std::pow(eta_ * u - eta_ + 1, alpha_));
    return std::min(rank, items_ - 1);
}

std::uint64_t KeyChoice::draw(test::Random& random, std::uint64_t count) const noexcept {
    switch (popularity_) {
        case Popularity::uniform: return random.below(count);
        case Popularity::zipf: return test::Random(law_->rank(random)).next() % count;
        case Popularity::latest: return count - 1 - std::min(law_->rank(random), count - 1);
    }
    return 0;
}

}  // namespace zverse::bench
