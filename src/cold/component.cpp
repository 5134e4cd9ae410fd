#include <cold/component.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace zverse::cold {

Component::Component(Parts parts, std::string begin) : parts_(std::move(parts)), begin_(std::move(begin)) {
    for (const auto& part : parts_) {
        ends_.push_back({key_prefix(part->first_key()), key_prefix(part->last_key())});
        const SegmentHeader& header = part->header();
        version_min_ = std::min(version_min_, header.version_min);
        version_max_ = std::max(version_max_, header.version_max);
        superseded_max_ = std::max(superseded_max_, header.superseded_max);
        bytes_ += header.file_bytes;
        records_ += header.records;
    }
}

std::size_t Component::part_from(std::string_view key) const noexcept {
    const std::uint64_t prefix = key_prefix(key);
    std::size_t low = 0, high = parts_.size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const std::uint64_t last = ends_[middle].last;
        if (last < prefix || (last == prefix && parts_[middle]->last_key() < key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const Segment* Component::part_of(std::string_view key) const noexcept {
    if (!begin_.empty() && key < begin_) return nullptr;
    const std::size_t part = part_from(key);
    if (part == parts_.size()) return nullptr;
    const std::uint64_t prefix = key_prefix(key), first = ends_[part].first;
    if (prefix < first || (prefix == first && key < parts_[part]->first_key())) return nullptr;
    return parts_[part].get();
}

bool is_next_part(std::uint64_t component, const Segment* before, const Segment& part) noexcept {
    const SegmentHeader& header = part.header();
    if (header.component != component) return false;
    if (before == nullptr) return true;
    const SegmentHeader& last = before->header();
    return last.kind == header.kind && last.level == header.level && last.slab_after == header.slab_after &&
           last.slab_upto == header.slab_upto && before->last_key() < part.first_key();
}

Tree::Tree(Components components, std::uint64_t hash_seed) : hash_seed_(hash_seed) {
    std::map<std::uint32_t, Components> history;
    for (auto& component : components) {
        Components& into = component->kind() == SegmentKind::live ? live_ : history[component->level()];
        into.push_back(std::move(component));
    }
    std::ranges::sort(live_, std::ranges::greater(), [](const auto& each) { return each->slab_after(); });
    for (auto& [level, each] : history) {
        std::ranges::sort(each, std::ranges::less(), [](const auto& one) { return one->slab_after(); });
        history_.push_back(std::move(each));
    }
}

Tree::Components Tree::all() const {
    Components all = live_;
    for (const Components& level : history_) all.insert(all.end(), level.begin(), level.end());
    return all;
}

/// What is superseded at the slab's end is over as of it, so that version is not held.
const Component* Tree::holding(const Components& level, Version v) noexcept {
    const auto behind = std::ranges::lower_bound(level, v, {}, [](const auto& each) { return each->slab_after(); });
    if (behind == level.begin()) return nullptr;
    const Component& component = **(behind - 1);
    return v < component.slab_upto() ? &component : nullptr;
}

void Tree::prefetch(std::string_view key, std::uint64_t hash) const noexcept {
    for (const auto& component : live_) {
        if (const Segment* part = component->part_of(key)) part->prefetch(hash);
    }
}

void Tree::prefetch_records(std::string_view key, std::uint64_t hash) const noexcept {
    for (const auto& component : live_) {
        if (const Segment* part = component->part_of(key)) part->prefetch_records(hash);
    }
}

Result<void> Tree::find(std::string_view key, std::uint64_t hash, Version as_of, Hit& hit) const {
    // Rounds over a group of candidates, so that their misses are in flight together: index lines, records, answers.
    constexpr std::size_t kGroup = 16;
    std::array<const Segment*, kGroup> group;  // NOLINT(cppcoreguidelines-pro-type-member-init): only `count` are read
    std::size_t count = 0;
    const auto ask_group = [&]() -> Result<void> {
        for (std::size_t i = 0; count > 1 && i < count; ++i) group[i]->prefetch_records(hash);
        for (std::size_t i = 0; i < count; ++i) {
            // A hit is no end: in a newer slab, whose live record came after `as_of`, an older one may be history.
            if (group[i]->header().version_max <= hit.record.version) continue;
            if (auto asked = group[i]->find(key, hash, as_of, hit); !asked) return asked;
        }
        count = 0;
        return {};
    };
    Result<void> result;
    for_each_at(as_of, [&](const Component& component) {
        if (component.version_max() <= hit.record.version) return true;
        const Segment* part = component.part_of(key);
        if (part == nullptr || part->header().version_min > as_of) return true;
        part->prefetch(hash);
        group[count++] = part;
        if (count == kGroup) result = ask_group();
        return result.has_value();
    });
    if (result) result = ask_group();
    if (result && hit.record.superseded <= as_of) hit = {};
    return result;
}

}  // namespace zverse::cold
