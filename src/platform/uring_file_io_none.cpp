// Stands in for uring_file_io.cpp in builds without liburing.
#include <platform/uring_file_io.h>

namespace zverse::platform {

Result<std::unique_ptr<FileIo>> make_uring_file_io() {
    return std::unexpected(Error(ErrorCode::io, "liburing is not built in"));
}

}  // namespace zverse::platform
