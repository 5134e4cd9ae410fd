// Kernels: small loops that are worth an instruction set of their own, one table of them per level.
//
// A store chooses its table once at open and keeps the reference. The scalar table runs anywhere and is the reference
// that every other is tested against; a kernel that a level has no better way for is the next lower level's.
// Functions carry their instruction set as an attribute, never a whole file: inline functions of headers must not be
// compiled for a CPU that may not be the one that runs.
#pragma once

#include <platform/capabilities.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace zverse::platform {

/// How many of the `count` ascending numbers are below `bound`: where `bound` is or would be.
using CountLess = std::size_t (*)(const std::uint64_t* ascending, std::size_t count, std::uint64_t bound) noexcept;

struct Kernels {
    KernelLevel level;
    CountLess count_less;
};

/// The best table that this CPU executes and whose level is at most `level`. Under ThreadSanitizer always the scalar
/// one: vector loads of words that others change are no atomics to it.
[[nodiscard]] const Kernels& kernels_for(KernelLevel level) noexcept;

/// Every table of this architecture, best first, whether the CPU can execute it or not.
[[nodiscard]] std::span<const Kernels> all_kernels() noexcept;

}  // namespace zverse::platform
