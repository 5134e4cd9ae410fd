#include <cold/key_index.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace zverse::cold {

std::uint64_t hash_key(std::string_view key, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

namespace {

unsigned present(const IndexBucket& bucket) noexcept {
    return (1U << std::min(bucket.meta & IndexBucket::kCountMask, IndexBucket::kEntries)) - 1;
}

}  // namespace

unsigned match_tags_scalar(const IndexBucket& bucket, std::uint16_t tag) noexcept {
    unsigned matches = 0;
    for (unsigned i = 0; i < IndexBucket::kEntries; ++i) matches |= bucket.tags[i] == tag ? 1U << i : 0;
    return matches & present(bucket);
}

unsigned match_tags(const IndexBucket& bucket, std::uint16_t tag) noexcept {
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bucket.tags));
    // Packing halves each comparison's 16 bits to 8, so that the mask has a bit for each entry.
    const __m128i equal = _mm_packs_epi16(_mm_cmpeq_epi16(eight, wanted), _mm_setzero_si128());
    unsigned matches = static_cast<unsigned>(_mm_movemask_epi8(equal));
#elif defined(__aarch64__)
    const uint16x8_t equal = vceqq_u16(vld1q_u16(bucket.tags), vdupq_n_u16(tag));
    const uint16x8_t bits = {1, 2, 4, 8, 16, 32, 64, 128};
    unsigned matches = vaddvq_u16(vandq_u16(equal, bits));
#else
    return match_tags_scalar(bucket, tag);
#endif
#if defined(__SSE2__) || defined(__aarch64__)
    matches |= bucket.tags[8] == tag ? 1U << 8 : 0;
    matches |= bucket.tags[9] == tag ? 1U << 9 : 0;
    return matches & present(bucket);
#endif
}

std::uint64_t home_buckets_for(std::uint64_t postings) noexcept {
    return std::max<std::uint64_t>(1, (postings * 4 + IndexBucket::kEntries * 3 - 1) / (IndexBucket::kEntries * 3));
}

std::vector<IndexPage> KeyIndexBuilder::build(std::uint64_t& home_buckets) {
    home_buckets = home_buckets_for(entries_.size());
    // Stable: postings of one key keep their order.
    std::stable_sort(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
        return home_of(a.hash, home_buckets) < home_of(b.hash, home_buckets);
    });
    std::vector<IndexPage> pages;
    std::size_t next = 0;         // of entries_, to be placed
    std::size_t homeless = 0;     // of entries_ before which all homes are at or before the bucket
    for (std::uint64_t bucket = 0; bucket < home_buckets || next < entries_.size(); ++bucket) {
        if (bucket % IndexPage::kBuckets == 0) pages.emplace_back();
        IndexBucket& into = pages.back().buckets[bucket % IndexPage::kBuckets];
        while (homeless < entries_.size() && home_of(entries_[homeless].hash, home_buckets) <= bucket) ++homeless;
        unsigned count = 0;
        for (; count < IndexBucket::kEntries && next < homeless; ++count, ++next) {
            into.tags[count] = tag_of(entries_[next].hash);
            into.postings[count] = entries_[next].posting;
        }
        into.meta = count | (next < homeless ? IndexBucket::kOverflow : 0);
    }
    entries_.clear();
    return pages;
}

}  // namespace zverse::cold
