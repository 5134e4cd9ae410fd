#include <cold/tree_scan.h>
#include <platform/merge_heap.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

Result<TreeScan> TreeScan::open(const Tree& tree, KeySpan keys, Version as_of, bool reverse) {
    TreeScan scan(reverse);
    tree.for_each_at(as_of, [&](const Component& component) {
        if (component.version_min() > as_of || component.superseded_max() <= as_of) return true;
        scan.heap_.push_back({0, component.kind() == SegmentKind::live
                                     ? live_cursor(component, keys, as_of, reverse)
                                     : history_cursor(component, keys, as_of, reverse)});
        return true;
    });
    if (auto placed = scan.place_cursors(); !placed) return std::unexpected(std::move(placed.error()));
    if (auto settled = scan.settle(); !settled) return std::unexpected(std::move(settled.error()));
    return scan;
}

Result<void> TreeScan::place_cursors() {
    for (unsigned round = 0; round < ComponentCursor::kPlaceRounds; ++round) {
        for (const Source& source : heap_) {
            if (auto placed = source.cursor->place(round); !placed) return placed;
        }
    }
    std::erase_if(heap_, [](const Source& source) { return !source.cursor->valid(); });
    for (Source& source : heap_) source.order = order_of(*source.cursor);
    platform::make_merge_heap(heap_, order());
    return {};
}

bool TreeScan::before_by_key(const ComponentCursor& a, const ComponentCursor& b) const noexcept {
    const auto order = a.key() <=> b.key();
    if (order != 0) return (order < 0) != reverse_;
    return a.record().version > b.record().version;
}

Result<void> TreeScan::advance_top() {
    Source& top = heap_[0];
    if (auto moved = top.cursor->next(); !moved) return moved;
    const bool left = top.cursor->valid();
    if (left) top.order = order_of(*top.cursor);
    platform::settle_top(heap_, left, order());
    return {};
}

/// Whether another component has the first key, too: then it is right below the top of the heap.
bool TreeScan::others_have_key() const noexcept {
    for (std::size_t i = 1; i < std::min<std::size_t>(heap_.size(), 3); ++i) {
        if (heap_[i].order == heap_[0].order && heap_[i].cursor->key() == heap_[0].cursor->key()) return true;
    }
    return false;
}

/// Passes tombstones and what they and newer versions cover.
Result<void> TreeScan::settle() {
    current_ = nullptr;
    while (!heap_.empty()) {
        ComponentCursor& top = *heap_[0].cursor;
        if (!top.record().tombstone) {
            current_ = &top;
            return {};
        }
        if (auto passed = pass_key(); !passed) return passed;
    }
    return {};
}

/// Passes the first key: in the other components older versions of it are passed, too.
Result<void> TreeScan::pass_key() {
    if (!others_have_key()) return advance_top();
    passed_ = heap_[0].cursor->key();
    while (!heap_.empty() && heap_[0].cursor->key() == passed_) {
        if (auto moved = advance_top(); !moved) return moved;
    }
    return {};
}

Result<void> TreeScan::next() {
    if (heap_.size() == 1) {
        // A component has a key once.
        do {
            if (auto moved = current_->next(); !moved) return moved;
        } while (current_->valid() && current_->record().tombstone);
        if (current_->valid()) return {};
        heap_.clear();
        current_ = nullptr;
        return {};
    }
    if (auto passed = pass_key(); !passed) return passed;
    return settle();
}

}  // namespace zverse::cold
