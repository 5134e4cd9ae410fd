// CurveOrder: where keys and versions lie on a component's curve, and the file order that follows from it.
#pragma once

#include <cold/curve.h>
#include <cold/record.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// The grid of a curve over one segment: columns between key fences, rows of equal width in versions.
class CurveGrid {
public:
    /// `columns`: the smallest key of each column but the first, ascending; columns may be empty.
    CurveGrid(Curve curve, Version after, Version upto, std::vector<std::string> columns)
        : curve_(curve), after_(after), upto_(upto), columns_(std::move(columns)) {}

    [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
    [[nodiscard]] std::uint64_t column_of(std::string_view key) const noexcept;
    /// Of a version in the slab.
    [[nodiscard]] std::uint64_t row_of(Version version) const noexcept;
    [[nodiscard]] const Curve& curve() const noexcept { return curve_; }

private:
    Curve curve_;
    Version after_, upto_;
    std::vector<std::string> columns_;
};

/// Fences that split the keys of `by_key` evenly.
[[nodiscard]] std::vector<std::string> even_columns(std::span<const Record> by_key, const Curve& curve);

/// The file order of records: indices into them by (code, place), and before which of these places a block should end,
/// since the curve leaps there; ascending.
struct CurveOrder {
    std::vector<std::uint32_t> records;
    std::vector<std::size_t> leaps;
};
/// Of records that are sorted by (key, version descending).
[[nodiscard]] CurveOrder curve_order(std::span<const Record> by_key, const CurveGrid& grid,
                                     const platform::Kernels& kernels);

}  // namespace zverse::cold
