// NEON kernels. An aligned vector load reads each 8-byte element in one piece (single-copy atomic per element), so
// what kernels_x86.cpp says of torn entries holds here, too.
#include <platform/kernel_search.h>
#include <platform/kernel_tables.h>

#if defined(__aarch64__)

#include <arm_neon.h>

namespace zverse::platform {

unsigned match_tags_neon(const std::atomic<std::uint64_t>* line, std::uint64_t tag) noexcept {
    constexpr unsigned kEntryMask = 0x7F, kTagShift = 48;
    const auto* words = reinterpret_cast<const std::uint64_t*>(line);
    const uint64x2_t wanted = vdupq_n_u64(tag << kTagShift), field = vdupq_n_u64(std::uint64_t{0x7FFF} << kTagShift);
    unsigned matches = 0;
    for (unsigned i = 0; i < 8; i += 2) {
        const uint64x2_t entries = vld1q_u64(words + i);
        const uint64x2_t tags = vandq_u64(entries, field);
        const uint64x2_t match = vandq_u64(vceqq_u64(tags, wanted), vtstq_u64(entries, entries));
        matches |= static_cast<unsigned>(vgetq_lane_u64(match, 0) & 1) << i;
        matches |= static_cast<unsigned>(vgetq_lane_u64(match, 1) & 1) << (i + 1);
    }
    return matches & kEntryMask;
}

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
