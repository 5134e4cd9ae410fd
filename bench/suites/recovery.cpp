// Suite recovery: how long an engine takes to open after its process was killed with so many writes acknowledged.
//
// Data flow: a child process opens the engine, puts all records one by one, tells, and is killed by SIGKILL -> this
// process opens the same directory; the time is that of opening and of one read.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

void live_recovery(Life& life) { life.phase_recovery("reopen"); }

}  // namespace zverse::bench
