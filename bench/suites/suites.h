// The suites there are.
#pragma once

namespace zverse::bench {

class HardwareRun;
class Life;

void live_micro(Life& life);
void live_ycsb(Life& life);
void live_versions(Life& life);
void live_durability(Life& life);
void live_scale(Life& life);
void live_crash(Life& life);
void live_recovery(Life& life);

void measure_numa(HardwareRun& run);
void measure_pmem(HardwareRun& run);
void measure_simd(HardwareRun& run);
void measure_uring(HardwareRun& run);

}  // namespace zverse::bench
