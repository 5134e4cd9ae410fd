// Summary: repeats of one phase, engine, promise and number of threads as one row: medians and how far they lie apart.
#pragma once

#include <bench/suites/suite.h>

#include <utility>
#include <vector>

namespace zverse::bench {

struct Summary : Measured {
    explicit Summary(Measured what) : Measured(std::move(what)) {}

    std::vector<double> per_second;  ///< of each repeat, in order
    double median = 0, least = 0, most = 0;
    /// Order statistics between which the median of endlessly many repeats lies with `confidence`: at least 95 % where
    /// there are six repeats or more, else that of least and most.
    double low = 0, high = 0, confidence = 0;
    std::vector<PhaseResult::Quantile> latency;  ///< medians over the repeats
    std::uint64_t bytes_written = 0;  ///< median; 0 where the engine does not tell
    std::vector<PhaseResult::Counter> counters;  ///< medians
    std::vector<PhaseResult::Step> steps;  ///< of the first repeat
};

/// In the order in which rows and engines first came.
[[nodiscard]] std::vector<Summary> summarize(const std::vector<PhaseResult>& results);

}  // namespace zverse::bench
