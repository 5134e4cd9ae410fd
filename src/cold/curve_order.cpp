#include <cold/curve_order.h>

#include <algorithm>
#include <numeric>

namespace zverse::cold {

std::uint64_t CurveGrid::column_of(std::string_view key) const noexcept {
    return static_cast<std::uint64_t>(std::upper_bound(columns_.begin(), columns_.end(), key) - columns_.begin());
}

std::uint64_t CurveGrid::row_of(Version version) const noexcept {
    __extension__ using Wide = unsigned __int128;
    const Version place = version - after_ - 1;
    return static_cast<std::uint64_t>(static_cast<Wide>(place) * curve_.rows() / (upto_ - after_));
}

std::vector<std::string> even_columns(std::span<const Record> by_key, const Curve& curve) {
    std::vector<std::string> columns;
    const std::uint64_t count = curve.columns();
    for (std::uint64_t column = 1; column < count; ++column) {
        columns.emplace_back(by_key[column * by_key.size() / count].key);
    }
    return columns;
}

CurveOrder curve_order(std::span<const Record> by_key, const CurveGrid& grid, const platform::Kernels& kernels) {
    CurveOrder order;
    std::vector<std::uint32_t>& records = order.records;
    records.resize(by_key.size());
    std::iota(records.begin(), records.end(), 0);
    if (grid.curve().version_bits() == 0) return order;
    std::vector<std::uint64_t> columns(by_key.size()), rows(by_key.size());
    std::uint64_t column = 0;
    for (std::size_t i = 0; i < by_key.size(); ++i) {
        while (column < grid.columns().size() && grid.columns()[column] <= by_key[i].key) ++column;
        columns[i] = column;
        rows[i] = grid.row_of(by_key[i].version);
    }
    std::vector<std::uint64_t>& codes = columns;  // each is read before it is written
    grid.curve().encode(kernels, columns.data(), rows.data(), codes.data(), codes.size());
    // Stable: within a code the records stay in (key, version descending) order.
    std::ranges::stable_sort(records, {}, [&](std::uint32_t record) { return codes[record]; });
    for (std::size_t i = 1; i < records.size(); ++i) {
        if (grid.curve().leaps(codes[records[i - 1]], codes[records[i]])) order.leaps.push_back(i);
    }
    return order;
}

}  // namespace zverse::cold
