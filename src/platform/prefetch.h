// Prefetch: starting to load a cache line that will be read, or written, soon. Never faults.
//
// Not __builtin_prefetch: gcc takes a function that only prefetches for one without effects, and drops calls of it.
#pragma once

namespace zverse::platform {

/// The line that `address` is in, for reading.
inline void prefetch(const void* address) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetcht0 (%0)" : : "r"(address));
#elif defined(__aarch64__)
    asm volatile("prfm pldl1keep, [%0]" : : "r"(address));
#else
    __builtin_prefetch(address);
#endif
}

/// The same, for writing.
inline void prefetch_to_write(const void* address) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetchw (%0)" : : "r"(address));
#elif defined(__aarch64__)
    asm volatile("prfm pstl1keep, [%0]" : : "r"(address));
#else
    __builtin_prefetch(address, 1);
#endif
}

}  // namespace zverse::platform
