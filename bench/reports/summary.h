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
    std::vector<PhaseResult::Quantile> latency;  ///< medians over the repeats
    std::uint64_t bytes_written = 0;             ///< median; 0 where the engine does not tell
};

/// In the order in which rows and engines first came.
[[nodiscard]] std::vector<Summary> summarize(const std::vector<PhaseResult>& results);

}  // namespace zverse::bench
