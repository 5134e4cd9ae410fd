#include <cold/block_cache.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

BlockCache::BlockCache(std::uint64_t bytes_max, std::size_t block_bytes)
    : block_bytes_(block_bytes), sets_(std::max<std::uint64_t>(1, bytes_max / (kPlaces * block_bytes))) {}

BlockCache::Set& BlockCache::set_of(std::uint64_t segment, std::uint64_t unit) noexcept {
    // Fibonacci hashing; the top of the product is what depends on all bits.
    const std::uint64_t mixed = (segment * 0xa0761d6478bd642f ^ unit) * 0x9e3779b97f4a7c15;
    return sets_[(mixed >> 32) % sets_.size()];
}

BlockHold BlockCache::find(std::uint64_t segment, std::uint64_t unit) {
    Set& set = set_of(segment, unit);
    const std::scoped_lock lock(set.mutex);
    const auto found = std::ranges::find_if(set.places, [&](const Place& place) {
        return place.block != nullptr && place.segment == segment && place.unit == unit;
    });
    if (found == set.places.end()) return nullptr;
    std::rotate(set.places.begin(), found, found + 1);
    return set.places.front().block;
}

void BlockCache::keep(std::uint64_t segment, std::uint64_t unit, std::size_t bytes, BlockHold block) {
    if (bytes > block_bytes_) return;
    Set& set = set_of(segment, unit);
    const std::scoped_lock lock(set.mutex);
    std::ranges::rotate(set.places, set.places.end() - 1);
    std::swap(set.places.front().block, block);  // the one that leaves is freed by the caller, behind the lock
    set.places.front().segment = segment;
    set.places.front().unit = unit;
    set.places.front().bytes = bytes;
}

std::uint64_t BlockCache::memory_bytes() {
    std::uint64_t bytes = 0;
    for (Set& set : sets_) {
        const std::scoped_lock lock(set.mutex);
        for (const Place& place : set.places) bytes += place.block != nullptr ? place.bytes : 0;
    }
    return bytes;
}

}  // namespace zverse::cold
