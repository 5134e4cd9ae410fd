// What the figures that a store publishes say to an admin: its health in one word and why, and a screen of sections.
#pragma once

#include <tools/common/report_style.h>
#include <zverse/error.h>
#include <zverse/stats.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::tools {

/// Values are exit statuses, in the order of monitoring plugins.
enum class Health { ok = 0, degraded = 1, failed = 2 };

struct StatView {
    std::filesystem::path store;
    std::uint64_t process = 0;  ///< that has it open; 0: closed
    std::string program;        ///< its name, where it runs
    bool alive = false;
    std::int64_t published = 0;  ///< nanoseconds since 1970
    double age_seconds = 0;
    std::map<std::string, double> metrics;  ///< name and labels, as published
    std::vector<Capability> platform;
    std::string json, openmetrics;  ///< as published

    /// 0 when there is no such figure.
    [[nodiscard]] double value(const std::string& metric) const;
    [[nodiscard]] Health health() const;
    /// "open by process 12 (server)", "closed", "not closed: process 12 is gone", with what is wrong, if anything is.
    [[nodiscard]] std::string state() const;
};

/// Errors: not_found (no store there, or one that never published), corrupt, io.
[[nodiscard]] Result<StatView> read_stat(const std::filesystem::path& store);

/// "health", "versions", "space", "hot", "warm", "cold", "readers", "integrity", "platform".
[[nodiscard]] const std::vector<std::string>& stat_sections();

/// `before` (may be null): an earlier view, so that counters are shown as rates since then.
[[nodiscard]] std::string stat_screen(const StatView& view, const StatView* before,
                                      const std::vector<std::string>& sections);

}  // namespace zverse::tools
