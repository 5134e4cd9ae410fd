#include <cold/curve.h>

#include <algorithm>
#include <array>
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

std::optional<std::uint64_t> Curve::bigmin(std::uint64_t code, std::uint64_t low, std::uint64_t high) const noexcept {
    if (code <= low) return low;
    const std::array masks{xs_.spread, ys_.spread};
    // The highest bit at which a dimension leaves the box, and on which side.
    std::uint64_t violation = 0;
    bool under = false;
    for (const std::uint64_t mask : masks) {
        const std::uint64_t at = code & mask, from = low & mask, to = high & mask;
        if (at < from && top_bit(at ^ from) > violation) violation = top_bit(at ^ from), under = true;
        if (at > to && top_bit(at ^ to) > violation) violation = top_bit(at ^ to), under = false;
    }
    if (violation == 0) return code;  // inside
    std::uint64_t bit = violation;
    if (!under) {
        // Above the violation, the lowest 0 that may become 1 without leaving the box.
        std::uint64_t settable = 0;
        for (const std::uint64_t mask : masks) {
            const std::uint64_t at = code & mask, to = high & mask;
            const std::uint64_t first_below = at < to ? top_bit(at ^ to) : 0;
            if (first_below > violation) settable |= ~code & mask & (2 * first_below - 1);
        }
        settable &= ~(2 * violation - 1);
        if (settable == 0) return std::nullopt;
        bit = settable & -settable;
    }
    const std::uint64_t below = bit - 1;
    const std::uint64_t prefix = (code & ~below) | bit;
    std::uint64_t result = prefix;
    for (const std::uint64_t mask : masks) {
        // Still on the box's lower face in this dimension: its low bits go on from there.
        if (((prefix ^ low) & mask & ~below) == 0) result |= low & mask & below;
    }
    return result;
}

std::optional<std::uint64_t> Curve::litmax(std::uint64_t code, std::uint64_t low, std::uint64_t high) const noexcept {
    // In the mirror each number is its complement, so the largest code below becomes the smallest above.
    const std::uint64_t mirror = all();
    const auto found = bigmin(~code & mirror, ~high & mirror, ~low & mirror);
    if (!found) return std::nullopt;
    return ~*found & mirror;
}

}  // namespace zverse::cold
