// The report for programs, and the comparison with an earlier one.
#include <bench/reports/report.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace zverse::bench {

namespace {

constexpr const char* kSchema = "zverse.bench/1";

nlohmann::ordered_json row(const Summary& summary) {
    nlohmann::ordered_json latency;
    for (const auto& each : summary.latency) latency[std::string(each.name)] = each.nanoseconds;
    return {{"row", summary.row()},
            {"label", summary.label},
            {"suite", summary.suite},
            {"phase", summary.phase},
            {"engine", summary.engine},
            {"durability",
             summary.of_machine ? nlohmann::ordered_json() : nlohmann::ordered_json(to_string(summary.promise))},
            {"threads", summary.of_machine ? nlohmann::ordered_json() : nlohmann::ordered_json(summary.threads)},
            {"per_second", summary.median},
            {"per_second_of_repeats", summary.per_second},
            {"latency_ns", latency},
            {"bytes_written", summary.bytes_written}};
}

}  // namespace

std::string json_report(const BenchReport& report) {
    nlohmann::ordered_json circumstances;
    for (const auto& [name, value] : report.circumstances.facts) circumstances[name] = value;
    const BenchRequest& request = report.request;
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Summary& summary : summarize(report.results)) rows.push_back(row(summary));
    const nlohmann::ordered_json all{
        {"schema", kSchema},
        {"emulated", report.circumstances.emulated},
        {"interrupted", report.interrupted},
        {"skipped", report.skipped},
        {"circumstances", circumstances},
        {"request",
         {{"records", request.records},
          {"key_bytes", request.shape.key_bytes},
          {"value_bytes_min", request.shape.value_bytes_min},
          {"value_bytes_max", request.shape.value_bytes_max},
          {"cache_bytes", request.cache_bytes},
          {"seconds", request.seconds},
          {"warmup_seconds", request.warmup_seconds},
          {"rate", request.rate},
          {"seed", request.seed}}},
        {"settings", report.settings},
        {"results", rows},
    };
    return all.dump(2) + "\n";
}

Comparison compare(const BenchReport& report, const std::filesystem::path& baseline) {
    std::ifstream file(baseline);
    if (!file) throw std::runtime_error("the baseline " + baseline.string() + " can't be read");
    const nlohmann::json before = nlohmann::json::parse(file, nullptr, false);
    if (!before.is_object() || before.value("schema", "") != kSchema)
        throw std::runtime_error(baseline.string() + " is no report of zverse-bench (schema " + kSchema + ")");
    const bool emulated = before.value("emulated", false);
    if (emulated != report.circumstances.emulated) {
        const auto kind = [](bool is_emulated) { return is_emulated ? "emulated" : "real"; };
        throw std::runtime_error("the baseline " + baseline.string() + " was made on " + kind(emulated) +
                                 " persistence and this run on " + kind(!emulated) + ": no comparison");
    }
    Comparison comparison;
    bool any = false;
    for (const Summary& now : summarize(report.results)) {
        for (const auto& then : before.value("results", nlohmann::json::array())) {
            if (then.value("row", "") != now.row() || then.value("engine", "") != now.engine) continue;
            const double was = then.value("per_second", 0.0);
            if (was <= 0) continue;
            const double slower = (1 - now.median / was) * 100;
            comparison.worst_percent = any ? std::max(comparison.worst_percent, slower) : slower;
            any = true;
            char text[160];
            std::snprintf(text, sizeof text, "%-48s %-12s %+7.1f %%\n", now.row().c_str(), now.engine.c_str(), -slower);
            comparison.text += text;
        }
    }
    if (!any) comparison.text = "Nothing of the baseline was measured again.\n";
    return comparison;
}

}  // namespace zverse::bench
