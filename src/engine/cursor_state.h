// CursorState: what a Cursor is inside.
//
// A cursor reads a batch at a time: pin, load the view, take the next entries, unpin. Between batches it holds no epoch
// and no ring space, only its place by (key, version) and, of entries that have settled, the files that they lie in. So
// an idle cursor holds nobody up, and a view may change under it: as of its fixed version every view gives the same
// answer.
#pragma once

#include <engine/engine.h>
#include <engine/entry_batch.h>
#include <zverse/store.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::engine {

class CursorState {
public:
    virtual ~CursorState() = default;
    [[nodiscard]] virtual Result<bool> next() = 0;
    [[nodiscard]] virtual Result<bool> seek(std::string_view key) = 0;
    [[nodiscard]] const Entry& entry() const noexcept { return entry_; }
    /// After an exception, which may have lost the place: from now on every move fails.
    virtual void lose_place() noexcept {
        entry_ = {};
        lost_place_ = true;
    }

protected:
    [[nodiscard]] static Error lost_place_error() {
        return Error(ErrorCode::full, "the cursor lost its place when there was no memory; make a new one");
    }

    Entry entry_;
    bool lost_place_ = false;
};

/// A cursor over the store that refills its batch, as of a version; `pin` holds all that it shows against the floor.
class BatchCursor : public CursorState {
public:
    BatchCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, Version as_of, const ScanOptions& options)
        : engine_(std::move(engine)),
          as_of_(as_of),
          options_(options),
          batch_bytes_(engine_->memory().cursor_batch_bytes),
          pin_(std::move(pin)),
          limit_(options.limit != 0 ? options.limit : std::numeric_limits<std::uint64_t>::max()) {}
    ~BatchCursor() override;

    [[nodiscard]] Result<bool> next() override;
    [[nodiscard]] Result<bool> seek(std::string_view key) override;
    void lose_place() noexcept override {
        CursorState::lose_place();
        batch_.clear();
    }
    /// It asks for history that has settled; how much of it, is counted when the cursor goes.
    struct Asked {
        cold::QueryKind kind;
        VersionRange versions;  ///< of a history or of changes
        Version cut;  ///< what has settled
        bool all_keys = false;  ///< of changes
    };
    void asks(const Asked& asked) noexcept { asked_ = asked; }

protected:
    /// Takes at most `entries` entries (or a few more) behind the place, and moves it; sets done_ at the end.
    /// Called active and pinned. May leave the batch empty without being done. What fails leaves the place as it was,
    /// so that the next move fails the same way; the batch is dropped then.
    [[nodiscard]] virtual Result<void> refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) = 0;
    /// Scans only: puts the place just before `key`.
    [[nodiscard]] virtual Result<void> place_at(std::string_view key);
    /// What to do before pinning, e.g. shortening the uncovered tail; and what takes long. Where it puts something into
    /// the batch, which is empty, there is no refill.
    [[nodiscard]] virtual Result<void> prepare() { return {}; }

    std::shared_ptr<Engine> engine_;
    const Version as_of_;
    const ScanOptions options_;
    const std::size_t batch_bytes_;  ///< a batch ends behind it
    EntryBatch batch_;
    bool done_ = false;

private:
    static constexpr std::size_t kBatchEntries = 1024;

    [[nodiscard]] Result<bool> next_batch();
    void note_query() const noexcept;
    [[nodiscard]] VersionRange covered() const noexcept;

    VersionPins::Pin pin_;
    const std::uint64_t limit_;
    std::optional<Asked> asked_;
    std::uint64_t delivered_ = 0;
    bool ended_ = false;  ///< there was no more to deliver
    std::size_t batch_entries_ = 16;
};

}  // namespace zverse::engine
