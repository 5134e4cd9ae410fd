// Orders: see epoch.h.
#include <platform/epoch.h>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace zverse::platform {

bool asymmetric_fences() noexcept {
#if defined(__linux__) && defined(SYS_membarrier) && !defined(__SANITIZE_THREAD__)
    static const bool registered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    return registered;
#else
    return false;
#endif
}

bool fence_all_threads() noexcept {
#if defined(__linux__) && defined(SYS_membarrier)
    return ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
#else
    return false;
#endif
}

}  // namespace zverse::platform
