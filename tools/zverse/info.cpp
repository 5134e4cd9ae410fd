#include <tools/common/medium.h>
#include <tools/common/platform_table.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/zverse/info.h>
#include <zverse/store.h>

#include <algorithm>
#include <cmath>

namespace zverse::tools {
namespace {

std::string metric_line(const Stats::Metric& metric) {
    const bool whole = metric.value >= 0 && metric.value < 1e18 && metric.value == std::floor(metric.value);
    const std::string value =
        whole ? count_text(static_cast<std::uint64_t>(metric.value)) : std::to_string(metric.value);
    const std::string name = metric.name + metric.labels;
    return "  " + name + std::string(48 - std::min<std::size_t>(46, name.size()), ' ') + value + "\n";
}

}  // namespace

Result<std::string> info(const std::filesystem::path& store, ReportStyle style) {
    Options options;
    options.create_if_missing = false;
    options.read_only = true;
    auto opened = Store::open(store, options);
    if (!opened) return pass_on(opened);
    const Stats stats = opened->stats();
    std::string text;
    if (style == ReportStyle::json) {
        text = stats.to_json() + "\n";
    } else {
        text = "Store " + printable(store.string()) + " on " + medium_of(store).describe() + "\n";
        text += "  version " + count_text(opened->latest_version()) + ", durable " +
                count_text(opened->durable_version()) + ", floor " + count_text(opened->floor()) + "\n";
        text += "\nPlatform\n" + platform_table(stats) + "\nFigures\n";
        for (const Stats::Metric& metric : stats.metrics()) text += metric_line(metric);
    }
    if (auto closed = opened->close(); !closed) return pass_on(closed);
    return text;
}

}  // namespace zverse::tools
