// AVX2 and AVX-512 kernels.
#include <platform/kernel_search.h>
#include <platform/kernel_tables.h>

#if defined(__x86_64__)

#include <bit>

#include <immintrin.h>

namespace zverse::platform {

namespace {

/// How many of the four words are below the bound, both with their top bit flipped: AVX2 compares signed only.
[[gnu::target("avx2")]] inline __m256i below(const std::uint64_t* words, __m256i flipped_bound, __m256i flip) noexcept {
    const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
    return _mm256_cmpgt_epi64(flipped_bound, _mm256_xor_si256(four, flip));
}

}  // namespace

[[gnu::target("avx2,popcnt")]] std::size_t count_less_avx2(const std::uint64_t* ascending, std::size_t count,
                                                           std::uint64_t bound) noexcept {
    constexpr std::size_t kBlock = 16;
    const SearchBlock block = narrow(ascending, count, bound, kBlock);
    const __m256i flip = _mm256_set1_epi64x(std::bit_cast<long long>(std::uint64_t{1} << 63));
    const __m256i flipped_bound = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<long long>(bound)), flip);
    auto less = static_cast<std::size_t>(block.first - ascending);
    std::size_t i = 0;
    for (; i + 4 <= block.count; i += 4) {
        const __m256i mask = below(block.first + i, flipped_bound, flip);
        less += static_cast<std::size_t>(
            _mm_popcnt_u32(static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(mask)))));
    }
    for (; i < block.count; ++i) less += block.first[i] < bound ? 1 : 0;
    return less;
}

[[gnu::target("avx512f,popcnt")]] std::size_t count_less_avx512(const std::uint64_t* ascending, std::size_t count,
                                                                std::uint64_t bound) noexcept {
    constexpr std::size_t kBlock = 16;
    const SearchBlock block = narrow(ascending, count, bound, kBlock);
    const __m512i wanted = _mm512_set1_epi64(static_cast<long long>(bound));
    // Masked loads touch nothing behind the array. A block has at most two vectors.
    const unsigned present = (1U << block.count) - 1;
    const auto low = static_cast<__mmask8>(present), high = static_cast<__mmask8>(present >> 8);
    const __mmask8 below_low = _mm512_mask_cmplt_epu64_mask(low, _mm512_maskz_loadu_epi64(low, block.first), wanted);
    const __mmask8 below_high =
        _mm512_mask_cmplt_epu64_mask(high, _mm512_maskz_loadu_epi64(high, block.first + 8), wanted);
    const auto less = static_cast<std::size_t>(block.first - ascending);
    return less + static_cast<std::size_t>(_mm_popcnt_u32(below_low | static_cast<unsigned>(below_high) << 8));
}

}  // namespace zverse::platform

#endif
