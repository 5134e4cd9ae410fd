// The part of a sorted search that all kernels share: narrowing down to a block that is then simply counted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zverse::platform {

struct SearchBlock {
    const std::uint64_t* first;  ///< everything before it is below the bound
    std::size_t count;           ///< at most the block size; everything behind it is not below the bound
};

/// Halves [ascending, ascending + count) until at most `block` numbers are left. The comparison becomes a conditional
/// move: its outcome is as good as random, and a mispredicted branch costs more than the halvings it would save.
[[gnu::always_inline]] inline SearchBlock narrow(const std::uint64_t* ascending, std::size_t count, std::uint64_t bound,
                                                 std::size_t block) noexcept {
    while (count > block) {
        const std::size_t half = count / 2;
        ascending += ascending[half - 1] < bound ? half : 0;
        count -= half;
    }
    return {ascending, count};
}

}  // namespace zverse::platform
