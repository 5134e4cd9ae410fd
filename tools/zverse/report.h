// What the subcommands say at the end: a page for people, or one JSON object for programs.
#pragma once

#include <tools/zverse/import_git.h>
#include <tools/zverse/prove_git.h>
#include <tools/zverse/verify_git.h>

#include <string>

namespace zverse::tools {

enum class ReportStyle { text, json };

/// Each ends with a newline.
[[nodiscard]] std::string import_report(const ImportReport& report, const StoreSetup& setup, ReportStyle style);
[[nodiscard]] std::string verify_report(const VerifyReport& report, const VerifySampling& sampling, ReportStyle style);
[[nodiscard]] std::string prove_report(const ProveReport& report, const ProveRequest& request, ReportStyle style);

/// The platform table (wanted, found, used, why not), a line per capability.
[[nodiscard]] std::string platform_table(const Stats& stats);

/// Whether cache-line or byte granularity was forced on a medium that has no DAX: then figures are the cost of the
/// instructions alone, not that of a persistent medium.
[[nodiscard]] bool is_emulated(const StoreSetup& setup, const Medium& medium);

}  // namespace zverse::tools
