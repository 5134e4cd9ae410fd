// Schedule: when the hot tier is flushed. Pure: from figures to a decision.
#pragma once

#include <chrono>
#include <cstdint>

namespace zverse::warm {

/// What decides whether a flush is due.
struct FlushState {
    std::uint64_t ring_bytes = 1;       ///< of one ring
    std::uint64_t flushable_bytes = 0;  ///< below the oldest live announcement, of the ring with most of them
    std::uint64_t used_bytes = 0;       ///< of the ring with most of them
    std::uint64_t index_entries = 0;    ///< in use or reserved
    std::uint64_t index_capacity = 1;
    std::uint64_t run_bytes = 0;        ///< memory of the sorted runs
    std::uint64_t run_bytes_max = 0;    ///< their share of the budget; 0: any
    std::chrono::milliseconds age{0};   ///< since something lies in the rings that is not settled
    std::chrono::milliseconds age_max{0};
    bool wanted = false;                ///< by a call
    bool writers_wait = false;          ///< for space
    std::uint64_t stripes = 0;          ///< in no merge yet
    bool merging = false;               ///< so their number will fall
};

/// More stripes than this wait for a merge before the next one is written: reads look into each.
inline constexpr std::uint64_t kStripesMax = 16;

/// Half of a ring is settled, or three quarters of it are taken, or of the index; or runs have half of their memory; or
/// what is there is old; or somebody waits.
[[nodiscard]] bool flush_due(const FlushState& state) noexcept;

}  // namespace zverse::warm
