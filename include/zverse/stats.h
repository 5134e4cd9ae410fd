// What a store tells about itself: named figures, and the platform report.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse {

/// One capability of this machine, as the store uses it.
struct Capability {
    std::string name;     ///< e.g. "io_uring"
    std::string wanted;   ///< what was asked for: "best", or a forced value
    std::string found;    ///< what the machine has
    std::string used;     ///< what the store uses
    std::string why_not;  ///< why `used` is less than wanted; empty when it is not
};

/// A set of figures taken at one moment. Metric names follow OpenMetrics: zverse_<noun>_<unit>[_total].
/// The figures are gathered without stopping anybody, so they may be a few operations apart.
class Stats {
public:
    struct Metric {
        std::string name;    ///< e.g. "zverse_puts_total"
        std::string help;    ///< one sentence
        std::string labels;  ///< e.g. {ring="0"}, or empty
        double value = 0;
        bool counter = false;  ///< only grows while the store is open
        bool histogram = false;  ///< of a histogram: its name ends in _bucket, _sum or _count
    };

    Stats() = default;
    Stats(std::vector<Metric> metrics, std::vector<Capability> platform)
        : metrics_(std::move(metrics)), platform_(std::move(platform)) {}

    /// The figure of that name; with labels written behind the name, as in "zverse_ring_used_bytes{ring=\"0\"}".
    [[nodiscard]] std::optional<double> value(std::string_view metric) const;
    /// OpenMetrics text, ending in "# EOF".
    [[nodiscard]] std::string to_openmetrics() const;
    /// One JSON object: {"schema":"zverse.stats/1","metrics":{...},"platform":[...]}.
    [[nodiscard]] std::string to_json() const;

    /// Of a temporary by value, so that `for (const auto& metric : store.stats().metrics())` reads living memory.
    [[nodiscard]] const std::vector<Metric>& metrics() const& noexcept { return metrics_; }
    [[nodiscard]] std::vector<Metric> metrics() && noexcept { return std::move(metrics_); }
    [[nodiscard]] const std::vector<Capability>& platform() const& noexcept { return platform_; }
    [[nodiscard]] std::vector<Capability> platform() && noexcept { return std::move(platform_); }

private:
    std::vector<Metric> metrics_;
    std::vector<Capability> platform_;
};

}  // namespace zverse
