// zverse_options: its defaults, its checks, and what it says as Options.
#pragma once

#include <c_api/call.h>
#include <zverse/c.h>
#include <zverse/options.h>

namespace zverse::c_api {

/// All members, those that the caller's edition lacks too. `given` NULL: the defaults. Flaws of the struct itself are
/// noted in `call`; limits are the engine's to check.
[[nodiscard]] zverse_options read_options(Call& call, const zverse_options* given) noexcept;

/// Of options without flaws.
[[nodiscard]] Options to_options(const zverse_options& from);

}  // namespace zverse::c_api
