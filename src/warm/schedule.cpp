#include <warm/schedule.h>

namespace zverse::warm {

bool flush_due(const FlushState& state) noexcept {
    if (state.wanted) return true;
    if (state.flushable_bytes == 0) return false;
    if (state.stripes >= kStripesMax && state.merging) return false;
    const bool half = state.flushable_bytes >= state.ring_bytes / 2;
    const bool tight = state.used_bytes >= state.ring_bytes / 4 * 3;
    const bool full_index = state.index_entries >= state.index_capacity / 4 * 3;
    const bool old = state.age_max.count() > 0 && state.age >= state.age_max;
    const bool large_runs = state.run_bytes_max > 0 && state.run_bytes >= state.run_bytes_max / 2;
    return half || tight || large_runs || full_index || old || state.writers_wait;
}

}  // namespace zverse::warm
