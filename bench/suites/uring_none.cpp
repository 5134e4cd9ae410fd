// Suite uring in a build without liburing.
#include <bench/suites/hardware.h>
#include <bench/suites/suites.h>

namespace zverse::bench {

void measure_uring(HardwareRun& run) { run.skip("read_4096", "this build has no liburing"); }

}  // namespace zverse::bench
