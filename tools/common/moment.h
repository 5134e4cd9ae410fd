// Moments: what --as-of and its like can say. A version, "latest", or a time: RFC 3339 (2026-11-20T10:00:00Z), the same
// without a zone in local time, also without seconds or as a date alone, @SECONDS since 1970, "-2h" or "2h ago".
#pragma once

#include <zverse/store.h>

#include <chrono>
#include <string_view>
#include <variant>

namespace zverse::tools {

using Moment = std::variant<Version, std::chrono::system_clock::time_point>;

/// invalid_argument when it is none of these. Units of what is ago: s, m, h, d, w.
[[nodiscard]] Result<Moment> parse_moment(std::string_view text, std::chrono::system_clock::time_point now);

/// The version that a moment names in a store; of "latest" the one that it is now.
[[nodiscard]] Result<Version> version_of(const Store& store, const Moment& moment);

}  // namespace zverse::tools
