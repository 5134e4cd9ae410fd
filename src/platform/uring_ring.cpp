#include <platform/os_error.h>
#include <platform/uring_ring.h>

#include <cerrno>
#include <string>

namespace zverse::platform {

Result<UringRing> make_uring_ring(unsigned depth) {
    auto plain = std::make_unique<io_uring>();
    if (const int result = io_uring_queue_init(depth, plain.get(), 0); result < 0) {
        return std::unexpected(uring_error("io_uring_queue_init", -result));
    }
    // From here on the deleter owns it; before, there was nothing to exit.
    return UringRing(plain.release());
}

bool uring_try_again(int result) noexcept { return result == -EINTR || result == -EAGAIN || result == -EBUSY; }

Error uring_error(const std::string& step, int number) {
    return Error(ErrorCode::io, step + " failed: " + describe_errno(number), number);
}

}  // namespace zverse::platform
