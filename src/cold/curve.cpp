#include <cold/curve.h>

#include <algorithm>
#include <bit>

namespace zverse::cold {

namespace {

/// The highest set bit alone; 0 of 0.
std::uint64_t top_bit(std::uint64_t word) noexcept { return std::bit_floor(word); }

std::uint64_t low_bits(unsigned count) noexcept { return (std::uint64_t{1} << count) - 1; }

}  // namespace

Curve::Curve(unsigned bits, std::uint64_t version_mask) noexcept
    : bits_(bits),
      xs_(platform::make_spread(low_bits(bits) & ~version_mask)),
      ys_(platform::make_spread(version_mask)) {}

Result<Curve> Curve::parse(std::string_view pattern) {
    if (pattern.size() > kBitsMax) {
        return std::unexpected(Error(ErrorCode::corrupt, "a curve of " + std::to_string(pattern.size()) +
                                                             " bits; at most " + std::to_string(kBitsMax)));
    }
    std::uint64_t versions = 0;
    for (const char letter : pattern) {
        if (letter != 'k' && letter != 'v') {
            return std::unexpected(Error(ErrorCode::corrupt, "a curve's pattern has letters other than k and v"));
        }
        versions = versions << 1 | (letter == 'v' ? 1 : 0);
    }
    return Curve(static_cast<unsigned>(pattern.size()), versions);
}

bool is_curve_rule(std::string_view text) noexcept {
    return !text.empty() && text.size() <= Curve::kBitsMax && text.find_first_not_of("kv") == std::string_view::npos;
}

Curve Curve::by_rule(std::string_view rule, unsigned bits) noexcept {
    const std::size_t once = std::min(rule.find_first_not_of('v'), rule.size());
    const std::string_view again = once == rule.size() ? rule : rule.substr(once);
    std::uint64_t versions = 0;
    for (unsigned i = 0; i < bits; ++i) {
        const char letter = i < once ? 'v' : again[(i - once) % again.size()];
        versions = versions << 1 | (letter == 'v' ? 1 : 0);
    }
    return {bits, versions};
}

std::string Curve::name() const {
    const std::string letters = pattern();
    if (letters.empty()) return "k..";
    std::size_t length = 1;
    while (by_rule(std::string_view(letters).substr(0, length), bits_) != *this) ++length;
    return letters.substr(0, length) + "..";
}

std::string Curve::pattern() const {
    std::string text;
    for (unsigned bit = bits_; bit-- > 0;) text += (ys_.spread >> bit & 1) != 0 ? 'v' : 'k';
    return text;
}

unsigned Curve::key_bits() const noexcept { return static_cast<unsigned>(std::popcount(xs_.spread)); }
unsigned Curve::version_bits() const noexcept { return static_cast<unsigned>(std::popcount(ys_.spread)); }

std::uint64_t Curve::encode(std::uint64_t column, std::uint64_t row) const noexcept {
    std::uint64_t code = 0;
    for (unsigned run = 0; run < xs_.count; ++run) code |= (column & xs_.runs[run].bits) << xs_.runs[run].shift;
    for (unsigned run = 0; run < ys_.count; ++run) code |= (row & ys_.runs[run].bits) << ys_.runs[run].shift;
    return code;
}

bool Curve::leaps(std::uint64_t from, std::uint64_t to) const noexcept {
    // Below the highest bit that changes, bits of the other dimension start anew; without any it is a step aside.
    const std::uint64_t highest = top_bit(from ^ to);
    const std::uint64_t others = (highest & ys_.spread) != 0 ? xs_.spread : ys_.spread;
    return highest >> bits_ / 2 != 0 && (others & (highest - 1)) != 0;
}

}  // namespace zverse::cold
