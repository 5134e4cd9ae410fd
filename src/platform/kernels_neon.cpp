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

namespace {

/// Two numbers spread at once.
inline uint64x2_t spread_two(uint64x2_t numbers, const BitSpread& spread) noexcept {
    uint64x2_t code = vdupq_n_u64(0);
    for (unsigned run = 0; run < spread.count; ++run) {
        const uint64x2_t moving = vandq_u64(numbers, vdupq_n_u64(spread.runs[run].bits));
        code = vorrq_u64(code, vshlq_u64(moving, vdupq_n_s64(static_cast<std::int64_t>(spread.runs[run].shift))));
    }
    return code;
}

}  // namespace

void merge_bits_neon(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                     const BitSpread& xs, const BitSpread& ys) noexcept {
    std::size_t i = 0;
    for (; i + 2 <= count; i += 2) {
        vst1q_u64(merged + i, vorrq_u64(spread_two(vld1q_u64(x + i), xs), spread_two(vld1q_u64(y + i), ys)));
    }
    if (i < count) merge_bits_scalar(x + i, y + i, merged + i, 1, xs, ys);
}

}  // namespace zverse::platform

#endif
