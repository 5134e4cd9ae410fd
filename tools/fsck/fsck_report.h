// What zverse-fsck says at the end: lines for people, or JSON for programs (schema zverse.fsck/1), as one object or as
// one for each finding and a last one.
#pragma once

#include <tools/common/report_style.h>
#include <tools/fsck/store_check.h>

#include <filesystem>
#include <string>
#include <vector>

namespace zverse::tools {

/// What was done about the findings.
enum class FsckMode { check, preen, repair };

struct FsckOutcome {
    std::filesystem::path store;
    FsckMode mode = FsckMode::check;
    CheckLevel level = CheckLevel::normal;
    CheckReport report;    ///< of the last look
    std::vector<Finding> corrected;  ///< found by an earlier one, and mended since
    std::vector<Error> failures;  ///< what could not be done, beside the check or to mend something
    bool recovered = false;  ///< the store was opened for writing once, which recovers it
    int exit = 0;
};

/// Each ends with a newline. `redact`: keys are left out. `errors_max`: so many findings are listed; 0: all.
[[nodiscard]] std::string fsck_report(const FsckOutcome& outcome, ReportStyle style, bool redact,
                                      std::uint64_t errors_max);

}  // namespace zverse::tools
