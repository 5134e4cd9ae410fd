// Data flow: see run_builder.h. Order: figures are relaxed; what readers see goes through Views (view.h).
#include <warm/run_builder.h>

#include <algorithm>
#include <bit>

namespace zverse::warm {

namespace {

constexpr std::size_t kFanIn = 4;
constexpr unsigned kClasses = 24;
constexpr unsigned kInlineClasses = 3;              // up to 1024 entries each: merged at once by whoever extends
constexpr std::uint64_t kSpanBytes = 64 << 10;      // of a ring, per version range
constexpr std::size_t kBlockEntries = 4096;         // merged under one pin

/// 0 for up to 64 entries, then one more per factor of four.
unsigned size_class(const Run& run) noexcept {
    const auto blocks = static_cast<std::uint64_t>(run.entries().size() / 64);
    return std::min(static_cast<unsigned>((std::bit_width(blocks) + 1) / 2), kClasses - 1);
}

std::uint64_t bytes_of(std::span<const std::shared_ptr<const Run>> runs) noexcept {
    std::uint64_t bytes = 0;
    for (const auto& run : runs) bytes += run->bytes();
    return bytes;
}

}  // namespace

std::uint64_t RunBuilder::uncovered_bytes() const {
    hot::WriterSlot& slot = tier_.slots().mine();
    const hot::PinGuard pin(tier_.epochs(), slot);
    const View& view = views_.current();
    std::uint64_t bytes = 0;
    for (const auto& ring : tier_.rings()) {
        // relaxed: a figure to decide by.
        const std::uint64_t tail = ring->tail.load(std::memory_order_relaxed);
        const std::uint64_t covered = view.coverage[ring->shard()];
        bytes += tail > covered ? tail - covered : 0;
    }
    return bytes;
}

void RunBuilder::collect(const hot::Ring& ring, std::uint64_t begin, std::uint64_t end, Version cut,
                         Collected& into) const {
    std::optional<Run::Span> span;
    for (std::uint64_t position = begin; position < end;) {
        const hot::FrameHeader& frame = *ring.frame_at(position);
        const hot::OperationRef first =
            hot::RingSet::operation_at(const_cast<hot::Ring&>(ring), position + sizeof(hot::FrameHeader));
        const std::uint64_t next = position + frame.bytes();
        const bool data = frame.kind() == hot::FrameKind::data;
        const hot::Stamp stamp = data ? first.stamp() : hot::Stamp{};
        if (data && stamp.is_committed() && stamp.number() > cut) {
            const Version version = stamp.number();
            hot::for_each_operation(ring, position, [&](const hot::OperationHeader& op, std::uint64_t at) {
                into.entries.push_back(make_entry(op, version, ring.shard(), at));
            });
            if (!span) span = Run::Span{ring.shard(), position, next, version, version};
            span->end = next;
            span->oldest = std::min(span->oldest, version);
            span->newest = std::max(span->newest, version);
            if (span->end - span->begin >= kSpanBytes) {
                into.spans.push_back(*span);
                span.reset();
            }
        }
        position = next;
    }
    if (span) into.spans.push_back(*span);
}

bool RunBuilder::extend(std::uint64_t least_bytes) {
    const std::unique_lock lock(views_.publisher(), std::try_to_lock);
    if (!lock.owns_lock() || uncovered_bytes() < std::max<std::uint64_t>(least_bytes, 1)) return false;
    hot::WriterSlot& slot = tier_.slots().mine();
    const hot::PinGuard pin(tier_.epochs(), slot);
    const View& view = views_.current();
    auto next = std::make_unique<View>(view);
    Collected collected;
    bool moved = false;
    for (const auto& ring : tier_.rings()) {
        // Everything below the oldest live announcement is stamped and final; no seal is needed.
        const std::uint64_t end = tier_.stamped_end(*ring);
        // acquire: below the dead head everything is at or below the cut, and its space may be reused.
        const std::uint64_t begin =
            std::max(view.coverage[ring->shard()], ring->dead_head.load(std::memory_order_acquire));
        if (end <= begin) continue;
        collect(*ring, begin, end, view.cut, collected);
        next->coverage[ring->shard()] = end;
        moved = true;
    }
    if (!moved) return false;
    if (!collected.entries.empty()) {
        std::sort(collected.entries.begin(), collected.entries.end(),
                  [&](const RunEntry& a, const RunEntry& b) { return entry_less(tier_.rings(), a, b); });
        next->runs.push_back(
            std::make_shared<const Run>(next_id(), std::move(collected.entries), std::move(collected.spans)));
    }
    std::uint64_t freed = 0;
    while (const auto inputs = full_class(next->runs, kInlineClasses)) {
        Version cut = 0;  // can't move: we are the publisher
        freed += bytes_of(*inputs);
        replace(next->runs, *inputs, merge(*inputs, cut, 0));
    }
    views_.publish(std::move(next), freed);
    return true;
}

std::optional<RunBuilder::Runs> RunBuilder::full_class(const Runs& runs, unsigned classes_end) {
    Runs by_size[kClasses];
    for (const auto& run : runs) by_size[size_class(*run)].push_back(run);
    for (unsigned each = 0; each < classes_end; ++each) {
        if (by_size[each].size() < kFanIn) continue;
        by_size[each].resize(kFanIn);
        return std::move(by_size[each]);
    }
    return std::nullopt;
}

void RunBuilder::replace(Runs& runs, const Runs& inputs, std::shared_ptr<const Run> output) {
    std::erase_if(runs, [&](const std::shared_ptr<const Run>& run) {
        return std::any_of(inputs.begin(), inputs.end(),
                           [&](const std::shared_ptr<const Run>& input) { return input->id() == run->id(); });
    });
    if (output != nullptr) runs.push_back(std::move(output));
}

/// Merges by blocks, pinned for each: what a cut takes meanwhile is skipped, before any of its keys is looked at.
std::shared_ptr<const Run> RunBuilder::merge(const Runs& inputs, Version& cut, unsigned urgent_end) {
    struct Source {
        const RunEntry* next;
        const RunEntry* end;
    };
    std::vector<Source> sources;
    std::size_t total = 0;
    std::vector<Run::Span> spans;
    for (const auto& input : inputs) {
        sources.push_back({input->entries().data(), input->entries().data() + input->entries().size()});
        total += input->entries().size();
        spans.insert(spans.end(), input->spans().begin(), input->spans().end());
    }
    std::vector<RunEntry> entries;
    entries.reserve(total);
    hot::WriterSlot& slot = tier_.slots().mine();
    for (bool more = true; more;) {
        while (merge_class(urgent_end)) {}
        const hot::PinGuard pin(tier_.epochs(), slot);
        cut = views_.current().cut;
        more = false;
        for (std::size_t block = 0; block < kBlockEntries; ++block) {
            Source* least = nullptr;
            for (Source& source : sources) {
                while (source.next != source.end && source.next->version <= cut) ++source.next;
                if (source.next == source.end) continue;
                if (least == nullptr || entry_less(tier_.rings(), *source.next, *least->next)) least = &source;
            }
            if (least == nullptr) break;
            entries.push_back(*least->next++);
            more = true;
        }
    }
    const auto dead = [cut](const RunEntry& entry) { return entry.version <= cut; };
    std::erase_if(entries, dead);  // earlier blocks may have been merged under a lower cut
    // relaxed: a figure.
    merged_entries_.fetch_add(entries.size(), std::memory_order_relaxed);
    std::sort(spans.begin(), spans.end(), [](const Run::Span& a, const Run::Span& b) {
        return a.shard != b.shard ? a.shard < b.shard : a.begin < b.begin;
    });
    std::vector<Run::Span> joined;
    for (const Run::Span& span : spans) {
        if (!joined.empty() && joined.back().shard == span.shard && joined.back().end == span.begin &&
            span.end - joined.back().begin <= kSpanBytes) {
            joined.back().end = span.end;
            joined.back().oldest = std::min(joined.back().oldest, span.oldest);
            joined.back().newest = std::max(joined.back().newest, span.newest);
        } else {
            joined.push_back(span);
        }
    }
    if (entries.empty()) return nullptr;
    return std::make_shared<const Run>(next_id(), std::move(entries), std::move(joined));
}

bool RunBuilder::mergeable() const {
    hot::WriterSlot& slot = tier_.slots().mine();
    const hot::PinGuard pin(tier_.epochs(), slot);
    return full_class(views_.current().runs, kClasses).has_value();
}

bool RunBuilder::merge_step() {
    const std::unique_lock merging(merge_mutex_, std::try_to_lock);
    return merging.owns_lock() && merge_class(kClasses);
}

/// Merges the smallest full class below `classes_end`; merge_mutex_ is held.
bool RunBuilder::merge_class(unsigned classes_end) {
    if (classes_end == 0) return false;
    std::optional<Runs> inputs;
    {
        hot::WriterSlot& slot = tier_.slots().mine();
        const hot::PinGuard pin(tier_.epochs(), slot);
        inputs = full_class(views_.current().runs, classes_end);
    }
    if (!inputs) return false;
    Version cut = 0;
    std::shared_ptr<const Run> output = merge(*inputs, cut, size_class(*inputs->front()));
    const std::scoped_lock lock(views_.publisher());
    hot::WriterSlot& slot = tier_.slots().mine();
    const hot::PinGuard pin(tier_.epochs(), slot);
    auto next = std::make_unique<View>(views_.current());
    // An extension beside us may have merged the same inputs already: then this output is spare.
    const auto present = std::count_if(next->runs.begin(), next->runs.end(), [&](const auto& run) {
        return std::any_of(inputs->begin(), inputs->end(), [&](const auto& input) { return input->id() == run->id(); });
    });
    const auto alive =
        std::count_if(inputs->begin(), inputs->end(), [&](const auto& input) { return input->newest() > next->cut; });
    if (present != alive) return false;
    if (output != nullptr && cut != next->cut) output = output->trimmed(next->cut);
    replace(next->runs, *inputs, std::move(output));
    views_.publish(std::move(next), bytes_of(*inputs));
    return true;
}

void RunBuilder::show(const std::function<cold::Settled()>& settled_now) {
    const std::scoped_lock lock(views_.publisher());
    cold::Settled settled = settled_now();
    hot::WriterSlot& slot = tier_.slots().mine();
    const hot::PinGuard pin(tier_.epochs(), slot);
    auto next = std::make_unique<View>(views_.current());
    std::uint64_t freed = 0;
    if (next->cut != settled.cut) {
        freed = bytes_of(next->runs);
        for (auto& run : next->runs) run = run->trimmed(settled.cut);
        std::erase(next->runs, nullptr);
    }
    if (next->tree != settled.tree) freed += Views::kFreedSoon;
    next->cut = settled.cut;
    next->floor = settled.floor;
    next->tree = std::move(settled.tree);
    views_.publish(std::move(next), freed);
}

}  // namespace zverse::warm
