// zverse_query: its size and its flags, and what it says as ranges and ScanOptions.
#pragma once

#include <c_api/call.h>
#include <zverse/c.h>
#include <zverse/types.h>

#include <string_view>

namespace zverse::c_api {

struct Query {
    std::string_view begin, end;  ///< as the caller holds them
    bool prefix = false;
    VersionRange versions;
    ScanOptions options;

    [[nodiscard]] bool all_keys() const noexcept { return begin.empty() && end.empty(); }
    [[nodiscard]] KeyRange keys() const;
};

/// `given` NULL: everything. Flaws are noted in `call`.
[[nodiscard]] Query read_query(Call& call, const zverse_query* given) noexcept;

}  // namespace zverse::c_api
