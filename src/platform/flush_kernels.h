// The ways to write a cache line back to its medium, one function each, and a table of them.
#pragma once

#include <platform/persist_domain.h>

#include <cstddef>
#include <cstdint>

namespace zverse::platform {

/// Writes back every line of [first, end); `first` is line-aligned.
using FlushLines = void (*)(std::uintptr_t first, std::uintptr_t end) noexcept;

struct FlushKernel {
    FlushKind kind;
    const char* name;
    bool (*supported)() noexcept;  ///< asks the running CPU, not the compiler
    FlushLines flush;
};

/// The entry of a kind; kinds of other architectures are there too, unsupported and doing nothing.
[[nodiscard]] const FlushKernel& flush_kernel(FlushKind kind) noexcept;

/// Copies whole lines past the cache; `target` is line-aligned, `bytes` a multiple of 64. The best of this CPU,
/// chosen once. Null where non-temporal stores are no gain or can't be used.
using CopyLines = void (*)(void* target, const void* source, std::size_t bytes) noexcept;
[[nodiscard]] CopyLines streaming_copy() noexcept;

/// A streaming copy of this level ("avx512", "avx2", "sse2"), or null when this CPU lacks it; for tests.
[[nodiscard]] CopyLines streaming_copy_named(const char* name) noexcept;

#if defined(__aarch64__)
/// Whether `dc cvap` really executes here: tried in a child process, because it may die of it.
[[nodiscard]] bool dc_cvap_executes() noexcept;
#endif

}  // namespace zverse::platform
