// Kernels: small loops that are worth an instruction set of their own, one table of them per level.
//
// A store chooses its table once at open and keeps the reference. The scalar table runs anywhere and is the reference
// that every other is tested against; a kernel that a level has no better way for is the next lower level's.
// Functions carry their instruction set as an attribute, never a whole file: inline functions of headers must not be
// compiled for a CPU that may not be the one that runs.
#pragma once

#include <platform/capabilities.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace zverse::platform {

/// Looks for `tag` (15 bits) in a line of the hash index: 64 bytes, aligned; words 0..6 are entries (bit 63 tentative,
/// bits 48..62 tag, bits 0..47 address; 0 is empty), word 7 is a link and not looked at. Bit i of the answer is set
/// when entry i is not empty and has this tag, tentative or not.
///
/// The answer is a hint: other threads change entries meanwhile. The caller loads each entry it follows once more, with
/// acquire, and compares the tag again.
using MatchTags = unsigned (*)(const std::atomic<std::uint64_t>* line, std::uint64_t tag) noexcept;

/// How many of the `count` ascending numbers are below `bound`: where `bound` is or would be.
using CountLess = std::size_t (*)(const std::uint64_t* ascending, std::size_t count, std::uint64_t bound) noexcept;

struct Kernels {
    KernelLevel level;
    MatchTags match_tags;
    CountLess count_less;
};

/// The best table that this CPU executes and whose level is at most `level`. Under ThreadSanitizer always the scalar
/// one: vector loads of words that others change are no atomics to it.
[[nodiscard]] const Kernels& kernels_for(KernelLevel level) noexcept;

/// Every table of this architecture, best first, whether the CPU can execute it or not.
[[nodiscard]] std::span<const Kernels> all_kernels() noexcept;

}  // namespace zverse::platform
