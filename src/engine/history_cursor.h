// HistoryCursor: every record of one key with a version in a range, newest first (reversed: oldest first).
//
// Above the floor everything is kept. Of what is not above it merges forget one record now and another later, so only
// the state as of the floor is shown, which is kept as long as the cursor holds it: a history has no gaps.
//
// What has settled is read on from refill to refill while the tree is the same, which is held for that, as a scan does.
#pragma once

#include <cold/key_history.h>
#include <engine/cursor_state.h>

#include <memory>
#include <optional>
#include <string>

namespace zverse::engine {

class HistoryCursor final : public BatchCursor {
public:
    /// Versions (after, upto]; `upto` is resolved. `floor`: where it was when `pin` was made, if above `after`.
    HistoryCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, Version floor, std::string_view key,
                  VersionRange versions, const ScanOptions& options);

protected:
    [[nodiscard]] Result<void> refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) override;

private:
    [[nodiscard]] Result<void> add_base(hot::WriterSlot& slot, const warm::View& view);
    [[nodiscard]] Result<void> refill_range(hot::WriterSlot& slot, const warm::View& view, std::size_t entries);
    void refill_newest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries);
    void refill_oldest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries);
    [[nodiscard]] Result<void> refill_settled(const warm::View& view, std::size_t entries);
    [[nodiscard]] Result<void> open_settled(const warm::View& view);
    [[nodiscard]] Result<void> add_settled(std::size_t entries);
    [[nodiscard]] hot::Found older(hot::WriterSlot& slot, const hot::Found& found, Version cut);
    void add(const hot::Found& found);

    const std::string key_;
    const std::uint64_t hash_;
    const VersionRange versions_;
    const Version floor_;
    bool base_left_;  ///< the state as of the floor is still to be shown
    Version after_;  ///< of the range above the floor
    Version upto_;
    bool range_left_;
    std::shared_ptr<const cold::Tree> tree_;  ///< of settled_
    std::optional<cold::KeyHistory> settled_;
};

}  // namespace zverse::engine
