#include <engine/history_cursor.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace zverse::engine {

HistoryCursor::HistoryCursor(std::shared_ptr<Engine> engine, std::string_view key, Version after, Version upto,
                             const ScanOptions& options)
    : BatchCursor(std::move(engine), upto, options),
      key_(key),
      hash_(engine_->tier().hash(key)),
      after_(after),
      upto_(upto) {
    done_ = after_ >= upto_;
}

void HistoryCursor::add(const hot::Found& found) {
    batch_.add(found.key(), options_.keys_only ? std::string_view{} : found.value(), found.version, found.tombstone());
}

hot::Found HistoryCursor::older(hot::WriterSlot& slot, const hot::Found& found, Version cut) {
    hot::Tier& tier = engine_->tier();
    return tier.find_from(slot, tier.rings().previous(*found.op), key_, found.version - 1, cut);
}

Result<void> HistoryCursor::refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    if (options_.reverse) {
        refill_oldest_first(slot, view, entries);
    } else {
        refill_newest_first(slot, view, entries);
    }
    return {};
}

void HistoryCursor::refill_newest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    hot::Found found = engine_->tier().find(slot, key_, hash_, upto_, view.cut);
    while (found && found.version > after_) {
        if (batch_.size() >= entries || batch_.bytes() >= kBatchBytes) return;
        add(found);
        upto_ = found.version - 1;
        found = older(slot, found, view.cut);
    }
    done_ = true;
}

/// A chain leads from new to old only: walk it, remember the last few places, and hand them out backwards.
void HistoryCursor::refill_oldest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    std::vector<hot::Found> oldest(entries);
    std::size_t seen = 0;
    for (hot::Found found = engine_->tier().find(slot, key_, hash_, upto_, view.cut); found && found.version > after_;
         found = older(slot, found, view.cut)) {
        oldest[seen++ % entries] = found;
    }
    done_ = seen <= entries;
    for (std::size_t taken = 0; taken < std::min(seen, entries); ++taken) {
        if (batch_.bytes() >= kBatchBytes) {
            done_ = false;
            return;
        }
        const hot::Found& found = oldest[(seen - 1 - taken) % entries];
        add(found);
        after_ = found.version;
    }
}

}  // namespace zverse::engine
