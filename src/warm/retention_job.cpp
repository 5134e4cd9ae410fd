#include <platform/probes.h>
#include <warm/retention_job.h>

#include <utility>

namespace zverse::warm {

Result<Progress> RetentionJob::step() {
    const Version floor = at_.raise_floor(wanted_);
    if (floor <= at_.cold.state()->floor) return Progress::done;
    cold::TreeChange change;
    change.floor = floor;
    change.others.remove_times_before(floor);
    for (const auto& component : at_.cold.tree()->all()) {
        if (component->superseded_max() <= floor) change.begins.emplace_back(component->id(), std::nullopt);
    }
    if (auto committed = at_.cold.commit(change); !committed) {
        // A merge was faster; the next look finds what is left.
        if (committed.error().code() == ErrorCode::not_found) return Progress::done;
        return std::unexpected(std::move(committed.error()));
    }
    ZVERSE_PROBE1(floor__advance, floor);
    at_.show();
    return Progress::done;
}

}  // namespace zverse::warm
