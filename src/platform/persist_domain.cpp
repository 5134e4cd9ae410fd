#include <platform/aligned_range.h>
#include <platform/flush_kernels.h>
#include <platform/os_error.h>
#include <platform/persist_domain.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/mman.h>

namespace zverse::platform {

namespace {

/// Below this, a copy is stored and flushed like any other write: a single fence costs less that way.
constexpr std::size_t kStreamBytesMin = 512;

Result<void> sync_pages(const void* address, std::size_t bytes) {
    const auto start = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t first = start & ~(page_bytes() - 1);
    // msync rounds the length up to whole pages itself.
    while (msync(reinterpret_cast<void*>(first), start + bytes - first, MS_SYNC) != 0) {
        const int number = errno;
        if (number == EINTR) continue;
        // Always `io`, ENOSPC too: which of the pages reached the medium is unknown, and a retry proves nothing.
        return std::unexpected(Error(ErrorCode::io,
                                     "msync of " + std::to_string(bytes) + " bytes at address " +
                                         std::to_string(start) + " failed: " + describe_errno(number),
                                     number));
    }
    return {};
}

}  // namespace

namespace detail {

void flush_lines_slow(FlushKind kind, PersistObserver* observer, const void* address, std::size_t bytes) noexcept {
    if (kind == FlushKind::simulated) {
        observer->on_flush(address, bytes);
        return;
    }
    const auto first = reinterpret_cast<std::uintptr_t>(address);
    flush_kernel(kind).flush(first & ~(kCacheLineBytes - 1), first + bytes);
}

void drain_slow(FlushKind kind, PersistObserver* observer) noexcept {
    if (kind == FlushKind::simulated) {
        observer->on_drain();
        return;
    }
#if defined(__x86_64__)
    asm volatile("sfence" ::: "memory");
#elif defined(__aarch64__)
    // dsb, not dmb: it waits for the cache maintenance to finish instead of only ordering it.
    asm volatile("dsb sy" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

}  // namespace detail

void PersistDomain::copy_flushed(void* target, const void* source, std::size_t bytes) const noexcept {
    if (bytes == 0) return;
    // Page granularity takes a plain copy: its medium is reached by sync() alone, and the bytes are read soon.
    const bool stream = granularity_ != Granularity::page && bytes >= kStreamBytesMin &&
                        (flush_ == FlushKind::simulated || streaming_copy() != nullptr);
    const std::size_t streamed = stream ? bytes & ~(kCacheLineBytes - 1) : 0;
    if (streamed != 0 && flush_ == FlushKind::simulated) {
        // The simulator goes the same way, so that it notices when the flush of the rest is forgotten.
        std::memcpy(target, source, streamed);
        observer_->on_flush(target, streamed);
    } else if (streamed != 0) {
        streaming_copy()(target, source, streamed);
    }
    if (streamed == bytes) return;

    auto* rest = static_cast<std::byte*>(target) + streamed;
    std::memcpy(rest, static_cast<const std::byte*>(source) + streamed, bytes - streamed);
    flush(rest, bytes - streamed);
}

Result<void> PersistDomain::sync(const void* address, std::size_t bytes) const {
    if (bytes == 0) return {};
    if (flush_ == FlushKind::simulated) return observer_->on_sync(address, bytes);
    if (granularity_ == Granularity::page) return sync_pages(address, bytes);
    persist(address, bytes);
    return {};
}

}  // namespace zverse::platform
