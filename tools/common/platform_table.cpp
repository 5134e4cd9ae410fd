#include <tools/common/platform_table.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <tuple>
#include <vector>

namespace zverse::tools {
namespace {

std::string padded(const std::string& text, std::size_t columns) {
    return text + std::string(columns - std::min(columns, text.size()) + 2, ' ');
}

bool same(const Capability& a, const Capability& b) {
    return std::tie(a.name, a.wanted, a.found, a.used, a.why_not) ==
           std::tie(b.name, b.wanted, b.found, b.used, b.why_not);
}

}  // namespace

std::string platform_table(const Stats& stats) {
    std::vector<Capability> rows;
    for (Capability row : stats.platform()) {
        // One row for all rings that agree.
        if (row.name.starts_with(kPersistenceRows)) row.name = "persistence";
        if (rows.empty() || !same(rows.back(), row)) rows.push_back(std::move(row));
    }
    std::array<std::size_t, 3> widths{10, 6, 5};
    for (const Capability& row : rows) {
        widths = {std::max(widths[0], row.name.size()), std::max(widths[1], row.wanted.size()),
                  std::max(widths[2], row.found.size())};
    }
    const auto print = [&](const Capability& row) {
        return "  " + padded(row.name, widths[0]) + padded(row.wanted, widths[1]) + padded(row.found, widths[2]) +
               row.used + "\n" + (row.why_not.empty() ? std::string() : "    why not: " + row.why_not + "\n");
    };
    std::string text = print({"capability", "wanted", "found", "used", {}});
    for (const Capability& row : rows) text += print(row);
    return text;
}

std::string platform_used(const Stats& stats, const std::string& capability) {
    for (const Capability& row : stats.platform()) {
        if (row.name.starts_with(capability)) return row.used;
    }
    return "unknown";
}

}  // namespace zverse::tools
