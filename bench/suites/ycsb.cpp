// Suite ycsb: the core workloads of Cooper, Silberstein, Tam, Ramakrishnan, Sears, "Benchmarking cloud serving systems
// with YCSB", SoCC 2010, with their shares and distributions: Zipf 0.99, scans of 1 to 100 entries.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

void live_ycsb(Life& life) {
    using enum OperationKind;
    life.begin();
    life.load();
    life.phase("a", {.mix = {{read, 50}, {update, 50}}, .popularity = Popularity::zipf});
    life.phase("b", {.mix = {{read, 95}, {update, 5}}, .popularity = Popularity::zipf});
    life.phase("c", {.mix = {{read, 100}}, .popularity = Popularity::zipf});
    life.phase("f", {.mix = {{read, 50}, {read_modify_write, 50}}, .popularity = Popularity::zipf});
    life.phase("d", {.mix = {{read, 95}, {insert, 5}}, .popularity = Popularity::latest});
    if (!life.abilities().scan) return;
    const Workload scans{
        .mix = {{scan, 95}, {insert, 5}}, .popularity = Popularity::zipf, .scan_count_min = 1, .scan_count_max = 100};
    life.phase("e_aged", scans);
    if (!life.wants("e")) return;
    // YCSB's own order: the data is loaded anew before E.
    life.begin();
    life.load();
    life.phase("e", scans);
}

}  // namespace zverse::bench
