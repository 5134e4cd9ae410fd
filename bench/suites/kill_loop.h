// The kill loop: does this engine on this medium keep what it acknowledged when its process dies?
//
// Data flow, again and again: a child process opens the store and puts records from all its threads, each counting in
// shared memory what was acknowledged -> after a random time it is killed by SIGKILL -> this process opens the store
// and reads every record: the last acknowledged value must be there, or that of the one put which was under way. Loss
// of power is another matter: what the page cache or the CPU's caches hold survives this.
#pragma once

#include <bench/engines/engine.h>
#include <bench/load/dataset.h>
#include <bench/load/histogram.h>
#include <bench/load/runner.h>

#include <cstdint>

namespace zverse::bench {

struct KillSetting {
    const EngineKind& kind;
    EngineSetup setup;  ///< of a store that is not there yet
    const Dataset& dataset;
    std::uint64_t records;  ///< written over and over; at least one for each thread
    double seconds;  ///< of writing, over all kills
    std::uint64_t seed;
};

struct KillOutcome {
    std::uint64_t kills = 0;
    std::uint64_t acknowledged = 0;
    double seconds = 0;  ///< of writing
    LatencyHistogram opening;  ///< nanoseconds until the store was open again
};

/// Throws std::runtime_error, naming record, kill and seed, when a record is not what it must be.
[[nodiscard]] KillOutcome kill_loop(const KillSetting& setting, const Interrupted& interrupted);

}  // namespace zverse::bench
