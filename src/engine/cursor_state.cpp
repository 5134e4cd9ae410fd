#include <engine/cursor_state.h>

#include <algorithm>
#include <utility>

namespace zverse::engine {

/// Counted at the end, since only then it shows how far a cursor went: many are asked for a page of a long range.
BatchCursor::~BatchCursor() {
    if (asked_ && (delivered_ > 0 || ended_)) note_query();
}

void BatchCursor::note_query() const noexcept {
    cold::QueryCounts& queries = engine_->queries();
    if (asked_->kind == cold::QueryKind::as_of) return queries.note_as_of(delivered_);
    const VersionRange all = covered();
    if (all.after >= std::min(all.upto, asked_->cut)) return;  // it found enough in the rings
    const Version settled = std::min(all.upto, asked_->cut) - all.after;
    if (asked_->kind == cold::QueryKind::history) return queries.note_history(settled);
    // About a record a version.
    const double share = static_cast<double>(delivered_) / static_cast<double>(all.upto - all.after);
    queries.note_changes(settled, asked_->all_keys ? 1 : share);
}

/// The versions that the cursor came through.
VersionRange BatchCursor::covered() const noexcept {
    VersionRange all = asked_->versions;
    if (ended_) return all;
    const bool newest_first = (asked_->kind == cold::QueryKind::history) != options_.reverse;
    if (newest_first) {
        all.after = std::max(all.after, entry_.version - 1);
    } else {
        all.upto = std::min(all.upto, entry_.version);
    }
    return all;
}

Result<bool> BatchCursor::next() {
    // What was read is shown without entering the store, but not after its closing.
    if (delivered_ < limit_ && !engine_->closed() && batch_.take(entry_)) [[likely]] {
        ++delivered_;
        return true;
    }
    return next_batch();
}

Result<bool> BatchCursor::next_batch() {
    hot::WriterSlot& slot = engine_->tier().slots().mine();
    const hot::ActiveCall call(engine_->tier());
    if (engine_->closed()) return std::unexpected(Engine::closed_error());
    if (delivered_ == limit_) return false;
    while (!batch_.take(entry_)) {
        if (lost_place_) return std::unexpected(lost_place_error());
        if (done_) {
            ended_ = true;
            return false;
        }
        batch_.clear();
        std::size_t wanted = batch_entries_;
        if (options_.limit != 0) {
            wanted = static_cast<std::size_t>(std::min<std::uint64_t>(limit_ - delivered_, kBatchEntries));
        }
        if (auto prepared = prepare(); !prepared) return std::unexpected(std::move(prepared.error()));
        if (!batch_.empty() || done_) continue;
        const hot::PinGuard pin(engine_->tier().epochs(), slot);
        if (auto filled = refill(slot, engine_->views().current(), wanted); !filled) {
            batch_.clear();  // the place is before it: the next move reads it again
            done_ = false;
            return std::unexpected(std::move(filled.error()));
        }
        batch_entries_ = std::min<std::size_t>(batch_entries_ * 4, kBatchEntries);
    }
    ++delivered_;
    return true;
}

Result<bool> BatchCursor::seek(std::string_view key) {
    {
        const hot::ActiveCall call(engine_->tier());
        if (engine_->closed()) return std::unexpected(Engine::closed_error());
        if (lost_place_) return std::unexpected(lost_place_error());
        if (auto placed = place_at(key); !placed) return std::unexpected(std::move(placed.error()));
        batch_.clear();
    }
    return next();
}

Result<void> BatchCursor::place_at(std::string_view) {
    return std::unexpected(Error(ErrorCode::invalid_argument, "seek() works on the cursor of a scan only"));
}

}  // namespace zverse::engine
