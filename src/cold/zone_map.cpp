#include <cold/zone_map.h>

#include <algorithm>
#include <limits>

namespace zverse::cold {

std::uint32_t KeyHeap::add(std::string_view key) {
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    const auto size = static_cast<std::uint16_t>(key.size());
    const auto* bytes = reinterpret_cast<const std::byte*>(&size);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof(size));
    bytes = reinterpret_cast<const std::byte*>(key.data());
    bytes_.insert(bytes_.end(), bytes, bytes + key.size());
    return offset;
}

std::string_view KeyHeap::at(std::uint32_t offset) const noexcept {
    std::string_view key;
    (void)heap_key(bytes_, offset, key);
    return key;
}

bool heap_key(std::span<const std::byte> heap, std::uint32_t offset, std::string_view& key) noexcept {
    std::uint16_t size = 0;
    if (heap.size() < sizeof(size) || offset > heap.size() - sizeof(size)) return false;
    std::memcpy(&size, heap.data() + offset, sizeof(size));
    if (size > heap.size() - sizeof(size) - offset) return false;
    key = {reinterpret_cast<const char*>(heap.data()) + offset + sizeof(size), size};
    return true;
}

void ZoneMapBuilder::note(const Record& record) {
    if (current_.count == 0) {
        first_ = last_ = record.key;
        current_ = {.version_min = record.version, .version_max = record.version};
    } else if (record.key < first_) {
        first_ = record.key;
    } else if (record.key > last_) {
        last_ = record.key;
    }
    current_.version_min = std::min(current_.version_min, record.version);
    current_.version_max = std::max(current_.version_max, record.version);
    current_.superseded_max = std::max(current_.superseded_max, record.superseded);
    ++current_.count;
}

void ZoneMapBuilder::end_block(std::uint32_t unit, std::uint32_t bytes) {
    current_.first_prefix = key_prefix(first_);
    current_.last_prefix = key_prefix(last_);
    // A key that goes through many blocks lies in the heap once.
    const bool goes_on = !zones_.empty() && heap_.at(zones_.back().last_key) == first_;
    current_.first_key = goes_on ? zones_.back().last_key : heap_.add(first_);
    current_.last_key = first_ == last_ ? current_.first_key : heap_.add(last_);
    current_.child = unit;
    current_.bytes = bytes;
    zones_.push_back(current_);
    current_ = {};
}

std::vector<Zone> ZoneMapBuilder::build() {
    std::size_t begin = 0;
    for (std::size_t end = zones_.size(); end - begin > 1; begin = end, end = zones_.size()) {
        for (std::size_t child = begin; child < end; child += Zone::kFanOut) {
            const std::size_t last = std::min(child + Zone::kFanOut, end);
            Zone zone = zones_[child];
            zone.child = static_cast<std::uint32_t>(child);
            zone.count = static_cast<std::uint32_t>(last - child);
            zone.bytes = 0;
            for (std::size_t i = child + 1; i < last; ++i) {
                const Zone& each = zones_[i];
                if (heap_.at(each.first_key) < heap_.at(zone.first_key)) {
                    zone.first_key = each.first_key;
                    zone.first_prefix = each.first_prefix;
                }
                if (heap_.at(each.last_key) > heap_.at(zone.last_key)) {
                    zone.last_key = each.last_key;
                    zone.last_prefix = each.last_prefix;
                }
                zone.version_min = std::min(zone.version_min, each.version_min);
                zone.version_max = std::max(zone.version_max, each.version_max);
                zone.superseded_max = std::max(zone.superseded_max, each.superseded_max);
            }
            zones_.push_back(zone);
        }
    }
    return std::move(zones_);
}

std::size_t zone_count(std::size_t blocks) noexcept {
    std::size_t count = blocks;
    for (std::size_t level = blocks; level > 1;) {
        level = (level + Zone::kFanOut - 1) / Zone::kFanOut;
        count += level;
    }
    return count;
}

bool ZoneMap::plausible(std::uint64_t units) const noexcept {
    if (zones_.size() != zone_count(blocks_)) return false;
    std::size_t begin = 0, end = blocks_;  // of the level below
    std::string_view key;
    for (std::size_t i = 0; i < zones_.size(); ++i) {
        const Zone& zone = zones_[i];
        if (!heap_key(heap_, zone.first_key, key) || key_prefix(key) != zone.first_prefix) return false;
        if (!heap_key(heap_, zone.last_key, key) || key_prefix(key) != zone.last_prefix) return false;
        if (i < blocks_) {
            if (zone.count == 0 || zone.child >= units || (i > 0 && zone.child <= zones_[i - 1].child)) return false;
            continue;
        }
        const std::size_t level = (end - begin + Zone::kFanOut - 1) / Zone::kFanOut;
        const std::size_t child = begin + (i - end) * Zone::kFanOut;
        if (zone.child != child || zone.count != std::min(Zone::kFanOut, end - child)) return false;
        if (i + 1 == end + level) begin = end, end += level;
    }
    return true;
}

bool ZoneMap::may_hold(const Zone& zone, const Box& box) const noexcept {
    if (zone.version_min > box.upto || zone.version_max <= box.after || zone.superseded_max <= box.alive_at) {
        return false;
    }
    const std::uint64_t begin = key_prefix(box.begin);
    if (zone.last_prefix < begin || (zone.last_prefix == begin && last_key(zone) < box.begin)) return false;
    if (box.end.empty()) return true;
    const std::uint64_t end = key_prefix(box.end);
    return zone.first_prefix < end || (zone.first_prefix == end && first_key(zone) < box.end);
}

std::size_t ZoneMap::next(std::size_t from, const Box& box) const noexcept {
    // Up while the subtree is exhausted or misses the box, down into the first child that may hold something. Levels
    // are found by counting, as zones of a level lie side by side.
    std::size_t begin = 0;  // of the level
    std::size_t count = blocks_;  // of the level
    std::size_t i = from;  // within the level
    std::size_t heights[8], begins[8];
    unsigned level = 0;
    for (;;) {
        if (i >= count) return blocks_;
        if (may_hold(zones_[begin + i], box)) {
            if (level == 0) return i;
            --level;
            i *= Zone::kFanOut;
            count = heights[level];
            begin = begins[level];
            continue;
        }
        ++i;
        // At the first child of a parent the parent may spare looking at its children, unless that is the root.
        while (i % Zone::kFanOut == 0 && i < count && level + 1 < std::size(heights) && count > Zone::kFanOut) {
            heights[level] = count;
            begins[level] = begin;
            begin += count;
            count = (count + Zone::kFanOut - 1) / Zone::kFanOut;
            i /= Zone::kFanOut;
            ++level;
        }
    }
}

std::size_t ZoneMap::find(std::string_view key) const noexcept {
    const std::uint64_t prefix = key_prefix(key);
    std::size_t low = 0, high = blocks_;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const Zone& zone = zones_[middle];
        if (zone.last_prefix < prefix || (zone.last_prefix == prefix && last_key(zone) < key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace zverse::cold
