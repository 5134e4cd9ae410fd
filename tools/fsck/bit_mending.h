// What zverse-fsck -y does before it does what -p does: a block of which one bit is wrong, and alone, gets that bit
// back. Its checksum of 64 bits then proves that it is what was written (cold/flipped_bit.h). The piece as it was is
// kept first: in lost+found/ of the store's directory, under the file's name and the piece's offset.
#pragma once

#include <platform/file_io.h>
#include <tools/fsck/store_check.h>
#include <zverse/verification.h>

namespace zverse::tools {

/// Of a finding whether its bit can be turned back: of a block that was read twice the same.
[[nodiscard]] bool is_one_bit(const CheckReport& report, const Finding& finding) noexcept;

/// Turns back every such bit of the report, whose second looks were taken. On return it survives power loss; killed at
/// any point, each piece is as it was or as it must be. Takes the store's lock. Errors: locked, io, full; some pieces
/// may have been mended by then.
[[nodiscard]] Result<void> turn_bits_back(platform::FileIo& io, const CheckRequest& request, const CheckReport& report);

}  // namespace zverse::tools
