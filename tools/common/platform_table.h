// The platform report read for people.
#pragma once

#include <zverse/stats.h>

#include <string>

namespace zverse::tools {

/// How the rows begin that tell what makes each ring durable; its number follows.
inline constexpr const char* kPersistenceRows = "persistence of ring ";

/// Wanted, found, used and why not more, a line per capability; rings that agree share one.
[[nodiscard]] std::string platform_table(const Stats& stats);

/// The `used` column of the first row of the platform report whose name begins so, or "unknown".
[[nodiscard]] std::string platform_used(const Stats& stats, const std::string& capability);

}  // namespace zverse::tools
