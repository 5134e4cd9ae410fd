// CursorState: what a Cursor is inside.
//
// A cursor reads a batch at a time: pin, load the view, copy the next entries out, unpin. Between batches it holds no
// pin and no ring space, only its place by (key, version), so an idle cursor costs nobody anything, and a view may
// change under it: as of its fixed version every view gives the same answer.
#pragma once

#include <engine/engine.h>
#include <zverse/store.h>

#include <algorithm>
#include <cstdint>
#include <memory>
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

/// Entries copied out of the rings: one arena, and where each entry lies in it.
class EntryBatch {
public:
    void clear() noexcept {
        arena_.clear();
        places_.clear();
        next_ = 0;
    }
    /// Room for `entries` entries of about `bytes_each`, as far as one batch goes.
    void reserve(std::size_t entries, std::size_t bytes_each) {
        places_.reserve(entries);
        arena_.reserve(std::min(entries * bytes_each, kReservedBytesMax));
    }
    void add(std::string_view key, std::string_view value, Version version, bool tombstone) {
        places_.push_back({arena_.size(), key.size(), value.size(), version, tombstone});
        arena_.append(key).append(value);
    }
    [[nodiscard]] bool take(Entry& entry) noexcept {
        if (next_ == places_.size()) return false;
        entry = at(next_++);
        return true;
    }
    [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return arena_.size(); }
    [[nodiscard]] Entry last() const noexcept { return at(places_.size() - 1); }

private:
    struct Place {
        std::size_t offset, key_bytes, value_bytes;
        Version version;
        bool tombstone;
    };
    [[nodiscard]] Entry at(std::size_t i) const noexcept {
        const Place& place = places_[i];
        const std::string_view all = arena_;
        return {all.substr(place.offset, place.key_bytes),
                all.substr(place.offset + place.key_bytes, place.value_bytes), place.version, place.tombstone};
    }
    static constexpr std::size_t kReservedBytesMax = 64 << 10;

    std::string arena_;
    std::vector<Place> places_;
    std::size_t next_ = 0;
};

/// A cursor over the store that refills its batch, as of a version; `pin` holds all that it shows against the floor.
class BatchCursor : public CursorState {
public:
    BatchCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, Version as_of, const ScanOptions& options)
        : engine_(std::move(engine)),
          as_of_(as_of),
          options_(options),
          batch_bytes_(engine_->memory().cursor_batch_bytes),
          pin_(std::move(pin)) {}

    [[nodiscard]] Result<bool> next() override;
    [[nodiscard]] Result<bool> seek(std::string_view key) override;
    void lose_place() noexcept override {
        CursorState::lose_place();
        batch_.clear();
    }

protected:
    /// Copies out at most `entries` entries (or a few more) behind the place, and moves it; sets done_ at the end.
    /// Called active and pinned. May leave the batch empty without being done.
    [[nodiscard]] virtual Result<void> refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) = 0;
    /// Scans only: puts the place just before `key`.
    [[nodiscard]] virtual Result<void> place_at(std::string_view key);
    /// What to do before pinning, e.g. shortening the uncovered tail.
    virtual void prepare() {}

    std::shared_ptr<Engine> engine_;
    const Version as_of_;
    const ScanOptions options_;
    const std::size_t batch_bytes_;  ///< a batch ends behind it
    EntryBatch batch_;
    bool done_ = false;

private:
    VersionPins::Pin pin_;
    std::uint64_t delivered_ = 0;
    std::size_t batch_entries_ = 16;
};

}  // namespace zverse::engine
