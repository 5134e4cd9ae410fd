// UringRing: an io_uring that exits by itself.
//
// The setup flags are none. In particular not DEFER_TASKRUN, which together with IOSQE_IO_DRAIN never returned from
// submit_and_wait on a kernel this was tried on; and not IOPOLL, which sets up on devices without polled queues and
// then fails each read.
#pragma once

#include <zverse/error.h>

#include <liburing.h>

#include <memory>

namespace zverse::platform {

struct ExitUring {
    void operator()(io_uring* ring) const noexcept {
        // What was registered goes at once, not when the kernel comes round to the end of the ring: buffers count
        // against RLIMIT_MEMLOCK, a removed file keeps its space and its mount as long as anybody has it.
        static_cast<void>(io_uring_unregister_buffers(ring));
        static_cast<void>(io_uring_unregister_files(ring));
        io_uring_queue_exit(ring);
        delete ring;
    }
};
using UringRing = std::unique_ptr<io_uring, ExitUring>;

/// Of at least `depth` entries. Errors: io, with what the kernel has against it.
[[nodiscard]] Result<UringRing> make_uring_ring(unsigned depth);

/// Whether a call that waits or submits only has to be made again: a signal came (EINTR), or the kernel is short of
/// something for a moment (EAGAIN, EBUSY).
[[nodiscard]] bool uring_try_again(int result) noexcept;

/// "<step> failed: <errno in words>".
[[nodiscard]] Error uring_error(const std::string& step, int number);

}  // namespace zverse::platform
