// ScanCursor: live keys of a range in key order, merged from runs, the rings' uncovered tails and
// what has settled.
#pragma once

#include <cold/tree_scan.h>
#include <engine/cursor_state.h>
#include <warm/run.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zverse::engine {

class ScanCursor final : public BatchCursor {
public:
    ScanCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, KeyRange range, Version as_of,
               const ScanOptions& options);

protected:
    [[nodiscard]] Result<void> refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) override;
    [[nodiscard]] Result<void> place_at(std::string_view key) override;
    [[nodiscard]] Result<void> prepare() override;
    void lose_place() noexcept override {
        BatchCursor::lose_place();
        settled_.reset();
    }

private:
    /// A sorted list being merged; `next` moves by `step_`.
    struct Source {
        const warm::RunEntry* next;
        std::size_t left;  ///< entries from `next` on
    };

    void collect_tails(hot::WriterSlot& slot, const warm::View& view);
    void open_sources(const warm::View& view);
    /// Part of a sorted list, `near` the place: where its first entry behind the place is, or right behind that.
    struct List {
        std::span<const warm::RunEntry> all;
        std::span<const warm::RunEntry> near;
    };
    void add_source(const List& list, const warm::Probe& place);
    [[nodiscard]] bool before(const Source& a, const Source& b) const noexcept;
    template <class Pass>
    const warm::RunEntry* pass_top(const Pass& pass) noexcept;
    void settle_top() noexcept;
    const warm::RunEntry* advance_top(const warm::RunEntry& entry, bool chosen) noexcept;
    void choose(const warm::RunEntry& entry);
    void pick(const warm::View& view, std::size_t entries);
    [[nodiscard]] bool beyond_range(const warm::RunEntry& entry) const noexcept;
    [[nodiscard]] bool in_place(std::string_view key) const noexcept;
    [[nodiscard]] Result<void> open_settled(const warm::View& view);
    [[nodiscard]] Result<void> fill(std::size_t entries);
    [[nodiscard]] Result<void> add_settled(std::size_t entries);
    [[nodiscard]] bool settled_left() const noexcept { return settled_ && settled_->valid(); }
    /// Of the picked entries and what has settled, whose key comes first: below 0, the picked one; 0: both.
    [[nodiscard]] int first_of(std::strong_ordering picked_to_settled) const noexcept {
        const int order = picked_to_settled < 0 ? -1 : picked_to_settled > 0 ? 1 : 0;
        return options_.reverse ? -order : order;
    }
    void add_picked(const warm::RunEntry& entry, std::string_view& last);

    const KeyRange range_;
    const std::ptrdiff_t step_;
    std::string place_;       ///< the key to go on from
    bool inclusive_ = true;   ///< whether place_ itself is still to come
    bool unbounded_;          ///< reversed, and no upper bound yet

    /// Memory of one refill, kept by the thread: most scans are one refill long.
    struct Scratch {
        std::vector<warm::RunEntry> tail;
        std::vector<List> lists;
        std::vector<Source> heap;
        std::vector<warm::RunEntry> picked;
        std::uint64_t looked_at = 0;  ///< entries, to pick some
    };
    Scratch* scratch_ = nullptr;  ///< during a refill
    bool exhausted_ = false;
    std::shared_ptr<const cold::Tree> tree_;  ///< that settled_ is over, and in which entries of the batch lie
    std::optional<cold::TreeScan> settled_;   ///< stands on the first key behind the place that has settled
};

}  // namespace zverse::engine
