#include <engine/scan_cursor.h>

#include <hot/walk.h>
#include <platform/merge_heap.h>
#include <platform/per_thread.h>
#include <platform/prefetch.h>

#include <algorithm>
#include <utility>

namespace zverse::engine {

namespace {

/// Uncovered bytes of frames that a scan sorts by itself; more are worth a run that the next scans find ready.
constexpr std::uint64_t kTailBytes = 16 << 10;

constexpr std::size_t kScratchEntries = 1 << 16;  // a thread keeps the memory of tails up to this size

}  // namespace

ScanCursor::ScanCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, KeyRange range, Version as_of,
                       const ScanOptions& options)
    : BatchCursor(std::move(engine), std::move(pin), as_of, options),
      range_(std::move(range)),
      step_(options.reverse ? -1 : 1),
      place_(options.reverse ? range_.end : range_.begin),
      inclusive_(!options.reverse),
      unbounded_(options.reverse && range_.end.empty()) {
    done_ = !range_.end.empty() && range_.begin == range_.end;
}

Result<void> ScanCursor::place_at(std::string_view key) {
    settled_.reset();
    done_ = !range_.end.empty() && range_.begin == range_.end;
    if (options_.reverse) {
        const bool beyond = !range_.end.empty() && key >= range_.end;
        place_ = beyond ? range_.end : std::string(key);
        inclusive_ = !beyond;
        unbounded_ = false;
    } else {
        place_ = std::max(key, std::string_view(range_.begin));
        inclusive_ = true;
    }
    return {};
}

Result<void> ScanCursor::prepare() {
    engine_->runs().extend(kTailBytes);
    return {};
}

bool ScanCursor::in_place(std::string_view key) const noexcept {
    if (options_.reverse) return (unbounded_ || key < place_ || (inclusive_ && key == place_)) && key >= range_.begin;
    return (key > place_ || (inclusive_ && key == place_)) && (range_.end.empty() || key < range_.end);
}

/// What no run covers yet, decided as of the cursor's version and sorted here.
void ScanCursor::collect_tails(hot::WriterSlot& slot, const warm::View& view) {
    hot::Tier& tier = engine_->tier();
    scratch_->tail.clear();
    for (const auto& ring : tier.rings()) {
        // acquire: frames <= as_of_ lie below this tail, since as_of_ was acquired from the clock before.
        const std::uint64_t tail = ring->tail.load(std::memory_order_acquire);
        // acquire: below the dead head everything is at or below the cut.
        const std::uint64_t begin =
            std::max(view.coverage[ring->shard()], ring->dead_head.load(std::memory_order_acquire));
        hot::walk_frames(tier.slots(), *ring, begin, tail, [&](std::uint64_t position, hot::FrameHeader& frame) {
            if (frame.kind() != hot::FrameKind::data) return;
            const auto version =
                tier.visible(slot, hot::RingSet::operation_at(*ring, position + sizeof(hot::FrameHeader)), as_of_);
            if (!version || *version <= view.cut) return;
            hot::for_each_operation(*ring, position, [&](const hot::OperationHeader& op, std::uint64_t at) {
                if (in_place(op.key())) scratch_->tail.push_back(warm::make_entry(op, *version, ring->shard(), at));
            });
        });
    }
    std::sort(scratch_->tail.begin(), scratch_->tail.end(),
              [&](const warm::RunEntry& a, const warm::RunEntry& b) { return warm::entry_less(tier.rings(), a, b); });
}

bool ScanCursor::before(const Source& a, const Source& b) const noexcept {
    const hot::RingSet& rings = engine_->tier().rings();
    return options_.reverse ? warm::entry_less(rings, *b.next, *a.next) : warm::entry_less(rings, *a.next, *b.next);
}

/// Behind the first entry of the top source, and behind all that follow it and are passed over: `pass` holds for some
/// of the next ones and for none behind those. A key may have any number of versions, so they are not looked at one by
/// one, but in steps that double, then halve. Returns the last one passed over, or null.
template <class Pass>
const warm::RunEntry* ScanCursor::pass_top(const Pass& pass) noexcept {
    Source& top = scratch_->heap[0];
    const warm::RunEntry* last = nullptr;
    if (--top.left > 0) top.next += step_;
    if (top.left > 0 && pass(*top.next)) {
        std::size_t passed = 1, reach = 1;  // the next `passed` are passed over
        while (passed + reach <= top.left && pass(top.next[step_ * static_cast<std::ptrdiff_t>(passed + reach - 1)])) {
            passed += reach;
            reach *= 2;
        }
        for (; reach > 0; reach /= 2) {
            if (passed + reach <= top.left && pass(top.next[step_ * static_cast<std::ptrdiff_t>(passed + reach - 1)]))
                passed += reach;
        }
        last = top.next + step_ * static_cast<std::ptrdiff_t>(passed - 1);
        top.left -= passed;
        if (top.left > 0) top.next = last + step_;
    }
    return last;
}

