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
                tail_.push_back(make_entry(op.key(), *version, ring->shard(), at));
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

Result<std::vector<std::uint64_t>> Stripe::write(cold::SlabWriter& writer) {
    std::vector<std::uint64_t> segments;
    const auto end_part = [&](const std::optional<std::string>& range_end) -> Result<void> {
        auto part = writer.end_part(range_end);
        if (!part) return std::unexpected(std::move(part.error()));
        segments.insert(segments.end(), part->segments.begin(), part->segments.end());
        return {};
    };
    cold::Record record;
    for (bool first = true; !heap_.empty(); first = false, advance_top()) {
        const hot::OperationRef ref = resolve(tier_.rings(), *heap_[0].next);
        const bool new_key = first || ref.key() != record.key;
        if (new_key && writer.part_full(ref.value().size())) {
            if (auto ended = end_part(std::string(ref.key())); !ended) return std::unexpected(std::move(ended.error()));
        }
        const Version newer = new_key ? cold::kOpen : record.version;
        record = {ref.key(), ref.value(), heap_[0].next->version, newer, ref.tombstone()};
        if (auto added = writer.add(record); !added) return std::unexpected(std::move(added.error()));
    }
    if (auto ended = end_part(std::nullopt); !ended) return std::unexpected(std::move(ended.error()));
    return segments;
}

}  // namespace zverse::warm
