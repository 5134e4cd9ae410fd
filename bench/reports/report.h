// What zverse-bench says at the end: tables for people, one JSON object for programs.
#pragma once

#include <bench/reports/circumstances.h>
#include <bench/reports/summary.h>

#include <map>
#include <string>
#include <vector>

namespace zverse::bench {

inline constexpr const char* kReportSchema = "zverse.bench/1";

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
/// {"schema":kReportSchema, ...}; fields are only ever added under this schema.
[[nodiscard]] std::string json_report(const BenchReport& report);

}  // namespace zverse::bench
