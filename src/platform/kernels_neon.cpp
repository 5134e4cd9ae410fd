// NEON kernels.
#include <platform/kernel_search.h>
#include <platform/kernel_tables.h>

#if defined(__aarch64__)

#include <arm_neon.h>

namespace zverse::platform {

std::size_t count_less_neon(const std::uint64_t* ascending, std::size_t count, std::uint64_t bound) noexcept {
    constexpr std::size_t kBlock = 8;
    const SearchBlock block = narrow(ascending, count, bound, kBlock);
    const uint64x2_t wanted = vdupq_n_u64(bound);
    uint64x2_t less = vdupq_n_u64(0);
    std::size_t i = 0;
    // A true comparison is all ones, which is -1: subtracting it counts.
    for (; i + 2 <= block.count; i += 2) less = vsubq_u64(less, vcltq_u64(vld1q_u64(block.first + i), wanted));
    auto total = static_cast<std::size_t>(block.first - ascending) + vaddvq_u64(less);
    if (i < block.count) total += block.first[i] < bound ? 1 : 0;
    return total;
}

}  // namespace zverse::platform

#endif
