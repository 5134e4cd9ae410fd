// Looking for a tag in a line of the hash index, with the vectors that every CPU of the architecture has. It is inlined
// and not a kernel of kernels.h: AVX-512 needs five instructions where SSE2 needs thirteen, but the call through a
// table costs more, and keeps a read from holding its values in registers (docs/performance.md).
//
// Vector loads of index lines: both architectures promise that an aligned 8-byte part of an aligned vector load is read
// in one piece, so each entry is some value that was really stored. Nothing is promised between entries, and nothing
// is needed: the answer is a hint, and the caller loads the entry it follows once more, with acquire, and compares the
// tag.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace zverse::platform {

/// Looks for `tag` (15 bits, not 0) in 64 aligned bytes: words 0..6 are entries (bit 63 tentative, bits 48..62 tag,
/// bits 0..47 address; 0 is empty), word 7 is a link, a pointer with zeros for a tag. Bit i of the answer is set when
/// entry i has this tag and is not tentative. This one is the reference, and serves under ThreadSanitizer, to which
/// vector loads of words that others change are no atomics.
[[nodiscard]] inline unsigned match_tags_scalar(const std::atomic<std::uint64_t>* line, std::uint64_t tag) noexcept {
    unsigned matches = 0;
    for (unsigned i = 0; i < 7; ++i) {
        // relaxed: a hint, see above.
        matches |= static_cast<unsigned>(line[i].load(std::memory_order_relaxed) >> 48 == tag) << i;
    }
    return matches;
}

[[nodiscard]] inline unsigned match_tags(const std::atomic<std::uint64_t>* line, std::uint64_t tag) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    // The upper halves of the words, then their upper halves, as signed numbers: tentative ones are negative.
    const auto* words = reinterpret_cast<const __m128*>(line);
    const __m128i low = _mm_castps_si128(_mm_shuffle_ps(words[0], words[1], 0xDD));
    const __m128i high = _mm_castps_si128(_mm_shuffle_ps(words[2], words[3], 0xDD));
    const __m128i tags = _mm_packs_epi32(_mm_srai_epi32(low, 16), _mm_srai_epi32(high, 16));
    const __m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag)));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
#elif defined(__aarch64__) && !defined(__SANITIZE_THREAD__)
    // The highest 16 bits of each word, side by side; then a bit for each place.
    const auto* words = reinterpret_cast<const std::uint32_t*>(line);
    const uint32x4_t low = vuzp2q_u32(vld1q_u32(words), vld1q_u32(words + 4));
    const uint32x4_t high = vuzp2q_u32(vld1q_u32(words + 8), vld1q_u32(words + 12));
    const uint16x8_t tags = vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
    const uint16x8_t equal = vceqq_u16(tags, vdupq_n_u16(static_cast<std::uint16_t>(tag)));
    constexpr std::uint16_t kBits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    return vaddvq_u16(vandq_u16(equal, vld1q_u16(kBits)));
#else
    return match_tags_scalar(line, tag);
#endif
}

}  // namespace zverse::platform
