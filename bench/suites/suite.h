// Suite: a named list of phases that an engine's store lives through. `zverse-bench --suite NAME` runs one.
//
// Nouns
//   life    a fresh store of one engine, from its making to its removal, through the phases of one suite
//   phase   operations of one kind, timed; the state it begins with is what the phases before it left
//   repeat  of whole lives, the engines taking turns: what disturbs the machine for a while disturbs all of them, and
//           no engine's background work runs beside another's phases
#pragma once

#include <bench/load/dataset.h>
#include <bench/load/perf_counters.h>
#include <bench/load/runner.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::bench {

/// What the command line asks of every life.
struct BenchRequest {
    std::filesystem::path parent;  ///< where stores are made, one directory each, removed at the end
    RecordShape shape;
    std::uint64_t records = 1'000'000;
    std::uint64_t cache_bytes = std::uint64_t{1} << 30;
    std::uint64_t versions_per_key = 8;  ///< of suite versions
    double seconds = 2, warmup_seconds = 0.5;
    double rate = 0;
    std::uint64_t seed = 1;
    std::string force_granularity;
    std::vector<std::string> phases;  ///< the only ones wanted; empty: all
    std::string label;                ///< begins the names of rows, to tell runs of different shapes apart
    const PerfCounters* perf = nullptr;  ///< with --perf
};

/// What was measured, but for the repeat.
struct Measured {
    std::string label, suite, phase, engine;
    bool of_machine = false;  ///< no engine took part: neither promise nor threads say anything
    Promise promise = Promise::power;
    unsigned threads = 1;

    [[nodiscard]] bool operator==(const Measured&) const = default;
    /// "ycsb/a/2/power", of the machine "simd/search_of_64": what is compared between engines and with a baseline.
    [[nodiscard]] std::string row() const;
};

/// What one phase of one life took.
struct PhaseResult : Measured {
    unsigned repeat = 0;
    std::uint64_t operations = 0;
    double seconds = 0, per_second = 0;
    struct Quantile {
        std::string_view name;
        double share;
        double nanoseconds;
    };
    std::vector<Quantile> latency;  ///< p50 .. p99.99 and max
    std::optional<std::uint64_t> bytes_written;  ///< to data files meanwhile, whatever caused it
    /// With --perf: of all threads of the process, per operation, drawing operations and warming up included.
    struct Counter {
        std::string_view name;
        double per_operation;
    };
    std::vector<Counter> counters;
    /// Of a phase that goes on by steps: what had been done and written at the end of each.
    struct Step {
        std::uint64_t operations, bytes_written;
    };
    std::vector<Step> steps;
};

class HardwareRun;
class Life;

struct Suite {
    std::string_view name;
    std::string_view what;  ///< one line of help
    void (*live)(Life& life);  ///< of each engine; null for a suite of the machine
    void (*measure)(HardwareRun& run);  ///< of the machine, or null
    /// Names of its phases, in order; empty when they depend on the machine.
    std::span<const std::string_view> phases;
};
[[nodiscard]] std::span<const Suite> suites() noexcept;

}  // namespace zverse::bench
