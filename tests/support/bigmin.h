// The next code of a curve in a box of columns and rows, for tests and benches: H. Tropf and H. Herzog,
// "Multidimensional Range Search in Dynamically Balanced Trees", 1981; here for any mask, a step per dimension instead
// of one per bit. Readers go by zone maps instead: docs/decisions/0014.
#pragma once

#include <cold/curve.h>

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

namespace zverse::test {

/// The smallest code >= `code` in the box spanned by the corner codes `low` and `high`.
inline std::optional<std::uint64_t> bigmin(const cold::Curve& curve, std::uint64_t code, std::uint64_t low,
                                           std::uint64_t high) noexcept {
    if (code <= low) return low;
    const std::array masks{curve.key_mask(), curve.version_mask()};
    // The highest bit at which a dimension leaves the box, and on which side.
    std::uint64_t violation = 0;
    bool under = false;
    for (const std::uint64_t mask : masks) {
        const std::uint64_t at = code & mask, from = low & mask, to = high & mask;
        if (at < from && std::bit_floor(at ^ from) > violation) violation = std::bit_floor(at ^ from), under = true;
        if (at > to && std::bit_floor(at ^ to) > violation) violation = std::bit_floor(at ^ to), under = false;
    }
    if (violation == 0) return code;  // inside
    std::uint64_t bit = violation;
    if (!under) {
        // Above the violation, the lowest 0 that may become 1 without leaving the box.
        std::uint64_t settable = 0;
        for (const std::uint64_t mask : masks) {
            const std::uint64_t at = code & mask, to = high & mask;
            const std::uint64_t first_below = at < to ? std::bit_floor(at ^ to) : 0;
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

}  // namespace zverse::test
