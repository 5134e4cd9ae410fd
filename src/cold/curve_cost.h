// What a curve costs: about how many blocks a query reads in a history that is stored along it.
//
// The model of the layout study (section 7, COST), checked there on 43 masks, 16 classes of queries and 4 data sets:
// median error factor 1.06 to 1.09, nine tenths of all within 1.20 to 1.52. Blocks of equal size lie along the curve;
// p = bits, C = 2^(key bits) columns, R = 2^(version bits) rows, P blocks, each about a cell. A query asks for the
// share wx of the columns and wy of the rows.
//
//   Box.  A block's box is as large as the step of the curve that it straddles. Bit j (0 is the lowest) is the highest
//   that changes in a step with probability pr = 2^-(j+1); all of them in the last one, with 2^-p. With kx key bits and
//   ky version bits below j the box is ex columns by ey rows:
//
//     the curve leaps  1 x 1      a block ends there, see Curve::leaps(); in the study only where all bits from the top
//                                 down to j are v
//     k                1 x 2^ky
//     v                2^kx x 2
//     the last         1 x 1      nothing comes after it
//
//     norm   = sum over j of pr * min(1, wx + ex / C) * min(1, wy + ey / R)
//     heavy  = sum over keys with the share f > 1 / C of all records, F their sum, of
//              R * ((f * C - 1) * min(1, wy + 1 / (R * f * C)) + min(1, wy + 1 / R))
//     blocks = (1 - F) * P * norm + wx * heavy
//
//   Changes.  The box as it is.
//   As of v.  Blocks all of whose records were superseded by then are skipped, so wy is how far below v a block of B
//   records still holds one alive: the integral of 1 - exp(-B * s(t)) over t from 0 to v, s(t) = mean of exp(-n * t)
//   over records whose keys have n versions. Here v is anywhere, so the integrand has the weight 1 - t.
//   History.  A key with n versions in the window lies in lines = (R * wy + (wy < 1)) * (1 + f * C) blocks, a heavy one
//   in f * P * wy + 1, and those of them that hold one are found by the index: max(1, lines * (1 - exp(-n / lines))).
//   Each key is asked as often as any other.
#pragma once

#include <cold/curve.h>
#include <cold/query_mix.h>
#include <cold/record.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace zverse::cold {

/// How many versions keys have.
struct KeyProfile {
    struct Group {
        double keys = 0, records = 0;
    };
    double keys = 0, records = 0;
    std::array<Group, 33> groups;  ///< by the power of two of versions per key
};

/// Of records in key order.
[[nodiscard]] KeyProfile profile_of(std::span<const Record> by_key);

/// What a query asks of one component: shares of its keys and of its versions.
struct CurveBox {
    QueryKind kind = QueryKind::history;
    double keys = 1;  ///< wx; not used by histories, which ask for one key
    double versions = 1;  ///< wy; not used by scans as of a version, which is anywhere
};

/// Blocks that such a query reads, of `blocks`.
[[nodiscard]] double expected_blocks(const Curve& curve, const KeyProfile& profile, double blocks,
                                     const CurveBox& box) noexcept;

/// The curves that are compared: key order below 0 to 6 bits of version, and keys and versions alternating.
inline constexpr std::array<std::string_view, 8> kCurveRules = {"vvk",     "k",  "vk",  "vvvvk",
                                                                "vvvvvvk", "kv", "kkv", "kkkkv"};
/// The first of them is what is taken when nothing is known.
inline constexpr std::string_view kDefaultCurve = kCurveRules[0];

}  // namespace zverse::cold
