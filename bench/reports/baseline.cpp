#include <bench/reports/baseline.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace zverse::bench {

Baseline Baseline::read(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("the baseline " + path.string() + " can't be read");
    const nlohmann::json report = nlohmann::json::parse(file, nullptr, false);
    Baseline baseline;
    baseline.path_ = path;
    try {
        if (!report.is_object() || report.at("schema") != kReportSchema) throw std::runtime_error("another schema");
        baseline.emulated_ = report.at("emulated");
        for (const auto& [name, value] : report.at("request").items()) baseline.request_[name] = value;
        for (const auto& result : report.at("results")) {
            const double per_second = result.at("per_second");
            if (per_second > 0) baseline.per_second_[{result.at("row"), result.at("engine")}] = per_second;
        }
    } catch (const std::exception& wrong) {
        throw std::runtime_error(path.string() + " is no report of zverse-bench (schema " + kReportSchema +
                                 "): " + wrong.what());
    }
    return baseline;
}

void Baseline::check(const BenchReport& report) const {
    if (emulated_ != report.circumstances.emulated) {
        const auto kind = [](bool is_emulated) { return is_emulated ? "emulated" : "real"; };
        throw std::runtime_error("the baseline " + path_.string() + " was made on " + kind(emulated_) +
                                 " persistence and this run on " + kind(!emulated_) + ": no comparison");
    }
    const BenchRequest& request = report.request;
    const std::pair<const char*, double> shape[] = {
        {"records", static_cast<double>(request.records)},
        {"key_bytes", static_cast<double>(request.shape.key_bytes)},
        {"value_bytes_min", static_cast<double>(request.shape.value_bytes_min)},
        {"value_bytes_max", static_cast<double>(request.shape.value_bytes_max)},
        {"cache_bytes", static_cast<double>(request.cache_bytes)},
        {"versions_per_key", static_cast<double>(request.versions_per_key)},
        {"rate", request.rate},
    };
    for (const auto& [name, value] : shape) {
        const auto before = request_.find(name);
        if (before == request_.end() || before->second != value)
            throw std::runtime_error("the baseline " + path_.string() + " was made with another " + name +
                                     " than this run: no comparison");
    }
}

Baseline::Comparison Baseline::compare(const BenchReport& report) const {
    check(report);
    Comparison comparison;
    comparison.worst_percent = -std::numeric_limits<double>::infinity();
    for (const Summary& now : summarize(report.results)) {
        const auto before = per_second_.find({now.row(), now.engine});
        if (before == per_second_.end()) continue;
        const double slower = (1 - now.median / before->second) * 100;
        comparison.worst_percent = std::max(comparison.worst_percent, slower);
        char text[160];
        std::snprintf(text, sizeof text, "%-48s %-12s %+7.1f %%\n", now.row().c_str(), now.engine.c_str(), -slower);
        comparison.text += text;
    }
    if (comparison.text.empty())
        throw std::runtime_error("nothing of the baseline " + path_.string() + " was measured again");
    return comparison;
}

}  // namespace zverse::bench
