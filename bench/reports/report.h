// What zverse-bench says at the end: tables for people, one JSON object for programs, and the comparison with an
// earlier one.
#pragma once

#include <bench/reports/circumstances.h>
#include <bench/reports/summary.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace zverse::bench {

struct BenchReport {
    Circumstances circumstances;
    BenchRequest request;
    std::map<std::string, std::string> settings;  ///< of each engine, in its own words
    std::vector<PhaseResult> results;
    std::vector<std::string> skipped;  ///< what could not be measured here, and why
    bool interrupted = false;
};

/// A table per row of comparison, engines below each other, ratios against ZVerse where it took part.
[[nodiscard]] std::string text_report(const BenchReport& report);
/// {"schema":"zverse.bench/1", ...}; fields are only ever added under this schema.
[[nodiscard]] std::string json_report(const BenchReport& report);

/// How a run stands against an earlier one.
struct Comparison {
    std::string text;           ///< a line per row that both have
    double worst_percent = 0;   ///< how much slower the row that lost most became; negative when all gained
};
/// Throws std::runtime_error when `baseline` is not a report of this schema, or was made on an emulated medium when
/// this one was not, or the other way round.
[[nodiscard]] Comparison compare(const BenchReport& report, const std::filesystem::path& baseline);

}  // namespace zverse::bench
