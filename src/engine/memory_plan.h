// MemoryPlan: what Options::memory_bytes_max is divided into. Pure: from the budget and the rings to shares.
//
//   M the budget; R all rings; V the largest value: value_bytes_max, at most a quarter of a ring
//
//   part      share                                   who takes it
//   index     table: R/8, at most M/8, rounded down   the hash index over the rings (hot/index.h)
//             to a power of two; half of it again     its buckets that overflow
//   runs      R * 33/64                               sorted runs over the rings, 33 bytes for each record, a record
//                                                     taking 128 bytes of a ring; twice, because runs are merged and
//                                                     trimmed into new ones. Where batches of tiny records make more, a
//                                                     flush is due at half of the share (warm/schedule.h)
//   cache     M/16, at most 32 MiB                    decompressed and copied blocks (cold/block_cache.h)
//   cursors   of 4: M/256, from 64 KiB to 1 MiB each  what a cursor has copied, and what one over changes sorts: places
//             and M/128, from 128 KiB to 16 MiB       of records, 64 bytes for each of M/8192, 65,536 at most, or, when
//                                                     it goes on behind those, records on their way to the disk. More
//                                                     cursors at work take more than the share
//   settled   M/32                                    the state of the manifest, the times of versions, and of each
//                                                     segment what is known of it: a bit for each 256 bytes. That grows
//                                                     with the store: 512 KiB for each GiB, and is not bounded
//   moves     what is left, by the number of jobs     a flush and the merges beside it: what waits for its history (W),
//                                                     index and zones of a segment (B), 2 MiB of stream buffers, a
//                                                     piece of each input, V
//   scrub     B and 1.25 MiB                          index and keys of the segment that is looked at
//   spare     M/8                                     stacks, threads' own memory, what the allocator can't give back
//
// Merges side by side: as many as have 8 MiB of each W and B, 2 at least and 16 at most. W and B are 32 MiB at most.
// Opening needs for a moment what `runs` has: then there are none yet.
//
// Not counted are mappings of files, rings and segments: they are the page cache's, which the system takes back.
#pragma once

#include <warm/job.h>
#include <zverse/error.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace zverse::engine {

/// What decides about memory beside the budget.
struct MemoryNeeds {
    std::uint64_t ring_bytes = 0;  ///< of each ring
    std::uint64_t shards = 1;
    std::uint64_t value_bytes_max = 0;  ///< 0: what a frame holds
    bool writes = true;  ///< else nothing is moved and scrubbed
};

struct MemoryPlan {
    struct Part {
        const char* name;
        std::uint64_t bytes;
    };
    enum PartNumber : std::size_t { kIndex, kRuns, kCache, kCursors, kSettled, kMoves, kScrub, kSpare, kParts };
    std::array<Part, kParts> parts{};

    // What the parts are told.
    std::uint64_t index_table_bytes = 0;
    std::size_t cursor_batch_bytes = 0;
    std::size_t changes_places = 0;
    std::size_t changes_sort_bytes = 0;
    std::size_t merges_max = 0;
    warm::JobMemory job;

    [[nodiscard]] std::uint64_t of(PartNumber part) const noexcept { return parts[part].bytes; }
    [[nodiscard]] std::uint64_t total() const noexcept {
        std::uint64_t sum = 0;
        for (const Part& part : parts) sum += part.bytes;
        return sum;
    }
};

/// Errors: invalid_argument (the budget is too small; the message says what is needed).
[[nodiscard]] Result<MemoryPlan> plan_memory(std::uint64_t bytes, const MemoryNeeds& needs);
/// The smallest budget that has a plan, to about 64 KiB.
[[nodiscard]] std::uint64_t memory_needed(const MemoryNeeds& needs);

}  // namespace zverse::engine
