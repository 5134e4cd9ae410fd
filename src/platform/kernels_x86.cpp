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

[[gnu::target("bmi2")]] void merge_bits_bmi2(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged,
                                             std::size_t count, const BitSpread& xs, const BitSpread& ys) noexcept {
    for (std::size_t i = 0; i < count; ++i) merged[i] = _pdep_u64(x[i], xs.spread) | _pdep_u64(y[i], ys.spread);
}

namespace {

/// Eight numbers spread at once.
[[gnu::target("avx512f")]] inline __m512i spread_eight(__m512i numbers, const BitSpread& spread) noexcept {
    __m512i code = _mm512_setzero_si512();
    for (unsigned run = 0; run < spread.count; ++run) {
        const __m512i bits = _mm512_set1_epi64(std::bit_cast<long long>(spread.runs[run].bits));
        const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(spread.runs[run].shift));
        // The masked form: GCC 12 warns of an uninitialized vector inside its own plain one.
        code = _mm512_or_si512(code, _mm512_maskz_sll_epi64(0xff, _mm512_and_si512(numbers, bits), shift));
    }
    return code;
}

}  // namespace

[[gnu::target("avx512f")]] void merge_bits_avx512(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged,
                                                  std::size_t count, const BitSpread& xs,
                                                  const BitSpread& ys) noexcept {
    // Three steps for each run and eight numbers, against two instructions a number whatever the runs: equal at about
    // eight of them, measured on Zen 4. No CPU with AVX-512 has a slow pdep.
    constexpr unsigned kRunsWorthwhile = 6;
    if (xs.count + ys.count > kRunsWorthwhile) return merge_bits_bmi2(x, y, merged, count, xs, ys);
    for (std::size_t i = 0; i < count; i += 8) {
        const std::size_t left = count - i;
        const auto present = static_cast<__mmask8>(left >= 8 ? 0xff : (1U << left) - 1);
        const __m512i codes = _mm512_or_si512(spread_eight(_mm512_maskz_loadu_epi64(present, x + i), xs),
                                              spread_eight(_mm512_maskz_loadu_epi64(present, y + i), ys));
        _mm512_mask_storeu_epi64(merged + i, present, codes);
    }
}

}  // namespace zverse::platform

#endif
