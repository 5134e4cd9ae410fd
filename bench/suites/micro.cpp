// Suite micro: single kinds of operations, by the names that db_bench made known.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

namespace {

Workload only(OperationKind kind) { return {.mix = {{kind, 100}}}; }

}  // namespace

void live_micro(Life& life) {
    if (life.wants("fillseq")) {
        life.begin(KeyOrder::by_number);
        life.fill("fillseq", only(OperationKind::insert));
    }
    if (life.wants("fillbatch")) {
        life.begin();
        life.fill("fillbatch", only(OperationKind::insert_batch));
    }
    life.begin();
    life.fill("fillrandom", only(OperationKind::insert));
    life.phase("readrandom", only(OperationKind::read));
    life.phase("readmissing", only(OperationKind::read_missing));
    life.phase("multireadrandom", only(OperationKind::multi_read));
    const bool scans = life.abilities().scan;
    if (scans) life.phase("seekrandom", only(OperationKind::scan));
    if (life.wants("overwrite")) life.fill("overwrite", only(OperationKind::update));
    Workload beside = only(OperationKind::read);
    beside.writers_beside = 1;
    life.phase("readwhilewriting", beside);
    if (life.wants("readrandom_settled") || life.wants("readmissing_settled") || life.wants("seekrandom_settled")) {
        life.settle();
        life.phase("readrandom_settled", only(OperationKind::read));
        life.phase("readmissing_settled", only(OperationKind::read_missing));
        if (scans) life.phase("seekrandom_settled", only(OperationKind::scan));
    }
    life.phase("deleterandom", only(OperationKind::erase));
}

}  // namespace zverse::bench
