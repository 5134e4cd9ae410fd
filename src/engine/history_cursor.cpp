#include <engine/history_cursor.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace zverse::engine {

HistoryCursor::HistoryCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, Version floor, std::string_view key,
                             VersionRange versions, const ScanOptions& options)
    : BatchCursor(std::move(engine), std::move(pin), versions.upto, options),
      key_(key),
      hash_(engine_->tier().hash(key)),
      versions_(versions),
      floor_(floor),
      base_left_(versions.after < floor_ && versions.after < versions.upto),
      after_(std::max(versions.after, floor_)),
      upto_(versions.upto),
      range_left_(after_ < upto_) {
    done_ = !range_left_ && !base_left_;
}

void HistoryCursor::add(const hot::Found& found) {
    batch_.add(found.key(), options_.keys_only ? std::string_view{} : found.value(), found.version, found.tombstone());
}

hot::Found HistoryCursor::older(hot::WriterSlot& slot, const hot::Found& found, Version cut) {
    hot::Tier& tier = engine_->tier();
    return tier.find_from(slot, tier.rings().previous(*found.op), key_, found.version - 1, cut);
}

Result<void> HistoryCursor::refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    const bool base_is_next = base_left_ && (options_.reverse || !range_left_);
    auto filled = base_is_next ? add_base(slot, view) : refill_range(slot, view, entries);
    // The place moves with each entry: those that were read are shown, and the next refill fails where this one did.
    if (!filled && batch_.empty()) return filled;
    done_ = !range_left_ && !base_left_;
    return {};
}

/// The record that says what the key was as of the floor. Others that are not above it may be there or not.
Result<void> HistoryCursor::add_base(hot::WriterSlot& slot, const warm::View& view) {
    const auto asked_for = [this](Version version) { return version > versions_.after && version <= versions_.upto; };
    if (const hot::Found found = engine_->tier().find(slot, key_, hash_, floor_, view.cut)) {
        if (asked_for(found.version)) add(found);
    } else if (view.tree != nullptr) {
        cold::Tree::Hit hit;
        if (auto asked = view.tree->find(key_, view.tree->hash(key_), floor_, hit); !asked) return asked;
        if (hit && asked_for(hit.record.version)) {
            auto value = options_.keys_only ? Result<std::string_view>{} : hit.segment->value(hit.record, hit.hold);
            if (!value) return std::unexpected(std::move(value.error()));
            batch_.add(key_, *value, hit.record.version, hit.record.tombstone);
        }
    }
    base_left_ = false;
    return {};
}

Result<void> HistoryCursor::refill_range(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    // Above the cut the rings answer, up to it the tree.
    const Version settled = view.tree != nullptr ? view.cut : 0;
    if (options_.reverse) {
        if (after_ < std::min(settled, upto_)) return refill_settled(view, entries);
        refill_oldest_first(slot, view, entries);
        return {};
    }
    bool hot_done = upto_ <= settled;
    if (!hot_done) {
        refill_newest_first(slot, view, entries);
        hot_done = !range_left_;
    }
    if (!hot_done || settled <= after_) return {};
    upto_ = std::min(upto_, settled);
    range_left_ = true;
    return batch_.size() < entries ? refill_settled(view, entries) : Result<void>{};
}

/// What has settled of the range, from the place on; where the last refill ended, if the tree is the same.
Result<void> HistoryCursor::open_settled(const warm::View& view) {
    if (settled_ && view.tree == tree_) return {};
    settled_.reset();
    tree_ = view.tree;
    auto history = cold::KeyHistory::open(*tree_, key_, {after_, std::min(upto_, view.cut)}, options_.reverse);
    if (!history) return std::unexpected(std::move(history.error()));
    settled_.emplace(std::move(*history));
    return {};
}

Result<void> HistoryCursor::add_settled(std::size_t entries) {
    for (; settled_->valid() && batch_.size() < entries && batch_.bytes() < batch_bytes_;) {
        const Version version = settled_->version();
        auto value = options_.keys_only ? Result<std::string_view>{} : settled_->value();
        if (!value) return std::unexpected(std::move(value.error()));
        batch_.add(key_, *value, version, settled_->tombstone());
        (options_.reverse ? after_ : upto_) = options_.reverse ? version : version - 1;
        if (auto moved = settled_->next(); !moved) return moved;
    }
    return {};
}

/// Goes on in the tree.
Result<void> HistoryCursor::refill_settled(const warm::View& view, std::size_t entries) {
    auto added = open_settled(view);
    if (added) added = add_settled(entries);
    if (!added) {
        settled_.reset();  // what was added is shown, and the next refill begins behind it
        return added;
    }
    if (settled_->valid()) return {};
    if (options_.reverse) {
        after_ = std::min(upto_, view.cut);
    } else {
        upto_ = after_;
    }
    settled_.reset();
    tree_.reset();
    range_left_ = after_ < upto_;
    return {};
}

void HistoryCursor::refill_newest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    hot::Found found = engine_->tier().find(slot, key_, hash_, upto_, view.cut);
    while (found && found.version > after_) {
        if (batch_.size() >= entries || batch_.bytes() >= batch_bytes_) return;
        add(found);
        upto_ = found.version - 1;
        found = older(slot, found, view.cut);
    }
    range_left_ = false;
}

/// A chain leads from new to old only: walk it, remember the last few places, and hand them out backwards.
void HistoryCursor::refill_oldest_first(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    std::vector<hot::Found> oldest(entries);
    std::size_t seen = 0;
    for (hot::Found found = engine_->tier().find(slot, key_, hash_, upto_, view.cut); found && found.version > after_;
         found = older(slot, found, view.cut)) {
        oldest[seen++ % entries] = found;
    }
    range_left_ = seen > entries;
    for (std::size_t taken = 0; taken < std::min(seen, entries); ++taken) {
        if (batch_.bytes() >= batch_bytes_) {
            range_left_ = true;
            return;
        }
        const hot::Found& found = oldest[(seen - 1 - taken) % entries];
        add(found);
        after_ = found.version;
    }
}

}  // namespace zverse::engine
