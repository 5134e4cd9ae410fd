// Baseline: an earlier report, held against a later one row by row.
#pragma once

#include <bench/reports/report.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace zverse::bench {

class Baseline {
public:
    /// Throws std::runtime_error, naming the file, when it is no report of schema kReportSchema.
    [[nodiscard]] static Baseline read(const std::filesystem::path& path);

    /// Throws std::runtime_error when the two are not of the same thing: records of other sizes or numbers, other
    /// memory, another load, or one of them on an emulated medium and the other not. Needs no results yet.
    void check(const BenchReport& report) const;

    struct Comparison {
        std::string text;          ///< a line per row that both have
        double worst_percent = 0;  ///< how much slower the row that lost most became; negative when all gained
    };
    /// Throws std::runtime_error when they have no row in common: nothing would be compared.
    [[nodiscard]] Comparison compare(const BenchReport& report) const;

private:
    std::filesystem::path path_;
    bool emulated_ = false;
    std::map<std::string, double> request_;
    std::map<std::pair<std::string, std::string>, double> per_second_;  ///< of row and engine
};

}  // namespace zverse::bench
