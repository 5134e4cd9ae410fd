// PersistDomain: the one way to make bytes in memory survive.
//
// Nouns
//   flush   start writing the lines of a range back to the medium (clwb, clflushopt, clflush, dc cvap/civac)
//   drain   wait until every flush and non-temporal copy of this thread has arrived (sfence, dsb)
//   sync    the slow, reporting way: flush and drain, or msync where memory alone is not the medium
//
// Granularity says what a crash of the machine leaves of a store that was drained but not synced:
//   byte        everything visible survives (eADR): flush is nothing, drain orders
//   cache_line  what was flushed and drained survives
//   page        nothing survives without sync(): the mapping is page cache over a file
//
// One class, and a switch over an enum instead of a template parameter: the branch is always predicted, so it
// costs nothing beside a flush, and the hot tier compiles once. The simulator is one of the cases: it is told of
// each flush, drain and sync, and finds dirty lines itself by comparing the memory with its image of the medium.
//
// Threads: a domain is immutable after construction; every call may be made from any thread.
#pragma once

#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zverse::platform {

inline constexpr std::size_t kCacheLineBytes = 64;

enum class Granularity : std::uint8_t { byte, cache_line, page };

[[nodiscard]] constexpr const char* to_string(Granularity granularity) noexcept {
    switch (granularity) {
        case Granularity::byte: return "byte";
        case Granularity::cache_line: return "cache_line";
        case Granularity::page: return "page";
    }
    return "unknown";
}

/// How a line is written back. `none`: it need not be (eADR), or flushing alone can't do it (page).
enum class FlushKind : std::uint8_t { none, clwb, clflushopt, clflush, dc_cvap, dc_civac, simulated };

/// What a simulator or recorder sees of a domain. Called in the thread that persists.
class PersistObserver {
public:
    virtual ~PersistObserver() = default;
    /// Lines of [address, address + bytes) begin their way to the medium, with their contents of now.
    virtual void on_flush(const void* address, std::size_t bytes) noexcept = 0;
    /// Everything this thread flushed has arrived.
    virtual void on_drain() noexcept = 0;
    /// sync() of a range; an error is returned to the caller of sync().
    [[nodiscard]] virtual Result<void> on_sync(const void* address, std::size_t bytes) noexcept = 0;
};

class PersistDomain {
public:
    /// A domain of the running machine. `flush` must be one that the CPU has; see best_flush_kind().
    PersistDomain(Granularity granularity, FlushKind flush) noexcept : granularity_(granularity), flush_(flush) {}
    /// A simulated domain; `observer` outlives it.
    PersistDomain(Granularity granularity, PersistObserver& observer) noexcept
        : granularity_(granularity), flush_(FlushKind::simulated), observer_(&observer) {}

    [[nodiscard]] Granularity granularity() const noexcept { return granularity_; }
    [[nodiscard]] FlushKind flush_kind() const noexcept { return flush_; }

    /// Begins writing back every line that [address, address + bytes) touches. The start is rounded down to its
    /// line: stepping 64 bytes from an unaligned address would miss the last line.
    void flush(const void* address, std::size_t bytes) const noexcept;
    /// Orders and awaits the flushes and non-temporal copies of this thread.
    void drain() const noexcept;
    void persist(const void* address, std::size_t bytes) const noexcept {
        flush(address, bytes);
        drain();
    }
    /// Copies to the medium past the cache where that is the faster way; complete after the next drain().
    /// `target` is 64-byte aligned; bytes any. Ranges do not overlap.
    void copy_flushed(void* target, const void* source, std::size_t bytes) const noexcept;
    /// Makes [address, address + bytes) survive power loss, on every granularity, and reports failure.
    /// page: msync(MS_SYNC) of the pages touched; after a failure the kernel may have dropped the dirty pages.
    [[nodiscard]] Result<void> sync(const void* address, std::size_t bytes) const;

private:
    Granularity granularity_;
    FlushKind flush_;
    PersistObserver* observer_ = nullptr;
};

/// The best line write-back of this CPU, asked once. On machines without any (qemu-user): FlushKind::none.
[[nodiscard]] FlushKind best_flush_kind() noexcept;
/// Whether this CPU can execute it.
[[nodiscard]] bool flush_kind_supported(FlushKind kind) noexcept;
[[nodiscard]] const char* to_string(FlushKind kind) noexcept;

// ---- Inline: these run once per write.

namespace detail {
void flush_lines_slow(FlushKind kind, PersistObserver* observer, const void* address, std::size_t bytes) noexcept;
void drain_slow(FlushKind kind, PersistObserver* observer) noexcept;
#if defined(__x86_64__)
// Assembler instead of _mm_clwb: a function with target("clwb") is never inlined into one without, and the memory
// clobber keeps the compiler from moving an earlier store behind the flush.
inline void flush_clwb(std::uintptr_t line, std::uintptr_t end) noexcept {
    asm volatile("" ::: "memory");
    for (; line < end; line += kCacheLineBytes) {
        asm volatile("clwb %0" : "+m"(*reinterpret_cast<volatile char*>(line)));
    }
}
#endif
}  // namespace detail

inline void PersistDomain::flush(const void* address, std::size_t bytes) const noexcept {
    if (bytes == 0) return;
#if defined(__x86_64__)
    if (flush_ == FlushKind::clwb) {
        const auto first = reinterpret_cast<std::uintptr_t>(address);
        detail::flush_clwb(first & ~(kCacheLineBytes - 1), first + bytes);
        return;
    }
#endif
    detail::flush_lines_slow(flush_, observer_, address, bytes);
}

inline void PersistDomain::drain() const noexcept {
#if defined(__x86_64__)
    if (flush_ != FlushKind::simulated) {
        _mm_sfence();
        return;
    }
#endif
    detail::drain_slow(flush_, observer_);
}

}  // namespace zverse::platform