/// After the top source moved.
void ScanCursor::settle_top() noexcept {
    platform::settle_top(scratch_->heap, scratch_->heap[0].left > 0,
                         [this](const Source& a, const Source& b) { return before(a, b); });
}

/// Adds the part of a sorted list that lies behind the place.
void ScanCursor::add_source(const List& list, const warm::Probe& place) {
    const hot::RingSet& rings = engine_->tier().rings();
    const warm::RunEntry* begin = list.all.data();
    const warm::RunEntry* end = begin + list.all.size();
    const warm::RunEntry* split = end;
    if (!unbounded_) {
        // Forward: skip keys before the place. Reversed: keep keys before it. At the place itself: by inclusive_.
        const bool equal_goes_left = options_.reverse == inclusive_;
        const auto at = std::partition_point(list.near.begin(), list.near.end(), [&](const warm::RunEntry& entry) {
            const auto order = warm::compare_to_probe(rings, entry, place);
            return order < 0 || (equal_goes_left && order == 0);
        });
        split = list.near.data() + (at - list.near.begin());
    }
    const auto left = static_cast<std::size_t>(options_.reverse ? split - begin : end - split);
    if (left > 0) scratch_->heap.push_back({options_.reverse ? split - 1 : split, left});
}

void ScanCursor::open_sources(const warm::View& view) {
    const warm::Probe place(place_);
    scratch_->lists.clear();
    for (const auto& run : view.runs) scratch_->lists.push_back({run->entries(), run->near(place)});
    if (!scratch_->tail.empty()) scratch_->lists.push_back({scratch_->tail, scratch_->tail});
    scratch_->heap.clear();
    for (const List& list : scratch_->lists) add_source(list, place);
    platform::make_merge_heap(scratch_->heap, [this](const Source& a, const Source& b) { return before(a, b); });
}

bool ScanCursor::beyond_range(const warm::RunEntry& entry) const noexcept {
    const hot::RingSet& rings = engine_->tier().rings();
    if (options_.reverse) return warm::compare_to_probe(rings, entry, warm::Probe(range_.begin)) < 0;
    return !range_.end.empty() && warm::compare_to_probe(rings, entry, warm::Probe(range_.end)) >= 0;
}

/// Past `entry`, the first of the top source, and past those of its key behind it that are not chosen, or, reversed, of
/// which the last one is: returns it then.
const warm::RunEntry* ScanCursor::advance_top(const warm::RunEntry& entry, bool chosen) noexcept {
    const hot::RingSet& rings = engine_->tier().rings();
    const auto same_key = [&](const warm::RunEntry& next) { return warm::compare_keys(rings, next, entry) == 0; };
    const warm::RunEntry* last = nullptr;
    if (!options_.reverse) {
        // Older than the chosen one, or as long as none is chosen, too new down to as_of_.
        pass_top([&](const warm::RunEntry& next) { return same_key(next) && (chosen || next.version > as_of_); });
    } else if (entry.version <= as_of_) {
        last = pass_top([&](const warm::RunEntry& next) { return same_key(next) && next.version <= as_of_; });
    } else {
        pass_top(same_key);  // newer still
    }
    settle_top();
    return last;
}

void ScanCursor::choose(const warm::RunEntry& entry) {
    scratch_->picked.push_back(entry);
    warm::prefetch_record(engine_->tier().rings(), entry);
}

/// Chooses, key by key, the newest version <= as_of_; starts loading what it chose.
void ScanCursor::pick(const warm::View& view, std::size_t entries) {
    const hot::RingSet& rings = engine_->tier().rings();
    scratch_->picked.clear();
    exhausted_ = true;
    bool have_key = false;
    bool chosen = false;
    warm::RunEntry current{};
    while (!scratch_->heap.empty()) {
        const warm::RunEntry entry = *scratch_->heap[0].next;
        const bool new_key = !have_key || warm::compare_keys(rings, entry, current) != 0;
        if (new_key) {
            if (scratch_->picked.size() >= entries) {
                exhausted_ = false;
                return;
            }
            if (beyond_range(entry)) return;
            have_key = true;
            chosen = false;
            current = entry;
        }
        ++scratch_->looked_at;
        const auto visible = [&](const warm::RunEntry& each) {
            return each.version <= as_of_ && each.version > view.cut;
        };
        if (!options_.reverse) {  // a key's newest version comes first
            if (!chosen && visible(entry)) {
                choose(entry);
                chosen = true;
            }
            advance_top(entry, chosen);
            continue;
        }
        const warm::RunEntry* const last = advance_top(entry, chosen);
        const warm::RunEntry& newest = last != nullptr ? *last : entry;
        if (!visible(newest) || (chosen && newest.version < scratch_->picked.back().version)) continue;
        if (chosen) scratch_->picked.pop_back();  // of another source
        choose(newest);
        chosen = true;
    }
}

