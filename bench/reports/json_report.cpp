// The report for programs.
#include <bench/reports/report.h>

#include <nlohmann/json.hpp>

namespace zverse::bench {

namespace {

nlohmann::ordered_json row(const Summary& summary) {
    nlohmann::ordered_json latency;
    for (const auto& each : summary.latency) latency[std::string(each.name)] = each.nanoseconds;
    nlohmann::ordered_json counters = nlohmann::ordered_json::object(), steps = nlohmann::ordered_json::array();
    for (const auto& each : summary.counters) counters[std::string(each.name)] = each.per_operation;
    for (const auto& each : summary.steps)
        steps.push_back({{"operations", each.operations}, {"bytes_written", each.bytes_written}});
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
            {"interval", {{"low", summary.low}, {"high", summary.high}, {"confidence", summary.confidence}}},
            {"latency_ns", latency},
            {"bytes_written", summary.bytes_written},
            {"per_operation", counters},
            {"steps", steps}};
}

}  // namespace

std::string json_report(const BenchReport& report) {
    nlohmann::ordered_json circumstances;
    for (const auto& [name, value] : report.circumstances.facts) circumstances[name] = value;
    const BenchRequest& request = report.request;
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Summary& summary : summarize(report.results)) rows.push_back(row(summary));
    const nlohmann::ordered_json all{
        {"schema", kReportSchema},
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
          {"versions_per_key", request.versions_per_key},
          {"seconds", request.seconds},
          {"warmup_seconds", request.warmup_seconds},
          {"rate", request.rate},
          {"seed", request.seed}}},
        {"settings", report.settings},
        {"results", rows},
    };
    return all.dump(2) + "\n";
}

}  // namespace zverse::bench
