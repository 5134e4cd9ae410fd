// Mends what is made from whole data: copies beside a good one, what of a segment its blocks make, and what an opening
// for writing puts right by itself.
#pragma once

#include <tools/fsck/store_check.h>

namespace zverse::tools {

/// Whether all was looked at and every finding can be mended so, and the store may be opened for writing. Where not,
/// nothing is touched.
[[nodiscard]] bool can_preen(const CheckReport& report) noexcept;

/// Writes bad headers of segments again from the good one of the same file, and indexes, zones, keys and columns from
/// its blocks, then opens the store for writing and closes
/// it, which recovers rings, writes superblock, ring headers and manifest anew, and removes leftovers. On return all of
/// it survives power loss. Killed at any point, the store is as whole as before. Errors: locked, io, full, corrupt.
[[nodiscard]] Result<void> preen(const CheckRequest& request, const CheckReport& report);

}  // namespace zverse::tools
