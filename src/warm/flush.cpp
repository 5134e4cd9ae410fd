// Order: tails are acquired after the seal of s, so frames <= s lie below them; see engine/scan_cursor.cpp.
#include <hot/walk.h>
#include <platform/merge_heap.h>
#include <warm/flush.h>

#include <algorithm>
#include <utility>

namespace zverse::warm {

Stripe::Stripe(hot::Tier& tier, const Views& views, Version s) : tier_(tier), s_(s) {
    hot::WriterSlot& slot = tier.slots().mine();
    const hot::PinGuard pin(tier.epochs(), slot);
    const View& view = views.current();
    cut_ = view.cut;
    runs_ = view.runs;
    collect_tails(slot, view);
    for (const auto& run : runs_) add(run->entries());
    add(tail_);
    platform::make_merge_heap(heap_, [this](const Source& a, const Source& b) { return before(a, b); });
}

/// What no run covers, sorted.
void Stripe::collect_tails(hot::WriterSlot& slot, const View& view) {
    for (const auto& ring : tier_.rings()) {
        // acquire, both: see the top; below the dead head everything is at or below the cut.
        const std::uint64_t tail = ring->tail.load(std::memory_order_acquire);
        const std::uint64_t begin =
            std::max(view.coverage[ring->shard()], ring->dead_head.load(std::memory_order_acquire));
        hot::walk_frames(tier_.slots(), *ring, begin, tail, [&](std::uint64_t position, hot::FrameHeader& frame) {
            if (frame.kind() != hot::FrameKind::data) return;
            const auto version =
                tier_.visible(slot, hot::RingSet::operation_at(*ring, position + sizeof(hot::FrameHeader)), s_);
            if (!version || *version <= cut_) return;
            hot::for_each_operation(*ring, position, [&](const hot::OperationHeader& op, std::uint64_t at) {
                tail_.push_back(make_entry(op, *version, ring->shard(), at));
            });
        });
    }
    std::ranges::sort(tail_, [&](const RunEntry& a, const RunEntry& b) { return entry_less(tier_.rings(), a, b); });
}

void Stripe::add(std::span<const RunEntry> entries) {
    Source source{entries.data(), entries.data() + entries.size()};
    if (skip(source)) heap_.push_back(source);
}

/// To the first entry in (cut, s]; false when there is none.
bool Stripe::skip(Source& source) const noexcept {
    while (source.next != source.end && (source.next->version > s_ || source.next->version <= cut_)) ++source.next;
    return source.next != source.end;
}

bool Stripe::before(const Source& a, const Source& b) const noexcept {
    return entry_less(tier_.rings(), *a.next, *b.next);
}

void Stripe::advance_top() noexcept {
    ++heap_[0].next;
    const bool left = skip(heap_[0]);
    platform::settle_top(heap_, left, [this](const Source& a, const Source& b) { return before(a, b); });
}

Result<void> Stripe::end_part(cold::SlabWriter& writer, const std::optional<std::string>& range_end) {
    auto part = writer.end_part(range_end);
    if (!part) return std::unexpected(std::move(part.error()));
    segments_.insert(segments_.end(), part->segments.begin(), part->segments.end());
    return {};
}

Result<bool> Stripe::write(cold::SlabWriter& writer, std::uint64_t bytes) {
    for (std::uint64_t taken = 0; !heap_.empty(); advance_top()) {
        if (taken >= bytes) return true;
        const hot::OperationRef ref = resolve(tier_.rings(), *heap_[0].next);
        const bool new_key = last_.key.empty() || ref.key() != last_.key;
        if (new_key && writer.part_full(ref.value().size())) {
            if (auto ended = end_part(writer, std::string(ref.key())); !ended) {
                return std::unexpected(std::move(ended.error()));
            }
        }
        const Version newer = new_key ? cold::kOpen : last_.version;
        last_ = {ref.key(), ref.value(), heap_[0].next->version, newer, ref.tombstone()};
        if (auto added = writer.add(last_); !added) return std::unexpected(std::move(added.error()));
        taken += last_.key.size() + last_.value.size();
        bytes_ += last_.key.size() + last_.value.size();
    }
    if (auto ended = end_part(writer, std::nullopt); !ended) return std::unexpected(std::move(ended.error()));
    return false;
}

}  // namespace zverse::warm
