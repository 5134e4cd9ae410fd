#include <cold/key_index.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace zverse::cold {

std::uint64_t hash_key(std::string_view key, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

std::uint64_t home_buckets_for(std::uint64_t postings) noexcept {
    constexpr std::uint64_t kThreeFull = 3 * std::uint64_t{IndexBucket::kEntries};  // of four buckets
    return std::max<std::uint64_t>(1, (postings * 4 + kThreeFull - 1) / kThreeFull);
}

std::vector<IndexPage> KeyIndexBuilder::build(std::uint64_t& home_buckets) {
    home_buckets = home_buckets_for(entries_.size());
    // Stable: postings of one key keep their order.
    std::stable_sort(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
        return home_of(a.hash, home_buckets) < home_of(b.hash, home_buckets);
    });
    std::vector<IndexPage> pages;
    pages.reserve(home_buckets / IndexPage::kBuckets + 2);
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
