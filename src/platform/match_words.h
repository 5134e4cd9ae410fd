// Looking for a 16-bit number among ten side by side, with the vectors that every CPU of the architecture has; inlined,
// because a call through a table of kernels would cost more than the search (see match_tags.h).
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace zverse::platform {

/// Bit i of the answer is set when words[i] == wanted. The reference.
[[nodiscard]] inline unsigned match_ten_words_scalar(const std::uint16_t (&words)[10], std::uint16_t wanted) noexcept {
    unsigned matches = 0;
    for (unsigned i = 0; i < 10; ++i) matches |= static_cast<unsigned>(words[i] == wanted) << i;
    return matches;
}

[[nodiscard]] inline unsigned match_ten_words(const std::uint16_t (&words)[10], std::uint16_t wanted) noexcept {
#if defined(__x86_64__)
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
    // Packing halves each comparison's 16 bits to 8, so that the mask has a bit for each word.
    const __m128i equal = _mm_cmpeq_epi16(first, _mm_set1_epi16(static_cast<short>(wanted)));
    const auto eight = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
#elif defined(__aarch64__)
    constexpr std::uint16_t kBits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint16x8_t equal = vceqq_u16(vld1q_u16(words), vdupq_n_u16(wanted));
    const unsigned eight = vaddvq_u16(vandq_u16(equal, vld1q_u16(kBits)));
#else
    return match_ten_words_scalar(words, wanted);
#endif
#if defined(__x86_64__) || defined(__aarch64__)
    return eight | static_cast<unsigned>(words[8] == wanted) << 8 | static_cast<unsigned>(words[9] == wanted) << 9;
#endif
}

}  // namespace zverse::platform
