// Suite crash: the kill loop (kill_loop.h) on the medium that stores are to lie on. Any loss is exit status 8.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

void live_crash(Life& life) { life.phase_crash("kill"); }

}  // namespace zverse::bench
