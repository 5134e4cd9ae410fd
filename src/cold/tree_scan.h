// TreeScan: the records of a key range that are alive as of a version, in key order, out of all components.
//
// Data flow: a cursor for each component that can hold an answer -> merged by key -> of each key the newest version,
// unless it is a tombstone. Live components are in key order. A history component is in the order of its curve: its
// cursor takes the columns of the curve a few at a time, collects what matches and sorts it.
//
// A scan refers to segments by pointer: the tree it was made from must stay.
#pragma once

#include <cold/component.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// Keys: [begin, end), no end when absent.
struct KeySpan {
    std::string_view begin;
    std::optional<std::string_view> end;
};

/// One component's matches in key order, or the reverse.
class ComponentCursor {
public:
    virtual ~ComponentCursor() = default;
    /// Places one that is to be placed on its first match, in rounds 0 .. kPlaceRounds - 1: each ends with prefetches
    /// of what the next one reads, so that a scan that takes one round of all its cursors after the other waits for
    /// their misses together. Errors: corrupt, full (memory).
    static constexpr unsigned kPlaceRounds = 4;
    [[nodiscard]] virtual Result<void> place(unsigned /*round*/) { return {}; }
    /// Whether there is a match; the fields below say which.
    [[nodiscard]] bool valid() const noexcept { return segment_ != nullptr; }
    [[nodiscard]] std::string_view key() const noexcept { return key_; }
    [[nodiscard]] std::uint64_t prefix() const noexcept { return prefix_; }  ///< of the key
    [[nodiscard]] const StoredRecord& record() const noexcept { return record_; }
    [[nodiscard]] const Segment& segment() const noexcept { return *segment_; }
    /// Moves to the next match. Errors: corrupt.
    [[nodiscard]] virtual Result<void> next() = 0;

protected:
    void set_key(std::string_view key) noexcept {
        key_ = key;
        prefix_ = key_prefix(key);
    }

    std::string_view key_;
    std::uint64_t prefix_ = 0;
    StoredRecord record_;
    const Segment* segment_ = nullptr;
};

/// Over the records of a live component with a version <= `upto`; one for each key. To be placed.
[[nodiscard]] std::unique_ptr<ComponentCursor> live_cursor(const Component& component, KeySpan keys, Version upto,
                                                           bool reverse);
/// Over the records of a history component alive at `v`; one for each key. To be placed.
[[nodiscard]] std::unique_ptr<ComponentCursor> history_cursor(const Component& component, KeySpan keys, Version v,
                                                              bool reverse);

class TreeScan {
public:
    /// Placed on the first record. Errors: corrupt.
    [[nodiscard]] static Result<TreeScan> open(const Tree& tree, KeySpan keys, Version as_of, bool reverse);

    [[nodiscard]] bool valid() const noexcept { return current_ != nullptr; }
    [[nodiscard]] std::string_view key() const noexcept { return current_->key(); }
    [[nodiscard]] Version version() const noexcept { return current_->record().version; }
    /// Valid until next(), or as long as the tree is held: value_stays(). Errors: corrupt, io, full (memory).
    [[nodiscard]] Result<std::string_view> value() {
        return current_->segment().value(current_->record(), value_hold_);
    }
    /// Whether the value lies there as long as the tree is held, not only until next().
    [[nodiscard]] bool value_stays() const noexcept { return current_->segment().keeps(current_->record()); }
    [[nodiscard]] Result<void> next();

private:
    /// A component, and what most comparisons end with: the beginning of its key, complemented when reversed.
    struct Source {
        std::uint64_t order;
        std::unique_ptr<ComponentCursor> cursor;
    };

    explicit TreeScan(bool reverse) noexcept : reverse_(reverse) {}
    [[nodiscard]] Result<void> place_cursors();
    [[nodiscard]] Result<void> settle();
    [[nodiscard]] std::uint64_t order_of(const ComponentCursor& cursor) const noexcept {
        return reverse_ ? ~cursor.prefix() : cursor.prefix();
    }
    [[nodiscard]] bool before(const Source& a, const Source& b) const noexcept {
        return a.order != b.order ? a.order < b.order : before_by_key(*a.cursor, *b.cursor);
    }
    [[nodiscard]] bool before_by_key(const ComponentCursor& a, const ComponentCursor& b) const noexcept;
    [[nodiscard]] auto order() const noexcept {
        return [this](const Source& a, const Source& b) { return before(a, b); };
    }
    [[nodiscard]] bool others_have_key() const noexcept;
    [[nodiscard]] Result<void> advance_top();
    [[nodiscard]] Result<void> pass_key();

    std::string passed_;  ///< keeps its memory
    bool reverse_;
    BlockHold value_hold_;
    std::vector<Source> heap_;  ///< by key, of one key the newest version first
    ComponentCursor* current_ = nullptr;  ///< the heap's top
};

}  // namespace zverse::cold
