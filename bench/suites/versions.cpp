// Suite versions: what only a versioned store answers, over records that all have the same number of versions, first as
// they were written, then settled.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

void live_versions(Life& life) {
    using enum OperationKind;
    life.begin(KeyOrder::scattered, true);
    const Abilities abilities = life.abilities();
    if (!abilities.as_of) return;
    life.load_rounds(life.request().versions_per_key);
    life.phase("get_as_of", {.mix = {{read_as_of, 100}}});
    if (abilities.scan) life.phase("scan_as_of", {.mix = {{scan_as_of, 100}}});
    if (abilities.history) life.phase("history", {.mix = {{history, 100}}});
    if (abilities.changes) life.phase_changes("changes");
    life.settle();
    life.phase("get_as_of_settled", {.mix = {{read_as_of, 100}}});
    if (abilities.scan) life.phase("scan_as_of_settled", {.mix = {{scan_as_of, 100}}});
    if (abilities.history) life.phase("history_settled", {.mix = {{history, 100}}});
    if (abilities.changes) life.phase_changes("changes_settled");
}

}  // namespace zverse::bench
