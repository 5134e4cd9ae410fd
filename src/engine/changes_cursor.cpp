// Order: tails are acquired after the version they are read as of; see scan_cursor.cpp.
#include <engine/changes_cursor.h>

#include <hot/walk.h>

#include <algorithm>
#include <utility>

namespace zverse::engine {

namespace {
constexpr std::uint64_t kWindowBytes = 256 << 10;  // of ring, walked for one refill
constexpr std::uint64_t kTailBytes = 64 << 10;
}  // namespace

ChangesCursor::ChangesCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, VersionRange versions, KeyRange keys,
                             const ScanOptions& options)
    : BatchCursor(std::move(engine), std::move(pin), versions.upto, options),
      after_(versions.after),
      upto_(versions.upto),
      keys_(std::move(keys)),
      settled_(*engine_, keys_, options) {
    done_ = after_ >= upto_ || (!keys_.end.empty() && keys_.begin == keys_.end);
}

Result<void> ChangesCursor::prepare() {
    if (!settled_.has_window()) {
        engine_->runs().extend(kTailBytes);
        return {};
    }
    auto filled = settled_.fill(batch_, batch_bytes_);
    if (options_.reverse) {
        upto_ = settled_.rest().upto;
    } else {
        after_ = settled_.rest().after;
    }
    done_ = after_ >= upto_;
    return filled;
}

/// Narrows (after, upto] to a window whose covered records lie in the returned spans.
std::vector<warm::Run::Span> ChangesCursor::choose_spans(const warm::View& view, Version& after, Version& upto) const {
    std::vector<warm::Run::Span> spans;
    for (const auto& run : view.runs) {
        for (const warm::Run::Span& span : run->spans()) {
            if (span.newest > after && span.oldest <= upto) spans.push_back(span);
        }
    }
    if (options_.reverse) {
        std::sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) { return a.newest > b.newest; });
    } else {
        std::sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) { return a.oldest < b.oldest; });
    }
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < spans.size(); ++i) {
        // The window ends before the first version of the first span left out, and must not be empty.
        if (bytes >= kWindowBytes) {
            if (options_.reverse && spans[i].newest < upto) {
                after = std::max(after, spans[i].newest);
                spans.resize(i);
                return spans;
            }
            if (!options_.reverse && spans[i].oldest > after + 1) {
                upto = std::min(upto, spans[i].oldest - 1);
                spans.resize(i);
                return spans;
            }
        }
        bytes += spans[i].end - spans[i].begin;
    }
    return spans;
}

void ChangesCursor::collect(hot::WriterSlot& slot, hot::Ring& ring, std::uint64_t begin, std::uint64_t end,
                            Version after, Version upto, Version cut) {
    hot::Tier& tier = engine_->tier();
    hot::walk_frames(tier.slots(), ring, begin, end, [&](std::uint64_t position, hot::FrameHeader& frame) {
        if (frame.kind() != hot::FrameKind::data) return;
        const auto version =
            tier.visible(slot, hot::RingSet::operation_at(ring, position + sizeof(hot::FrameHeader)), as_of_);
        if (version && *version > after && *version <= upto && *version > cut) {
            frames_.push_back({*version, &ring, position});
        }
    });
}

void ChangesCursor::copy_frame(const Frame& frame) {
    operations_.clear();
    hot::for_each_operation(*frame.ring, frame.position, [&](const hot::OperationHeader& op, std::uint64_t at) {
        const std::string_view key(reinterpret_cast<const char*>(&op + 1), op.key_bytes);
        if (key < keys_.begin || (!keys_.end.empty() && key >= keys_.end)) return;
        operations_.push_back(hot::RingSet::operation_at(*frame.ring, at));
    });
    std::sort(operations_.begin(), operations_.end(), [this](const hot::OperationRef& a, const hot::OperationRef& b) {
        return options_.reverse ? b.key() < a.key() : a.key() < b.key();
    });
    for (const hot::OperationRef& ref : operations_) {
        batch_.add(ref.key(), options_.keys_only ? std::string_view{} : ref.value(), frame.version, ref.tombstone());
    }
}

Result<void> ChangesCursor::refill(hot::WriterSlot& slot, const warm::View& view, std::size_t) {
    // Above the cut the rings answer, up to it the tree.
    const Version settled = view.tree != nullptr ? std::min(view.cut, upto_) : 0;
    if (options_.reverse ? upto_ <= settled : after_ < settled) {
        settled_.begin(view.tree, {after_, settled});
        return {};
    }
    refill_hot(slot, view, std::max(after_, settled));
    done_ = after_ >= upto_;
    return {};
}

/// The records of the rings with versions in (after, upto_], as many as fit.
void ChangesCursor::refill_hot(hot::WriterSlot& slot, const warm::View& view, Version after) {
    hot::Tier& tier = engine_->tier();
    Version upto = upto_;
    frames_.clear();
    // The tails are read before the spans are chosen from the same view: together they are all there is.
    const std::vector<warm::Run::Span> spans = choose_spans(view, after, upto);
    for (const warm::Run::Span& span : spans) {
        hot::Ring& ring = tier.rings()[span.shard];
        // acquire: below the dead head everything is at or below the cut, and its space may be reused.
        const std::uint64_t dead = ring.dead_head.load(std::memory_order_acquire);
        collect(slot, ring, std::max(span.begin, dead), span.end, after, upto, view.cut);
    }
    for (const auto& ring : tier.rings()) {
        // acquire: as in ScanCursor::collect_tails().
        const std::uint64_t tail = ring->tail.load(std::memory_order_acquire);
        const std::uint64_t begin =
            std::max(view.coverage[ring->shard()], ring->dead_head.load(std::memory_order_acquire));  // acquire: above
        collect(slot, *ring, begin, tail, after, upto, view.cut);
    }
    std::sort(frames_.begin(), frames_.end(), [this](const Frame& a, const Frame& b) {
        return options_.reverse ? a.version > b.version : a.version < b.version;
    });
    for (const Frame& frame : frames_) {
        if (batch_.bytes() >= batch_bytes_) return;  // the place is behind the last whole version
        copy_frame(frame);
        if (options_.reverse) {
            upto_ = frame.version - 1;
        } else {
            after_ = frame.version;
        }
    }
    if (options_.reverse) {
        upto_ = after;
    } else {
        after_ = upto;
    }
}

}  // namespace zverse::engine
