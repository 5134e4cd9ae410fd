// What the subcommands say at the end: a page for people, or one JSON object for programs.
#pragma once

#include <tools/common/report_style.h>
#include <tools/git/import_git.h>
#include <tools/git/prove_git.h>
#include <tools/git/verify_git.h>

#include <string>

namespace zverse::tools {

/// Each ends with a newline.
[[nodiscard]] std::string import_report(const ImportReport& report, const StoreSetup& setup, ReportStyle style);
[[nodiscard]] std::string verify_report(const VerifyReport& report, const VerifySampling& sampling, ReportStyle style);
[[nodiscard]] std::string prove_report(const ProveReport& report, const ProveRequest& request, ReportStyle style);

/// Whether cache-line or byte granularity was forced on a medium that has no DAX: then figures are the cost of the
/// instructions alone, not that of a persistent medium.
[[nodiscard]] bool is_emulated(const StoreSetup& setup, const Medium& medium);

}  // namespace zverse::tools
