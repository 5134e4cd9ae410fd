// Suite versions: what only a versioned store answers, over records that all have the same number of versions, first as
// they were written, then settled; what snapshots cost that come and go; and what it costs to let old versions go.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

#include <algorithm>

namespace zverse::bench {

namespace {

using enum OperationKind;

constexpr std::string_view kOfOldStates[] = {
    "get_as_of",         "scan_as_of",         "history",         "changes",
    "get_as_of_settled", "scan_as_of_settled", "history_settled", "changes_settled",
};

/// Reads of old states, over versions that all stay.
void live_old_states(Life& life) {
    if (std::ranges::none_of(kOfOldStates, [&](std::string_view phase) { return life.wants(phase); })) return;
    life.begin(KeyOrder::scattered, true);
    const Abilities abilities = life.abilities();
    if (!abilities.as_of) return;
    life.load_rounds(life.request().versions_per_key);
    struct Phases {
        std::string_view get, scan, history, changes;
    };
    const auto read_all = [&](const Phases& phase) {
        life.phase(phase.get, {.mix = {{read_as_of, 100}}});
        if (abilities.scan) life.phase(phase.scan, {.mix = {{scan_as_of, 100}}});
        if (abilities.history) life.phase(phase.history, {.mix = {{OperationKind::history, 100}}});
        if (abilities.changes) life.phase_changes(phase.changes);
    };
    read_all({"get_as_of", "scan_as_of", "history", "changes"});
    life.settle();
    read_all({"get_as_of_settled", "scan_as_of_settled", "history_settled", "changes_settled"});
}

/// As many updates as there are records, uniform, with all versions kept or only those of the last tenth of them.
void live_updates(Life& life, std::string_view phase, std::uint64_t writes_behind) {
    if (!life.wants(phase)) return;
    life.begin(KeyOrder::scattered, true, writes_behind);
    if (!life.abilities().as_of || (writes_behind != 0 && !life.abilities().forgets)) return;
    life.load();
    life.settle();
    life.fill_by_steps(phase, 20);
}

}  // namespace

void live_versions(Life& life) {
    live_old_states(life);
    if (life.wants("snapshot_churn")) {
        life.begin();
        if (life.abilities().snapshots) {
            life.load();
            life.phase("snapshot_churn", {.mix = {{read_in_snapshot, 50}, {update, 50}}});
        }
    }
    live_updates(life, "update_all_kept", 0);
    live_updates(life, "update_tenth_kept", std::max<std::uint64_t>(life.request().records / 10, 1));
}

}  // namespace zverse::bench
