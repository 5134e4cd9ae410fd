#include <platform/capabilities.h>
#include <platform/flush_kernels.h>

#include <array>

#if defined(__aarch64__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#endif

namespace zverse::platform {

namespace {

void flush_nothing(std::uintptr_t /*first*/, std::uintptr_t /*end*/) noexcept {}

bool always() noexcept { return true; }
bool never() noexcept { return false; }

#if defined(__x86_64__)

// Assembler instead of intrinsics with target attributes: the assembler knows the instructions whatever the
// compiler was told, and the memory clobber keeps every earlier store on this side of the flush.

void flush_by_clwb(std::uintptr_t first, std::uintptr_t end) noexcept { detail::flush_clwb(first, end); }

void flush_by_clflushopt(std::uintptr_t first, std::uintptr_t end) noexcept {
    asm volatile("" ::: "memory");
    for (; first < end; first += kCacheLineBytes) {
        asm volatile("clflushopt %0" : "+m"(*reinterpret_cast<volatile char*>(first)));
    }
}

void flush_by_clflush(std::uintptr_t first, std::uintptr_t end) noexcept {
    asm volatile("" ::: "memory");
    for (; first < end; first += kCacheLineBytes) {
        asm volatile("clflush %0" : "+m"(*reinterpret_cast<volatile char*>(first)));
    }
}

bool has_clwb() noexcept { return cpu_features().clwb; }
bool has_clflushopt() noexcept { return cpu_features().clflushopt; }
bool has_clflush() noexcept { return cpu_features().clflush; }

#else

constexpr FlushLines flush_by_clwb = flush_nothing;
constexpr FlushLines flush_by_clflushopt = flush_nothing;
constexpr FlushLines flush_by_clflush = flush_nothing;
constexpr auto has_clwb = never;
constexpr auto has_clflushopt = never;
constexpr auto has_clflush = never;

#endif

#if defined(__aarch64__)

/// The smallest data cache line of any cache on the way, at most 64: a step that skips none.
std::uintptr_t line_step() noexcept {
    static const std::uintptr_t step = [] {
        std::uint64_t ctr = 0;
        asm("mrs %0, ctr_el0" : "=r"(ctr));
        const std::uintptr_t smallest = std::uintptr_t{4} << ((ctr >> 16) & 0xF);
        return smallest < kCacheLineBytes ? smallest : std::uintptr_t{kCacheLineBytes};
    }();
    return step;
}

void flush_by_dc_cvap(std::uintptr_t first, std::uintptr_t end) noexcept {
    const std::uintptr_t step = line_step();
    // sys #3, c7, c12, #1 is `dc cvap`, spelled so that an assembler without armv8.2-a takes it.
    for (; first < end; first += step) asm volatile("sys #3, c7, c12, #1, %0" ::"r"(first) : "memory");
}

void flush_by_dc_civac(std::uintptr_t first, std::uintptr_t end) noexcept {
    const std::uintptr_t step = line_step();
    for (; first < end; first += step) asm volatile("dc civac, %0" ::"r"(first) : "memory");
}

bool has_dc_cvap() noexcept { return cpu_features().dc_cvap; }
constexpr auto has_dc_civac = always;

#else

constexpr FlushLines flush_by_dc_cvap = flush_nothing;
constexpr FlushLines flush_by_dc_civac = flush_nothing;
constexpr auto has_dc_cvap = never;
constexpr auto has_dc_civac = never;

#endif

// In the order of FlushKind, which is best first within an architecture. `simulated` is no instruction, so no CPU
// supports it; PersistDomain never comes here with it.
constexpr std::array kFlushKernels{
    FlushKernel{FlushKind::none, "none", always, flush_nothing},
    FlushKernel{FlushKind::clwb, "clwb", has_clwb, flush_by_clwb},
    FlushKernel{FlushKind::clflushopt, "clflushopt", has_clflushopt, flush_by_clflushopt},
    FlushKernel{FlushKind::clflush, "clflush", has_clflush, flush_by_clflush},
    FlushKernel{FlushKind::dc_cvap, "dc_cvap", has_dc_cvap, flush_by_dc_cvap},
    FlushKernel{FlushKind::dc_civac, "dc_civac", has_dc_civac, flush_by_dc_civac},
    FlushKernel{FlushKind::simulated, "simulated", never, flush_nothing},
};

constexpr bool indexed_by_kind() {
    for (std::size_t i = 0; i < kFlushKernels.size(); ++i) {
        if (static_cast<std::size_t>(kFlushKernels[i].kind) != i) return false;
    }
    return true;
}
static_assert(indexed_by_kind());

}  // namespace

const FlushKernel& flush_kernel(FlushKind kind) noexcept { return kFlushKernels[static_cast<std::size_t>(kind)]; }

bool flush_kind_supported(FlushKind kind) noexcept { return flush_kernel(kind).supported(); }

const char* to_string(FlushKind kind) noexcept { return flush_kernel(kind).name; }

FlushKind best_flush_kind() noexcept {
    static const FlushKind best = [] {
        for (const FlushKernel& kernel : kFlushKernels) {
            if (kernel.kind != FlushKind::none && kernel.supported()) return kernel.kind;
        }
        return FlushKind::none;
    }();
    return best;
}

#if defined(__aarch64__)

// A raw clone instead of fork(): no atfork handlers, and with exit signal 0 the host program gets no SIGCHLD and
// its own wait() never meets this child.
bool dc_cvap_executes() noexcept {
    const long child = syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr);
    if (child < 0) return false;
    if (child == 0) {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        std::signal(SIGILL, SIG_DFL);
        alignas(kCacheLineBytes) volatile char line[kCacheLineBytes] = {};
        flush_by_dc_cvap(reinterpret_cast<std::uintptr_t>(&line), reinterpret_cast<std::uintptr_t>(&line) + 1);
        syscall(SYS_exit_group, 0);
    }
    int status = 0;
    long waited = 0;
    do {
        waited = waitpid(static_cast<pid_t>(child), &status, __WALL);
    } while (waited < 0 && errno == EINTR);
    return waited == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif

}  // namespace zverse::platform
