// Summary: repeats of one phase, engine, promise and number of threads as one row: medians and how far they lie apart.
#pragma once

#include <bench/suites/suite.h>

#include <string>
#include <vector>

namespace zverse::bench {

struct Summary {
    std::string label, suite, phase, engine;
    bool of_machine = false;
    Promise promise = Promise::power;
    unsigned threads = 1;
    std::vector<double> per_second;  ///< of each repeat, in order
    double median = 0, least = 0, most = 0;
    std::vector<PhaseResult::Quantile> latency;  ///< medians over the repeats
    std::uint64_t bytes_written = 0;             ///< median; 0 where the engine does not tell

    /// "ycsb/a/2/power", of the machine "simd/search_of_64": what is compared between engines and with a baseline.
    [[nodiscard]] std::string row() const;
};

/// In the order in which rows and engines first came.
[[nodiscard]] std::vector<Summary> summarize(const std::vector<PhaseResult>& results);

}  // namespace zverse::bench
