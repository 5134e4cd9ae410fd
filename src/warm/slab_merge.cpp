#include <platform/merge_heap.h>
#include <warm/slab_merge.h>

#include <algorithm>
#include <utility>

namespace zverse::warm {

Result<std::unique_ptr<SlabMerge>> SlabMerge::create(platform::FileIo& io, cold::Tree::Components inputs,
                                                     cold::SlabPlan plan, std::uint64_t read_bytes) {
    constexpr std::size_t kPieceBytesMin = std::size_t{16} << 10;  // about a block
    plan.values_stay = false;
    std::unique_ptr<SlabMerge> merge(new SlabMerge(io, std::move(inputs), std::move(plan)));
    merge->piece_bytes_ = std::clamp<std::size_t>(read_bytes / std::max<std::size_t>(merge->inputs_.size(), 1),
                                                  kPieceBytesMin, cold::BulkReader::kPieceBytesUsual);
    for (const auto& input : merge->inputs_) {
        auto cursor = cold::BulkCursor::open(io, *input, merge->piece_bytes_);
        if (!cursor) return std::unexpected(std::move(cursor.error()));
        merge->cursors_.push_back(std::move(*cursor));
        if (merge->cursors_.back()->valid()) merge->heap_.push_back(merge->cursors_.size() - 1);
    }
    platform::make_merge_heap(merge->heap_, [&](std::size_t a, std::size_t b) { return merge->before(a, b); });
    return merge;
}

bool SlabMerge::before(std::size_t a, std::size_t b) const noexcept {
    const auto order = cursors_[a]->key() <=> cursors_[b]->key();
    return order != 0 ? order < 0 : a < b;  // inputs come newest first
}

/// Moves all records of the smallest key.
Result<void> SlabMerge::take_key(std::uint64_t& bytes) {
    key_ = cursors_[heap_[0]]->key();
    Version newer = cold::kOpen;
    while (!heap_.empty() && cursors_[heap_[0]]->key() == key_) {
        cold::BulkCursor& cursor = *cursors_[heap_[0]];
        const cold::StoredRecord& stored = cursor.record();
        if (stored.version >= newer) return std::unexpected(cursor.damaged("a key's versions do not fall"));
        const bool left = stored.is_outside && newer != cold::kOpen;
        auto value = left ? cursor.segment().unread_outside(stored.outside, stored.value_bytes) : cursor.value();
        if (!value) return std::unexpected(std::move(value.error()));
        const cold::Record record{key_, *value, stored.version, newer, stored.tombstone};
        cold::SlabWriter::Outside outside;
        if (left) outside = {cursor.shared_segment(), stored.outside};
        if (auto added = writer_.add(record, left ? &outside : nullptr); !added) return added;
        newer = record.version;
        bytes += key_.size() + value->size();
        if (auto moved = cursor.next(); !moved) return moved;
        platform::settle_top(heap_, cursor.valid(), [this](std::size_t a, std::size_t b) { return before(a, b); });
    }
    return {};
}

Result<std::optional<cold::SlabPart>> SlabMerge::step(std::uint64_t bytes) {
    for (std::uint64_t taken = 0; taken < bytes && !heap_.empty();) {
        const cold::ComponentCursor& next = *cursors_[heap_[0]];
        if (writer_.part_full(next.record().value_bytes)) {
            auto part = writer_.end_part(std::string(next.key()));
            if (!part) return std::unexpected(std::move(part.error()));
            return std::optional(std::move(*part));
        }
        if (auto done = take_key(taken); !done) return std::unexpected(std::move(done.error()));
    }
    if (!heap_.empty()) return std::optional<cold::SlabPart>{};
    auto part = writer_.end_part(std::nullopt);
    if (!part) return std::unexpected(std::move(part.error()));
    done_ = true;
    return std::optional(std::move(*part));
}

}  // namespace zverse::warm
