// HistoryChoice: which histories are merged next. Pure, as merge_choice.h.
//
// Compactions merge any histories into one, as those of a logarithmic method (Bentley and Saxe, J. Algorithms 1, 1980):
// in the order of size, all up to the last one that is not larger than twice those before it together. So each that is
// left is larger than twice all smaller ones, and there are about log3 of their bytes at most, however often a store is
// compacted. The largest one taken grows by half at least, the others threefold, and so often a record is written
// again.
//
// Packing keeps the files of a store few that is never compacted: small neighbours of a level become one component of
// that level, at once, so a version has one history there as before (cold/component.h T1). Packed are kPackMin of them,
// or as many as fill the memory of a merge by half; what takes a quarter of it is large enough. The largest one is at
// most half of what it becomes, so a record is written again a logarithmic number of times; and what a large flush
// writes never is.
#pragma once

#include <warm/merge_choice.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace zverse::warm {

inline constexpr std::size_t kPackMin = 16;

/// For a compaction: histories of slabs up to `upto` into one; first, what was begun and not ended. No history may be
/// in a merge.
[[nodiscard]] std::optional<MergeChoice> choose_history_merge(const cold::Tree& tree, Version upto,
                                                              const MergesRunning& running);
/// For a compaction: a history with an id in (after, last] that may have records to be forgotten, to be written again
/// without them. No history may be in a merge.
[[nodiscard]] std::optional<MergeChoice> choose_expired(const cold::Tree& tree, Version floor, std::uint64_t after,
                                                        std::uint64_t last, const MergesRunning& running);
/// Small neighbours to be packed, of a level on which no merge is at work. `memory_bytes`: of a merge, for what waits.
/// `enough`: so many are packed, however small.
[[nodiscard]] std::optional<MergeChoice> choose_pack(const cold::Tree& tree, std::uint64_t memory_bytes,
                                                     const MergesRunning& running, std::size_t enough = kPackMin);

}  // namespace zverse::warm