/// What has settled of the range, from the place on; where the last refill ended, if the tree is the same.
Result<void> ScanCursor::open_settled(const warm::View& view) {
    if (settled_ && view.tree == tree_) return {};
    settled_.reset();
    tree_ = view.tree;
    if (tree_ == nullptr) return {};
    // Right behind a key comes the same key with a zero byte more.
    std::string begin = options_.reverse ? range_.begin : place_;
    if (!options_.reverse && !inclusive_) begin += '\0';
    std::string end = options_.reverse ? place_ : range_.end;
    if (options_.reverse && inclusive_) end += '\0';
    std::optional<std::string_view> bound(end);
    if (options_.reverse ? unbounded_ : range_.end.empty()) bound.reset();
    auto scan = cold::TreeScan::open(*tree_, {begin, bound}, as_of_, options_.reverse);
    if (!scan) return std::unexpected(std::move(scan.error()));
    settled_.emplace(std::move(*scan));
    return {};
}

void ScanCursor::add_picked(const warm::RunEntry& entry, std::string_view& last) {
    const warm::Record record = warm::record_of(engine_->tier().rings(), entry);
    last = record.key;
    if (record.tombstone) return;
    const std::string_view value = options_.keys_only ? std::string_view{} : record.value;
    if (batch_.empty()) batch_.reserve(scratch_->picked.size(), last.size() + value.size());
    batch_.add(last, value, entry.version, false);
}

Result<void> ScanCursor::add_settled(std::size_t entries) {
    std::string_view value;
    if (!options_.keys_only) {
        auto found = settled_->value();
        if (!found) return std::unexpected(std::move(found.error()));
        value = *found;
    }
    const std::string_view key = settled_->key();
    if (batch_.empty()) batch_.reserve(entries, key.size());
    if (settled_->value_stays()) [[likely]] {
        batch_.add_settled(key, value, settled_->version());
    } else {
        batch_.add(key, value, settled_->version(), false);
    }
    return settled_->next();
}

/// Merges what was picked with what has settled.
Result<void> ScanCursor::fill(std::size_t entries) {
    const hot::RingSet& rings = engine_->tier().rings();
    const std::vector<warm::RunEntry>& picked = scratch_->picked;
    std::string_view last;  // when it is no key of the batch
    std::optional<warm::Probe> settled;  // the next key that has settled: most are told apart without their frames
    std::size_t taken = 0, moved = 0;
    for (; moved < entries && batch_.bytes() < batch_bytes_; ++moved) {
        const bool picked_left = taken < picked.size();
        // Behind the picked keys more may come from the rings, before what has settled.
        if (!picked_left && (!exhausted_ || !settled_left())) break;
        int first = picked_left ? -1 : 1;
        if (picked_left && settled_left()) {
            if (!settled) settled.emplace(settled_->key());
            first = first_of(warm::compare_to_probe(rings, picked[taken], *settled));
        }
        if (first > 0) {
            last = {};
            settled.reset();
            if (auto added = add_settled(entries); !added) return added;
            continue;
        }
        add_picked(picked[taken++], last);
        if (first == 0) {
            settled.reset();
            if (auto passed = settled_->next(); !passed) return passed;
        }
    }
    if (moved > 0) {
        place_.assign(last.empty() ? batch_.last().key : last);
        inclusive_ = false;
        unbounded_ = false;
    }
    done_ = exhausted_ && taken == picked.size() && !settled_left();
    return {};
}

Result<void> ScanCursor::refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) {
    Scratch& scratch = platform::PerThread<Scratch>::mine();
    scratch_ = &scratch;
    if (as_of_ > view.cut) {
        collect_tails(slot, view);
        open_sources(view);
        scratch.looked_at = 0;
        pick(view, entries);
        slot.count(hot::Counter::scan_entries, scratch.looked_at);
    } else {  // the rings answer above the cut only: what they hold is newer, or ignored
        scratch.picked.clear();
        exhausted_ = true;
    }
    auto filled = open_settled(view);
    if (filled) filled = fill(entries);
    if (!filled) {
        settled_.reset();  // the place is where it was, so the next move fails the same way
        return filled;
    }
    if (scratch.tail.capacity() > kScratchEntries) std::vector<warm::RunEntry>().swap(scratch.tail);
    return {};
}

}  // namespace zverse::engine
