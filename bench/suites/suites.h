// The suites there are.
#pragma once

namespace zverse::bench {

class Life;

void live_micro(Life& life);
void live_ycsb(Life& life);
void live_versions(Life& life);

}  // namespace zverse::bench
