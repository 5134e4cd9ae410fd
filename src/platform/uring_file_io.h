// FileIo over io_uring.
#pragma once

#include <platform/file_io.h>

#include <memory>

namespace zverse::platform {

/// A FileIo whose reads, writes and syncs go through an io_uring that was probed with the flags really used.
/// The error says why there is none: not built in, refused by the kernel, or an operation that does not work.
[[nodiscard]] Result<std::unique_ptr<FileIo>> make_uring_file_io();

}  // namespace zverse::platform
