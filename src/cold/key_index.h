// The key index of a segment: from a key's hash to where its records begin, and the filter that spares looking.
//
// Buckets of a cache line each hold 16 bits of the hash and a posting for up to ten keys, so a key that is there costs
// one line of the index, and one that is not costs one line and, ten times in 65,536, a look at a wrong record. A
// bucket overflows into the next ones, in order: postings of one key stay in the order they were added.
#pragma once

#include <cold/layout.h>
#include <platform/match_words.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// XXH3-64 (Y. Collet), seeded with the store: equal in all segments of a store.
[[nodiscard]] std::uint64_t hash_key(std::string_view key, std::uint64_t seed) noexcept;

[[nodiscard]] constexpr std::uint16_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint16_t>(hash); }
/// The home bucket: the top of the hash, scaled.
[[nodiscard]] inline std::uint64_t home_of(std::uint64_t hash, std::uint64_t buckets) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(hash) * buckets) >> 64);
}

/// Bit i: entry i of the bucket has the tag.
[[nodiscard]] inline unsigned match_tags(const IndexBucket& bucket, std::uint16_t tag) noexcept {
    const unsigned count = std::min(bucket.meta & IndexBucket::kCountMask, IndexBucket::kEntries);
    return platform::match_ten_words(bucket.tags, tag) & ((1U << count) - 1);
}

class KeyIndexBuilder {
public:
    void add(std::uint64_t hash, std::uint32_t posting) { entries_.push_back({hash, posting}); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    /// Memory until build() is done: the entries, half of them again while they are sorted, and the pages; or the
    /// entries twice while they move.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return entries_.size() * 34; }
    /// The pages, their checksums not set. `home_buckets`: how many buckets are homes; more follow for what overflows.
    /// Empties the builder.
    [[nodiscard]] std::vector<IndexPage> build(std::uint64_t& home_buckets);

private:
    struct Entry {
        std::uint64_t hash;
        std::uint32_t posting;
    };
    std::vector<Entry> entries_;
};

/// How many home buckets `postings` get: three quarters full.
[[nodiscard]] std::uint64_t home_buckets_for(std::uint64_t postings) noexcept;

}  // namespace zverse::cold
