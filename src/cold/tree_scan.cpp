#include <cold/tree_scan.h>
#include <platform/merge_heap.h>

#include <utility>

namespace zverse::cold {

Result<TreeScan> TreeScan::open(const Tree& tree, KeySpan keys, Version as_of, bool reverse) {
    TreeScan scan(reverse);
    Result<void> result;
    tree.for_each_at(as_of, [&](const Component& component) {
        if (component.version_min() > as_of || component.superseded_max() <= as_of) return true;
        auto cursor = component.kind() == SegmentKind::live ? live_cursor(component, keys, as_of, reverse)
                                                            : history_cursor(component, keys, as_of, reverse);
        if (!cursor) {
            result = std::unexpected(std::move(cursor.error()));
            return false;
        }
        if ((*cursor)->valid()) scan.heap_.push_back(std::move(*cursor));
        return true;
    });
    if (!result) return std::unexpected(std::move(result.error()));
    platform::make_merge_heap(scan.heap_, scan.order());
    if (auto settled = scan.settle(); !settled) return std::unexpected(std::move(settled.error()));
    return scan;
}

bool TreeScan::before(const ComponentCursor& a, const ComponentCursor& b) const noexcept {
    if (a.prefix() != b.prefix()) return (a.prefix() < b.prefix()) != reverse_;
    const auto order = a.key() <=> b.key();
    if (order != 0) return (order < 0) != reverse_;
    return a.record().version > b.record().version;
}

Result<void> TreeScan::advance_top() {
    if (auto moved = heap_[0]->next(); !moved) return moved;
    platform::settle_top(heap_, heap_[0]->valid(), order());
    return {};
}

/// Passes tombstones and what they and newer versions cover.
Result<void> TreeScan::settle() {
    current_ = nullptr;
    while (!heap_.empty()) {
        ComponentCursor& top = *heap_[0];
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
    passed_ = heap_[0]->key();
    while (!heap_.empty() && heap_[0]->key() == passed_) {
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
