#include <engine/settled_changes.h>

#include <algorithm>
#include <utility>

namespace zverse::engine {

SettledChanges::SettledChanges(Engine& engine, const KeyRange& keys, const ScanOptions& options)
    : engine_(engine), keys_(keys), reverse_(options.reverse), keys_only_(options.keys_only), limit_(options.limit) {}

void SettledChanges::begin(std::shared_ptr<const cold::Tree> tree, cold::VersionStretch wanted) noexcept {
    tree_ = std::move(tree);
    rest_ = wanted;
    has_window_ = true;
}

cold::KeySpan SettledChanges::keys() const noexcept {
    cold::KeySpan span{keys_.begin, std::nullopt};
    if (!keys_.end.empty()) span.end = keys_.end;
    return span;
}

/// All of a version was delivered.
void SettledChanges::pass(Version version) noexcept {
    if (reverse_) {
        rest_.upto = version - 1;
    } else {
        rest_.after = version;
    }
}

void SettledChanges::end_window() noexcept {
    has_window_ = false;
    found_ = false;
    tree_.reset();
    places_ = {};
    sort_.reset();
}

bool SettledChanges::ends_batch(const EntryBatch& batch, std::size_t batch_bytes) const noexcept {
    return batch.bytes() >= batch_bytes || (limit_ != 0 && batch.size() >= limit_);
}

/// Not for the first window, and not for the little that a limit leaves.
bool SettledChanges::should_sort() const noexcept {
    return went_on_ && can_spill_ &&
           (limit_ == 0 || limit_ - std::min(limit_, added_) > engine_.memory().changes_places);
}

Result<void> SettledChanges::fill(EntryBatch& batch, std::size_t batch_bytes) {
    const auto take = [&]() -> Result<void> {
        if (!found_ && sort_ == nullptr) {
            if (auto opened = open_window(); !opened) return opened;
        }
        return sort_ != nullptr ? take_sorted(batch, batch_bytes) : take_places(batch, batch_bytes);
    };
    const cold::VersionStretch before = rest_;
    auto taken = take();
    if (taken) {
        added_ += batch.size();
        return {};
    }
    // What was added is not shown: it would be shown again.
    batch.clear();
    rest_ = before;
    const bool lost = sort_ != nullptr && sort_->lost();
    end_window();
    if (!lost) return taken;
    can_spill_ = false;
    return {};
}

Result<void> SettledChanges::open_window() { return should_sort() ? sort_rest() : find_places(); }

Result<void> SettledChanges::find_places() {
    std::size_t most = engine_.memory().changes_places;
    if (limit_ != 0) most = static_cast<std::size_t>(std::min<std::uint64_t>(most, limit_));
    auto window = cold::records_of_range(engine_.file_io(), *tree_, keys(), rest_, reverse_, most, places_);
    if (!window) return std::unexpected(std::move(window.error()));
    window_ = *window;
    next_place_ = 0;
    found_ = true;
    return {};
}

Result<void> SettledChanges::sort_rest() {
    const auto interrupt = [this]() -> Result<void> {
        if (engine_.closed()) return std::unexpected(Engine::closed_error());
        return {};
    };
    sort_ = std::make_unique<cold::ChangesSort>(
        cold::ChangesSort::Wanted{keys(), rest_, reverse_, keys_only_},
        cold::ChangesSort::Means{engine_.file_io(), engine_.spills(), engine_.memory().changes_sort_bytes, interrupt});
    auto sorted = sort_->sort(*tree_);
    if (sorted) tree_.reset();
    return sorted;
}

Result<void> SettledChanges::take_places(EntryBatch& batch, std::size_t batch_bytes) {
    for (std::size_t first = next_place_; next_place_ < places_.size(); ++next_place_) {
        const cold::RecordPlace& place = places_[next_place_];
        if (next_place_ > first && places_[next_place_ - 1].version != place.version) {
            pass(places_[next_place_ - 1].version);
            if (ends_batch(batch, batch_bytes)) return {};
        }
        auto record = cold::read_record(place, key_);
        if (!record) return std::unexpected(std::move(record.error()));
        auto value = keys_only_ ? Result<std::string_view>{} : place.segment->value(*record, record->hold);
        if (!value) return std::unexpected(std::move(value.error()));
        batch.add(key_, *value, place.version, record->tombstone);
    }
    (reverse_ ? rest_.upto : rest_.after) = reverse_ ? window_.after : window_.upto;
    end_window();
    went_on_ = true;
    return {};
}

Result<void> SettledChanges::take_sorted(EntryBatch& batch, std::size_t batch_bytes) {
    std::optional<Version> last;
    while (sort_->valid()) {
        if (last && *last != sort_->version()) {
            pass(*last);
            if (ends_batch(batch, batch_bytes)) return {};
        }
        auto value = sort_->value();
        if (!value) return std::unexpected(std::move(value.error()));
        batch.add(sort_->key(), *value, sort_->version(), sort_->tombstone());
        last = sort_->version();
        if (auto moved = sort_->next(); !moved) return moved;
    }
    (reverse_ ? rest_.upto : rest_.after) = reverse_ ? rest_.after : rest_.upto;
    end_window();
    return {};
}

}  // namespace zverse::engine
