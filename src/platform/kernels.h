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

/// Where the bits of one number go inside a merged one: runs of neighbouring bits that move together. Made once per
/// curve; `spread` is the same as a mask of target bits, for machines with an instruction for it.
struct BitSpread {
    struct Run {
        std::uint64_t bits;    ///< of the source, moved to the left by `shift`
        unsigned shift;
    };
    std::uint64_t spread = 0;  ///< the target's bits, the source's lowest bit going to the lowest of them
    unsigned count = 0;
    Run runs[32] = {};
};
/// merged[i] = x[i] spread by `xs` | y[i] spread by `ys`. Source bits beyond a spread are ignored.
using MergeBits = void (*)(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                           const BitSpread& xs, const BitSpread& ys) noexcept;
/// The spread to the set bits of `mask`. At most 32 runs, as an alternation of 64 bits has.
[[nodiscard]] BitSpread make_spread(std::uint64_t mask) noexcept;

struct Kernels {
    KernelLevel level;
    CountLess count_less;
    MergeBits merge_bits;
};

/// The best table that this CPU executes and whose level is at most `level`. Under ThreadSanitizer always the scalar
/// one: vector loads of words that others change are no atomics to it.
[[nodiscard]] const Kernels& kernels_for(KernelLevel level) noexcept;

/// Every table of this architecture, best first, whether the CPU can execute it or not.
[[nodiscard]] std::span<const Kernels> all_kernels() noexcept;

}  // namespace zverse::platform
