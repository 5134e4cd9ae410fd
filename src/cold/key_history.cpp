#include <cold/key_history.h>
#include <platform/merge_heap.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

Result<KeyHistory> KeyHistory::open(const Tree& tree, std::string_view key, VersionStretch wanted, bool oldest_first,
                                    std::size_t blocks_at_once) {
    KeyHistory history(key, tree.hash(key), wanted, oldest_first, blocks_at_once);
    const Tree::Components all = tree.all();
    history.heap_.reserve(all.size() + 1);
    history.parts_.reserve(all.size());
    for (const auto& component : all) {
        if (component->version_max() <= wanted.after || component->version_min() > wanted.upto) continue;
        const Segment* const part = component->part_of(key);
        if (part == nullptr) continue;
        const SegmentHeader& header = part->header();
        if (header.version_max <= wanted.after || header.version_min > wanted.upto) continue;
        part->prefetch(history.hash_);
        history.heap_.push_back({history.nearest(header.version_min, header.version_max), part, kPart,
                                 static_cast<std::uint32_t>(history.parts_.size()), nullptr});
        history.parts_.emplace_back();
    }
    platform::make_merge_heap(history.heap_, before);
    if (auto settled = history.settle(); !settled) return std::unexpected(std::move(settled.error()));
    return history;
}

/// Of what lies between two versions, the order of the nearest that is wanted.
Version KeyHistory::nearest(Version low, Version high) const noexcept {
    return order_of(oldest_first_ ? std::max(low, wanted_.after + 1) : std::min(high, wanted_.upto));
}

void KeyHistory::push(Source source) {
    heap_.push_back(std::move(source));
    std::ranges::push_heap(heap_, [](const Source& a, const Source& b) { return before(b, a); });
}

/// Opens what is nearest until it is a record.
Result<void> KeyHistory::settle() {
    while (!heap_.empty() && heap_.front().open == nullptr) {
        Source source = std::move(heap_.front());
        platform::settle_top(heap_, false, before);
        auto opened = source.block == kPart ? open_part(*source.segment, source.offset) : open_block(std::move(source));
        if (!opened) return opened;
    }
    return heap_.empty() ? Result<void>{} : show();
}

Result<void> KeyHistory::open_part(const Segment& segment, std::size_t number) {
    const Part from = parts_[number];
    // Stretches behind which the last blocks lay are not looked at again.
    VersionStretch rest = wanted_;
    if (from.offset != 0) (oldest_first_ ? rest.after : rest.upto) = oldest_first_ ? from.order - 1 : ~from.order;
    postings_.clear();
    if (auto found = segment.postings(key_, hash_, rest.after, rest.upto, postings_); !found) return found;
    const auto place = [](const Segment::Place& each) { return std::pair(each.block, each.offset); };
    std::ranges::sort(postings_, {}, place);
    blocks_.clear();
    for (std::size_t i = 0; i < postings_.size(); ++i) {
        list_blocks(segment, postings_[i], i + 1 < postings_.size() ? &postings_[i + 1] : nullptr, from);
        if (blocks_.size() < 2 * blocks_at_once_) continue;
        std::ranges::nth_element(blocks_, blocks_.begin() + static_cast<std::ptrdiff_t>(blocks_at_once_),
                                 [](const Source& a, const Source& b) { return a.nearer(b); });
        blocks_.resize(blocks_at_once_ + 1);  // and the nearest of those behind them
    }
    if (blocks_.size() > blocks_at_once_) {
        const auto end = blocks_.begin() + static_cast<std::ptrdiff_t>(blocks_at_once_);
        std::ranges::nth_element(blocks_, end, [](const Source& a, const Source& b) { return a.nearer(b); });
        const auto last = std::ranges::max_element(blocks_.begin(), end,
                                                   [](const Source& a, const Source& b) { return a.nearer(b); });
        parts_[number] = {last->order, last->block, last->offset};
        push({end->order, &segment, kPart, static_cast<std::uint32_t>(number), nullptr});
        blocks_.erase(end, blocks_.end());
    }
    for (Source& block : blocks_) push(std::move(block));
    return {};
}

/// The blocks that a stretch may go through, up to the next one, as far as they may hold what is wanted and come behind
/// `from`.
void KeyHistory::list_blocks(const Segment& segment, Segment::Place begin, const Segment::Place* end,
                             const Part& from) {
    const ZoneMap& zones = segment.zones();
    const Source last{from.order, &segment, from.block, from.offset, nullptr};
    const std::uint64_t prefix = key_prefix(key_);
    std::size_t number = begin.block;
    for (std::uint32_t offset = begin.offset;; offset = sizeof(BlockHeader)) {
        if (end != nullptr && std::pair(number, offset) >= std::pair(end->block, end->offset)) return;
        const Zone& zone = zones.block(number);
        if (zone.version_max <= wanted_.after) return;  // it only goes down from here
        if (zone.version_min <= wanted_.upto) {
            Source source{nearest(zone.version_min, zone.version_max), &segment, static_cast<std::uint32_t>(number),
                          offset, nullptr};
            if (from.offset == 0 || last.nearer(source)) blocks_.push_back(std::move(source));
        }
        if (segment.header().kind == SegmentKind::live) return;  // it has each key once
        // Only through a block of nothing else it comes from the one before to the next.
        const bool through = number == begin.block || zone.first_key == zone.last_key;
        if (!through || ++number == zones.blocks()) return;
        const Zone& next = zones.block(number);
        if (prefix < next.first_prefix || prefix > next.last_prefix) return;  // most often, and without another miss
        if (key_ < zones.first_key(next) || key_ > zones.last_key(next)) return;
    }
}

std::unique_ptr<KeyHistory::OpenBlock> KeyHistory::take_spare() {
    if (spare_ == nullptr) return std::make_unique<OpenBlock>();
    spare_->left.clear();
    return std::move(spare_);
}

Result<void> KeyHistory::open_block(Source source) {
    const Segment& segment = *source.segment;
    auto block = segment.block(source.block);
    if (!block) return std::unexpected(std::move(block.error()));
    source.open = take_spare();
    std::vector<OpenBlock::Found>& found = source.open->left;
    StoredRecord record;
    Version above = kOpen;
    for (std::uint32_t at = source.offset; at != block->end(); at = record.next) {
        if (!block->read(at, record)) {
            return std::unexpected(segment.damaged(segment.offset_of(source.block), "no record lies there"));
        }
        if (!block->has_key(record, key_) || record.version >= above || record.version <= wanted_.after) break;
        above = record.version;
        if (record.version <= wanted_.upto) found.push_back({record.version, at});
    }
    if (found.empty()) {
        spare_ = std::move(source.open);
        return {};
    }
    if (!oldest_first_) std::ranges::reverse(found);
    source.open->reader = std::move(*block);
    source.order = order_of(found.back().version);
    push(std::move(source));
    return {};
}

Result<void> KeyHistory::show() {
    const Source& top = heap_.front();
    if (top.open->reader.read(top.open->left.back().offset, record_)) return {};
    return std::unexpected(top.segment->damaged(top.segment->offset_of(top.block), "no record lies there"));
}

Result<void> KeyHistory::next() {
    Source& top = heap_.front();
    top.open->left.pop_back();
    const bool left = !top.open->left.empty();
    if (left) {
        top.order = order_of(top.open->left.back().version);
    } else {
        spare_ = std::move(top.open);
        spare_->reader = {};  // it may hold a block
    }
    platform::settle_top(heap_, left, before);
    return settle();
}

}  // namespace zverse::cold
