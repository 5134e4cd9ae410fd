// What options a store refuses before it looks at anything else.
#pragma once

#include <zverse/error.h>
#include <zverse/options.h>

#include <string>

namespace zverse::engine {

/// An invalid_argument that says which of the options; `what` begins with its name.
[[nodiscard]] Error bad_option(const std::string& what);
/// Each option by itself, against its limits in options.h.
[[nodiscard]] Result<void> check_options(const Options& options);

}  // namespace zverse::engine
