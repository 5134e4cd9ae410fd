// How a figure is made: in chunks that alternate with the raw cost of the medium, and as the median over the chunks.
//
// Nouns
//   raw     what the hardware alone takes for the same bytes (raw_probe.h), measured in the same moments
//   chunk   operations timed together; long enough that the clock costs nothing, short enough that a disturbance of
//           the machine spoils few of them
//
// Counters of every benchmark: `ns` per operation and `raw_ns` per raw write (raw get or raw read, where reads are
// measured), both medians over the chunks, and `ratio_to_raw` of the two. The real_time of Google Benchmark is the mean
// and holds the disturbances too.
#pragma once

#include <bench/must.h>
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace zverse::bench {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

[[nodiscard]] double median(std::vector<double> values);

/// Nanoseconds of the raw cost, measured now.
using RawCost = std::function<double()>;

/// Runs the benchmark's iterations in chunks, each behind a measurement of `raw`. `operations(n)` does n of them;
/// `prepare(n)` is not timed.
template <class Operations, class Prepare>
void measure(benchmark::State& state, const RawCost& raw, std::int64_t chunk, Operations&& operations,
             Prepare&& prepare) {
    std::vector<double> own_ns, raw_ns;
    while (state.KeepRunningBatch(chunk)) {
        prepare(chunk);
        raw_ns.push_back(raw());
        const auto begin = Clock::now();
        operations(chunk);
        const double seconds = seconds_since(begin);
        state.SetIterationTime(seconds);
        own_ns.push_back(seconds * 1e9 / static_cast<double>(chunk));
    }
    const double own = median(std::move(own_ns));
    const double floor = median(std::move(raw_ns));
    state.counters["ns"] = own;
    state.counters["raw_ns"] = floor;
    state.counters["ratio_to_raw"] = own / floor;
    state.SetItemsProcessed(state.iterations());
}

template <class Operations>
void measure(benchmark::State& state, const RawCost& raw, std::int64_t chunk, Operations&& operations) {
    measure(state, raw, chunk, operations, [](std::int64_t) {});
}

/// The CPUs this process may use, lowest first.
[[nodiscard]] std::vector<unsigned> usable_cpus();
/// Where single-threaded benchmarks run: the last of them, since interrupts and helpers prefer the first.
[[nodiscard]] unsigned bench_cpu();

/// Keeps the calling thread on one CPU while it lives. Threads started meanwhile inherit that.
class OnCpu {
public:
    explicit OnCpu(unsigned cpu);
    ~OnCpu();
    OnCpu(const OnCpu&) = delete;
    OnCpu& operator=(const OnCpu&) = delete;

private:
    std::vector<unsigned> before_;
};

/// Gives up a real-time policy (chrt) while it lives: where more threads want to run than there are CPUs, first-in
/// first-out scheduling would never run the last one. Threads started meanwhile inherit that.
class FairScheduling {
public:
    FairScheduling();
    ~FairScheduling();
    FairScheduling(const FairScheduling&) = delete;
    FairScheduling& operator=(const FairScheduling&) = delete;

private:
    int policy_ = 0;
    int priority_ = 0;
};

}  // namespace zverse::bench
