// A recovery as a whole: a damaged store nobody has open -> a new store of all that can be proved, and a report of the
// rest. The source is only read.
#pragma once

#include <platform/file_io.h>
#include <tools/recover/recover_report.h>
#include <tools/recover/recover_request.h>
#include <zverse/error.h>

namespace zverse::tools {

/// `io`: of the source. Errors: not_found (no store there), locked (names the holder), exists and conflict (the
/// target), corrupt (nothing of it tells which store it is), incompatible, full, io; and where `request.stopped` said
/// so, that it was stopped. `report` has what was found until then.
[[nodiscard]] Result<void> recover_store(platform::FileIo& io, const RecoverRequest& request, RecoverReport& report);

}  // namespace zverse::tools
