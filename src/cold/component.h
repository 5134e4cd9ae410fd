// Components: what one flush or merge made of one kind, as segments by key range; and the tree of all of them.
//
// A component stands for a slab of versions. Live ones hold what nothing in their slab supersedes, history ones what
// was superseded inside it. Slabs of live components follow each other, and so do those of the history components of
// a level.
//
// Invariant T1: a record with version <= cut is in exactly one component that answers for its key, unless retention
// dropped it; and a read as of v finds it in a live component, or in the one history component of each level whose slab
// holds v.
#pragma once

#include <cold/segment.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// Immutable. Its parts are consecutive and ascending in keys.
class Component {
public:
    using Parts = std::vector<std::shared_ptr<const Segment>>;

    /// At least one part. `begin`: keys below it are answered by what replaced them.
    Component(Parts parts, std::string begin);

    [[nodiscard]] std::uint64_t id() const noexcept { return header().component; }
    [[nodiscard]] SegmentKind kind() const noexcept { return header().kind; }
    [[nodiscard]] std::uint32_t level() const noexcept { return header().level; }
    [[nodiscard]] Version slab_after() const noexcept { return header().slab_after; }
    [[nodiscard]] Version slab_upto() const noexcept { return header().slab_upto; }
    [[nodiscard]] Version version_min() const noexcept { return version_min_; }
    [[nodiscard]] Version version_max() const noexcept { return version_max_; }
    [[nodiscard]] Version superseded_max() const noexcept { return superseded_max_; }
    [[nodiscard]] const Parts& parts() const noexcept { return parts_; }
    /// It answers for keys from here on.
    [[nodiscard]] const std::string& begin() const noexcept { return begin_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

    /// The part that may hold the key; null when none does.
    [[nodiscard]] const Segment* part_of(std::string_view key) const noexcept;
    /// Index of the first part whose last key is not below `key`; parts().size() when there is none.
    [[nodiscard]] std::size_t part_from(std::string_view key) const noexcept;

private:
    /// Beginnings of keys, beside each other: most comparisons end with them.
    struct KeyEnds {
        std::uint64_t first, last;
    };
    [[nodiscard]] const SegmentHeader& header() const noexcept { return parts_.front()->header(); }

    Parts parts_;
    std::vector<KeyEnds> ends_;  ///< of each part
    std::string begin_;
    Version version_min_ = kOpen, version_max_ = 0, superseded_max_ = 0;
    std::uint64_t bytes_ = 0, records_ = 0;
};

/// Whether `part` is one of a component and may follow `before`, null for the first part.
[[nodiscard]] bool is_next_part(std::uint64_t component, const Segment* before, const Segment& part) noexcept;

/// All components, immutable; part of a view.
class Tree {
public:
    using Components = std::vector<std::shared_ptr<const Component>>;

    Tree() = default;
    /// `hash_seed`: of the store, see segment_checksum.h.
    Tree(Components components, std::uint64_t hash_seed);

    /// Newest slab first.
    [[nodiscard]] const Components& live() const noexcept { return live_; }
    /// By level, those without any left out; in each ascending by slab.
    [[nodiscard]] const std::vector<Components>& history() const noexcept { return history_; }
    [[nodiscard]] Components all() const;
    [[nodiscard]] bool empty() const noexcept { return live_.empty() && history_.empty(); }

    [[nodiscard]] std::uint64_t hash(std::string_view key) const noexcept { return hash_key(key, hash_seed_); }
    /// Calls visit(component) for every component in which a record alive at v may be: live ones from the newest on,
    /// then at most one history component of each level. It returns false to end.
    template <class Visit>
    void for_each_at(Version v, Visit&& visit) const {
        for (const auto& component : live_) {
            if (component->slab_after() < v && !visit(*component)) return;
        }
        for (const Components& level : history_) {
            const Component* holder = holding(level, v);
            if (holder != nullptr && !visit(*holder)) return;
        }
    }

    /// Starts loading what find() of the key will look into: the lines of the indexes, and, once they are there, those
    /// of the records that they name.
    void prefetch(std::string_view key, std::uint64_t hash) const noexcept;
    void prefetch_records(std::string_view key, std::uint64_t hash) const noexcept;

    using Hit = Segment::Hit;
    /// Puts the newest record of `key` with a version <= `as_of`, tombstones too, into `hit`, which is empty; nothing
    /// when its life ended before.
    [[nodiscard]] Result<void> find(std::string_view key, std::uint64_t hash, Version as_of, Hit& hit) const;

private:
    [[nodiscard]] static const Component* holding(const Components& level, Version v) noexcept;

    Components live_;
    std::vector<Components> history_;
    std::uint64_t hash_seed_ = 0;
};

}  // namespace zverse::cold
