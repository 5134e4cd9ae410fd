// Info: what a store is and what it makes of this machine, without changing a byte of it.
#pragma once

#include <tools/common/report_style.h>
#include <zverse/error.h>

#include <filesystem>
#include <string>

namespace zverse::tools {

[[nodiscard]] Result<std::string> info(const std::filesystem::path& store, ReportStyle style);

}  // namespace zverse::tools
