// Suite durability: the same writes under each promise, side by side: what a write that returned survives is the first
// thing a figure of writes depends on.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

void live_durability(Life& life) {
    life.begin();
    life.load();
    life.phase("put", {.mix = {{OperationKind::update, 100}}});
    life.phase("put_batch", {.mix = {{OperationKind::insert_batch, 100}}});
    life.phase("read_modify_write", {.mix = {{OperationKind::read_modify_write, 100}}});
}

}  // namespace zverse::bench
