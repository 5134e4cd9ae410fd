// Runner: the threads of a phase, each with a session, and what their operations took.
//
// Data flow, per thread: a block of operations is drawn, with all their keys and values -> the clock runs -> they are
// done one behind the other -> the clock stops -> the next block. So neither drawing nor making values is in a figure.
// Answers are checked while the clock runs, by comparing a few bytes: the same for every engine. Of short operations
// one block in eight is timed operation by operation, for the quantiles, and the others as a whole, for the rate, and
// by sixteen for the maximum; longer ones are all timed.
//
// With a rate the loop is open: each operation has an intended moment, and its latency counts from there, whether the
// ones before it had ended or not. (Tene's "coordinated omission" is the mistake of counting from when it could begin.)
#pragma once

#include <bench/engines/engine.h>
#include <bench/load/histogram.h>
#include <bench/load/workload.h>

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace zverse::bench {

struct Plan {
    unsigned threads = 1;
    double warmup_seconds = 0;
    double seconds = 1;  ///< of measured time; ignored with `operations`
    std::uint64_t operations = 0;  ///< over all threads; 0: as many as the time allows
    double rate = 0;  ///< operations per second over all threads; 0: as fast as they go
    std::uint64_t seed = 1;
    std::vector<Moment> moments;  ///< that reads as of a moment choose among
};

struct Outcome {
    std::uint64_t operations = 0;
    std::uint64_t warmup_operations = 0;  ///< done before those
    double seconds = 0;  ///< the longest of the threads' times by the clock
    double per_second = 0;  ///< the threads' rates, added up
    LatencyHistogram latency;  ///< nanoseconds, of calls; a call of a group is one
    std::vector<std::uint64_t> inserted;  ///< records, by thread
};

/// Asked between blocks: true ends the run early.
using Interrupted = std::function<bool()>;

/// Throws what a session throws, and std::runtime_error for a wrong answer, naming engine, operation and record.
[[nodiscard]] Outcome run(Engine& engine, const Dataset& dataset, const Workload& workload, RecordNumbers numbers,
                          const ZipfLaw* law, const Plan& plan, const Interrupted& interrupted);

}  // namespace zverse::bench
