// HistoryCursor: every record of one key with a version in a range, newest first (reversed: oldest first).
#pragma once

#include <engine/cursor_state.h>

#include <string>

namespace zverse::engine {

class HistoryCursor final : public BatchCursor {
public:
    /// Versions (after, upto]; `upto` is resolved.
    HistoryCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, std::string_view key, VersionRange versions,
                  const ScanOptions& options);

protected:
    [[nodiscard]] Result<void> refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) override;

private:
    [[nodiscard]] Result<void> refill_range(hot::WriterSlot& slot, const warm::View& view, std::size_t entries);
    void refill_newest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries);
    void refill_oldest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries);
    [[nodiscard]] Result<void> refill_settled(const warm::View& view, std::size_t entries);
    [[nodiscard]] hot::Found older(hot::WriterSlot& slot, const hot::Found& found, Version cut);
    void add(const hot::Found& found);

    const std::string key_;
    const std::uint64_t hash_;
    Version after_;
    Version upto_;
};

}  // namespace zverse::engine
