// SettledChanges: the part of a cursor over changes that has settled, in the order of versions.
//
// A stretch of versions of one tree is read in one of two ways:
//
//   places   the nearest records are found and looked up one by one (cold/tree_records.h): as many as memory has places
//            for, usually all there are. A wide stretch is read so far only, so who stops early pays for one pass, and
//            nothing is written
//   sorted   who goes on behind that gets all of the rest sorted at once, on the disk if need be (cold/changes_sort.h):
//            window by window each would be a pass over what is left
//
// Where there is no disk for it, because the store was opened read-only, or it is full or fails, it goes on window by
// window: slower, and right.
//
// Places are held with their tree until they are passed. Any tree has the records of the stretch, since the cursor pins
// them: so after the end of a window, or when one is lost, the next one may be read in another tree.
//
// Threads: one at a time; called active, not pinned: a pass may take long, and pins would hold up the rings.
#pragma once

#include <cold/changes_sort.h>
#include <cold/tree_records.h>
#include <engine/engine.h>
#include <engine/entry_batch.h>
#include <zverse/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::engine {

class SettledChanges {
public:
    /// `keys` must stay.
    SettledChanges(Engine& engine, const KeyRange& keys, const ScanOptions& options);

    /// From now on the versions of `wanted`, out of a tree. Only without a window.
    void begin(std::shared_ptr<const cold::Tree> tree, cold::VersionStretch wanted) noexcept;
    /// Whether it is on its way.
    [[nodiscard]] bool has_window() const noexcept { return has_window_; }
    /// What was not yet delivered of it.
    [[nodiscard]] const cold::VersionStretch& rest() const noexcept { return rest_; }
    /// Adds whole versions to an empty batch until it has `batch_bytes`; may add none. After an error the batch is
    /// empty and there is no window: a later begin() goes on with the rest. Errors: corrupt, io, full, closed.
    [[nodiscard]] Result<void> fill(EntryBatch& batch, std::size_t batch_bytes);

private:
    [[nodiscard]] Result<void> open_window();
    [[nodiscard]] Result<void> find_places();
    [[nodiscard]] Result<void> sort_rest();
    [[nodiscard]] Result<void> take_places(EntryBatch& batch, std::size_t batch_bytes);
    [[nodiscard]] Result<void> take_sorted(EntryBatch& batch, std::size_t batch_bytes);
    [[nodiscard]] bool should_sort() const noexcept;
    [[nodiscard]] bool ends_batch(const EntryBatch& batch, std::size_t batch_bytes) const noexcept;
    [[nodiscard]] cold::KeySpan keys() const noexcept;
    void pass(Version version) noexcept;
    void end_window() noexcept;

    Engine& engine_;
    const KeyRange& keys_;
    const bool reverse_, keys_only_;
    const std::uint64_t limit_;  ///< 0: none
    std::uint64_t added_ = 0;
    bool has_window_ = false;
    bool went_on_ = false;  ///< behind a window of places
    bool can_spill_ = true;
    cold::VersionStretch rest_;
    std::shared_ptr<const cold::Tree> tree_;  ///< of the window; null once it is sorted
    cold::VersionStretch window_;  ///< of the places
    std::vector<cold::RecordPlace> places_;
    std::size_t next_place_ = 0;
    bool found_ = false;  ///< the places
    std::unique_ptr<cold::ChangesSort> sort_;
    std::string key_;
};

}  // namespace zverse::engine
