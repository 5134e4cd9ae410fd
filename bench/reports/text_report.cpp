// The report for people.
#include <bench/reports/report.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace zverse::bench {

namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
    char text[256];
    va_list values;
    va_start(values, pattern);
    std::vsnprintf(text, sizeof text, pattern, values);
    va_end(values);
    return text;
}

std::string rate(double per_second) {
    if (per_second >= 1e6) return format("%.2f M/s", per_second / 1e6);
    if (per_second >= 1e4) return format("%.1f k/s", per_second / 1e3);
    return format("%.0f /s", per_second);
}

std::string latency(double nanoseconds) {
    if (nanoseconds >= 1e9) return format("%.2f s", nanoseconds / 1e9);
    if (nanoseconds >= 1e6) return format("%.2f ms", nanoseconds / 1e6);
    if (nanoseconds >= 1e4) return format("%.1f us", nanoseconds / 1e3);
    if (nanoseconds >= 1e3) return format("%.2f us", nanoseconds / 1e3);
    return format("%.0f ns", nanoseconds);
}

std::string heading(const Summary& summary) {
    std::string text = "\n" + (summary.label.empty() ? "" : summary.label + ": ") + summary.suite + " " + summary.phase;
    if (!summary.of_machine) {
        text += ", " + std::to_string(summary.threads) + (summary.threads == 1 ? " thread" : " threads") +
                ", writes survive the loss of " + std::string(to_string(summary.promise));
    }
    return text + "\n";
}

std::string line(const Summary& summary, const Summary* ours) {
    std::string text = format("  %-12s %11s  %10s .. %-10s", summary.engine.c_str(), rate(summary.median).c_str(),
                              rate(summary.low).c_str(), rate(summary.high).c_str());
    for (const auto& each : summary.latency) {
        if (each.name == "p90" || each.name == "p99.99") continue;  // in the JSON
        text += format("  %s %-8s", std::string(each.name).c_str(), latency(each.nanoseconds).c_str());
    }
    if (ours != nullptr && ours != &summary && summary.median > 0)
        text += format("  zverse is %.1f x", ours->median / summary.median);
    text += "\n";
    if (summary.counters.empty()) return text;
    text += "               per operation:";
    for (const auto& each : summary.counters)
        text += format("  %s %.3g", std::string(each.name).c_str(), each.per_operation);
    return text + "\n";
}

}  // namespace

std::string text_report(const BenchReport& report) {
    std::string text;
    for (const auto& [name, value] : report.circumstances.facts) {
        if (!name.starts_with("platform_")) text += format("%-14s ", name.c_str()) + value + "\n";
    }
    text += "\n";
    for (const auto& [name, settings] : report.settings) text += name + ": " + settings + "\n";
    if (report.circumstances.emulated) {
        text +=
            "\nThe granularity is forced on a medium that has less: figures of ZVerse are the cost of its flushes\n"
            "and fences on this memory, not on a persistent one.\n";
    }
    const std::vector<Summary> summaries = summarize(report.results);
    std::vector<std::string> rows;
    for (const Summary& summary : summaries) {
        if (std::ranges::find(rows, summary.row()) == rows.end()) rows.push_back(summary.row());
    }
    for (const std::string& row : rows) {
        const Summary* ours = nullptr;
        for (const Summary& summary : summaries) {
            if (summary.row() == row && summary.engine == "zverse") ours = &summary;
        }
        bool first = true;
        for (const Summary& summary : summaries) {
            if (summary.row() != row) continue;
            if (first) text += heading(summary);
            first = false;
            text += line(summary, ours);
        }
    }
    if (!summaries.empty() && summaries.front().per_second.size() > 1) {
        const double confidence = std::ranges::min(summaries, {}, &Summary::confidence).confidence;
        text += format(
            "\nRates are medians; a median of endlessly many repeats lies between the two behind it with a\n"
            "probability of %.0f %%.\n",
            100 * confidence);
    }
    if (!report.skipped.empty()) text += "\nNot measured:\n";
    for (const std::string& reason : report.skipped) text += "  " + reason + "\n";
    if (report.interrupted) text += "\nInterrupted: what is shown is what was complete.\n";
    return text;
}

}  // namespace zverse::bench
