#include <cold/spill_sort.h>
#include <platform/merge_heap.h>

#include <algorithm>
#include <new>
#include <utility>

namespace zverse::cold {

namespace {

constexpr std::size_t kArenaBytesMax = std::size_t{1} << 32;  // what an entry's offset reaches
constexpr std::size_t kPieceBytesMin = std::size_t{8} << 10, kPieceBytesMax = std::size_t{64} << 10;
constexpr std::size_t kInterruptEvery = 4096;  ///< records

}  // namespace

// ---- SpillMerge

Result<void> SpillMerge::open(std::span<const SpillRun> runs) {
    heap_.reserve(runs.size());
    for (const SpillRun& run : runs) {
        auto reader = std::make_unique<SpillRunReader>(file_, run, piece_bytes_);
        auto there = reader->next();
        if (!there) return std::unexpected(std::move(there.error()));
        if (*there) heap_.push_back({order_of(reader->record().version), std::move(reader)});
    }
    platform::make_merge_heap(heap_, before());
    return {};
}

Result<void> SpillMerge::next() {
    Source& top = heap_.front();
    auto there = top.reader->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (*there) top.order = order_of(top.reader->record().version);
    platform::settle_top(heap_, *there, before());
    return {};
}

// ---- SpillSort

SpillSort::SpillSort(SpillSpace* space, bool reverse, std::size_t memory_bytes)
    : space_(space),
      reverse_(reverse),
      memory_bytes_(std::max(memory_bytes, kMemoryBytesMin)),
      piece_bytes_(std::clamp(memory_bytes_ / 256, kPieceBytesMin, kPieceBytesMax)),
      arena_bytes_(std::min((memory_bytes_ - piece_bytes_) / alignof(Entry) * alignof(Entry), kArenaBytesMax)),
      arena_(std::make_unique_for_overwrite<std::byte[]>(arena_bytes_)),
      largest_piece_(piece_bytes_) {
    entries_end_ = entries_ = reinterpret_cast<Entry*>(arena_.get() + arena_bytes_);
}

Error SpillSort::lose(Error error) {
    lost_ = true;
    if (space_ != nullptr) space_->note_failure();
    merge_.reset();
    file_.reset();  // its space is somebody else's again
    return error;
}

bool SpillSort::fits(std::size_t bytes) const noexcept {
    const auto entries_at = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(entries_) - arena_.get());
    return entries_at - used_ >= bytes + sizeof(Entry);
}

Result<void> SpillSort::add(const SortedRecord& record) {
    const std::size_t bytes = packed_bytes(record);
    if (!fits(bytes)) {
        if (auto spilled = spill_arena(); !spilled) return std::unexpected(lose(std::move(spilled.error())));
    }
    pack(record, arena_.get() + used_);
    new (--entries_) Entry{record.version, static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(bytes)};
    used_ += bytes;
    return {};
}

void SpillSort::sort_arena() {
    const auto key_of = [this](const Entry& entry) {
        SortedRecord record;
        (void)unpack({arena_.get() + entry.offset, entry.bytes}, record);
        return record.key;
    };
    std::ranges::sort(entries(), [&](const Entry& a, const Entry& b) {
        if (a.version != b.version) return reverse_ ? a.version > b.version : a.version < b.version;
        const auto keys = key_of(a) <=> key_of(b);
        return reverse_ ? keys > 0 : keys < 0;
    });
}

Result<void> SpillSort::make_file() {
    if (space_ == nullptr) return std::unexpected(Error(ErrorCode::full, "a sort outgrew its memory"));
    auto file = space_->make_file();
    if (!file) return std::unexpected(std::move(file.error()));
    file_ = std::move(*file);
    return {};
}

Result<void> SpillSort::end_run(SpillRunWriter& writer) {
    auto run = writer.finish();
    if (!run) return std::unexpected(std::move(run.error()));
    space_->note_run(run->end - run->begin);
    runs_.push_back(*run);
    file_end_ = run->end;
    largest_piece_ = std::max(largest_piece_, writer.largest_piece());
    return {};
}

Result<void> SpillSort::spill_arena() {
    if (file_ == nullptr) {
        if (auto made = make_file(); !made) return made;
    }
    sort_arena();
    SpillRunWriter writer(*file_, file_end_, piece_bytes_);
    for (const Entry& entry : entries()) {
        if (auto added = writer.add({arena_.get() + entry.offset, entry.bytes}); !added) return added;
    }
    used_ = 0;
    entries_ = entries_end_;
    return end_run(writer);
}

Result<void> SpillSort::merge_oldest(std::size_t count, const std::function<Result<void>()>& interrupt) {
    const std::vector<SpillRun> oldest(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(count));
    SpillMerge merge(*file_, piece_bytes_, reverse_);
    SpillRunWriter writer(*file_, file_end_, piece_bytes_);
    Result<void> done = merge.open(oldest);
    for (std::size_t records = 1; done && merge.valid(); ++records) {
        done = writer.add(merge.top().packed());
        if (done) done = merge.next();
        if (done && records % kInterruptEvery == 0) {
            if (auto go_on = interrupt(); !go_on) return go_on;
        }
    }
    if (done) done = end_run(writer);
    if (!done) return std::unexpected(lose(std::move(done.error())));
    runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(count));
    return {};
}

Result<void> SpillSort::reduce_runs(const std::function<Result<void>()>& interrupt) {
    while (true) {
        const std::size_t most = std::max<std::size_t>(memory_bytes_ / largest_piece_ - 1, 2);
        if (runs_.size() <= most) return {};
        // So many that from here on each merge takes `most` runs, the last one, which is not written, too.
        const std::size_t count = (runs_.size() - 2) % (most - 1) + 2;
        if (auto merged = merge_oldest(count, interrupt); !merged) return merged;
    }
}

Result<void> SpillSort::finish(const std::function<Result<void>()>& interrupt) {
    if (file_ == nullptr) {
        sort_arena();
        next_ = entries_;
        show();
        return {};
    }
    if (auto spilled = spill_arena(); !spilled) return std::unexpected(lose(std::move(spilled.error())));
    arena_.reset();
    entries_ = entries_end_ = next_ = nullptr;
    if (auto reduced = reduce_runs(interrupt); !reduced) return reduced;
    merge_ = std::make_unique<SpillMerge>(*file_, piece_bytes_, reverse_);
    const std::vector<SpillRun> all(runs_.begin(), runs_.end());
    if (auto opened = merge_->open(all); !opened) return std::unexpected(lose(std::move(opened.error())));
    return {};
}

void SpillSort::show() noexcept {
    if (next_ != entries_end_) (void)unpack({arena_.get() + next_->offset, next_->bytes}, record_);
}

Result<void> SpillSort::next() {
    if (merge_ == nullptr) {
        ++next_;
        show();
        return {};
    }
    if (auto moved = merge_->next(); !moved) return std::unexpected(lose(std::move(moved.error())));
    return {};
}

}  // namespace zverse::cold
