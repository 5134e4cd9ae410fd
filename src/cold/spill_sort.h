// SpillSort: an external merge sort of records by (version, key), or the reverse (D. E. Knuth, TAOCP 3, 5.4).
//
// Data flow: records -> an arena; when it is full, it is sorted and goes into a file as a run -> at the end the fewest
// runs are merged that leave as many as can be read side by side -> those are merged as they are asked for. What fits
// into the arena never sees a file.
//
// Memory: `memory_bytes`, for all of it: the arena and a piece on its way out, or a piece of each run being merged.
// Disk: the records once, and again for each time that a run is merged into a longer one. With 16 MiB, 255 runs of 16
// MiB are read side by side: 4 GiB are written once, a TiB at most twice.
//
// Which runs: of R runs, of which F can be merged at once, first as many that the merges behind it are full ones,
// always the oldest, so the shortest; that is the optimal F-ary tree (5.4.9).
//
// A file that fails makes the sort useless: lost() says so, and what was asked for has to be read in another way.
//
// Threads: one at a time.
#pragma once

#include <cold/spill_run.h>
#include <cold/spill_space.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace zverse::cold {

/// Sorted runs of one file, merged.
class SpillMerge {
public:
    SpillMerge(platform::File& file, std::size_t piece_bytes, bool reverse) noexcept
        : file_(file), piece_bytes_(piece_bytes), reverse_(reverse) {}
    /// Places it on the first record. Errors: corrupt, io.
    [[nodiscard]] Result<void> open(std::span<const SpillRun> runs);
    [[nodiscard]] bool valid() const noexcept { return !heap_.empty(); }
    [[nodiscard]] const SpillRunReader& top() const noexcept { return *heap_.front().reader; }
    /// Errors: corrupt, io.
    [[nodiscard]] Result<void> next();

private:
    struct Source {
        Version order;  ///< of the version, complemented when reversed
        std::unique_ptr<SpillRunReader> reader;
    };
    [[nodiscard]] Version order_of(Version version) const noexcept { return reverse_ ? ~version : version; }
    [[nodiscard]] auto before() const noexcept {
        return [this](const Source& a, const Source& b) {
            if (a.order != b.order) return a.order < b.order;
            const auto keys = a.reader->record().key <=> b.reader->record().key;
            return reverse_ ? keys > 0 : keys < 0;
        };
    }

    platform::File& file_;
    const std::size_t piece_bytes_;
    const bool reverse_;
    std::vector<Source> heap_;
};

class SpillSort {
public:
    /// Less would not hold the largest record.
    static constexpr std::size_t kMemoryBytesMin = std::size_t{96} << 10;

    /// `space`: may be null; then nothing can be spilled. `memory_bytes`: at least kMemoryBytesMin.
    SpillSort(SpillSpace* space, bool reverse, std::size_t memory_bytes);

    /// No record is larger than the largest of a block. Errors: those of the file; lost() then.
    [[nodiscard]] Result<void> add(const SortedRecord& record);
    /// There are no more: places it on the first record. `interrupt` is asked now and then, and its error ends it.
    /// Errors: that, and those of the file.
    [[nodiscard]] Result<void> finish(const std::function<Result<void>()>& interrupt);
    [[nodiscard]] bool valid() const noexcept { return !lost_ && (merge_ ? merge_->valid() : next_ != entries_end_); }
    /// Valid until next().
    [[nodiscard]] const SortedRecord& record() const noexcept { return merge_ ? merge_->top().record() : record_; }
    /// Errors: those of the file; lost() then.
    [[nodiscard]] Result<void> next();

    /// The file failed, or there can be none.
    [[nodiscard]] bool lost() const noexcept { return lost_; }
    [[nodiscard]] bool spilled() const noexcept { return file_ != nullptr; }

private:
    /// A record of the arena.
    struct Entry {
        Version version;
        std::uint32_t offset;
        std::uint32_t bytes;
    };

    [[nodiscard]] Error lose(Error error);
    [[nodiscard]] bool fits(std::size_t bytes) const noexcept;
    [[nodiscard]] std::span<Entry> entries() const noexcept { return {entries_, entries_end_}; }
    void sort_arena();
    [[nodiscard]] Result<void> make_file();
    [[nodiscard]] Result<void> spill_arena();
    [[nodiscard]] Result<void> reduce_runs(const std::function<Result<void>()>& interrupt);
    [[nodiscard]] Result<void> merge_oldest(std::size_t count, const std::function<Result<void>()>& interrupt);
    [[nodiscard]] Result<void> end_run(SpillRunWriter& writer);
    void show() noexcept;

    SpillSpace* const space_;
    const bool reverse_;
    const std::size_t memory_bytes_, piece_bytes_, arena_bytes_;
    std::unique_ptr<std::byte[]> arena_;  ///< records from its begin, entries from its end
    std::size_t used_ = 0;  ///< by records
    Entry* entries_ = nullptr;
    Entry* entries_end_ = nullptr;
    Entry* next_ = nullptr;  ///< to be shown, where nothing was spilled
    SortedRecord record_;
    std::unique_ptr<platform::File> file_;
    std::deque<SpillRun> runs_;  ///< the oldest first
    std::uint64_t file_end_ = 0;
    std::size_t largest_piece_;
    std::unique_ptr<SpillMerge> merge_;
    bool lost_ = false;
};

}  // namespace zverse::cold
