// Looks at a store, mends what it was asked to mend, and looks again.
#pragma once

#include <platform/file_io.h>
#include <tools/fsck/fsck_report.h>
#include <tools/fsck/store_check.h>

namespace zverse::tools {

struct MendRequest {
    CheckRequest check;
    FsckMode mode = FsckMode::check;
    /// With FsckMode::preen: a store that was closed cleanly is looked at no further than at level quick.
    bool quick_when_closed = false;
};

/// What could not be done is in the outcome's failures, whose exit status is not counted yet. Errors: those of the
/// first check.
[[nodiscard]] Result<FsckOutcome> check_and_mend(platform::FileIo& io, const MendRequest& request);

}  // namespace zverse::tools
