#include <bench/reports/summary.h>

#include <algorithm>

namespace zverse::bench {

namespace {

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Summary summary_of(const std::vector<const PhaseResult*>& repeats) {
    const PhaseResult& first = *repeats.front();
    Summary summary;
    summary.label = first.label;
    summary.suite = first.suite;
    summary.phase = first.phase;
    summary.engine = first.engine;
    summary.of_machine = first.of_machine;
    summary.promise = first.promise;
    summary.threads = first.threads;
    summary.latency = first.latency;
    std::vector<double> written;
    for (const PhaseResult* each : repeats) {
        summary.per_second.push_back(each->per_second);
        written.push_back(static_cast<double>(each->bytes_written.value_or(0)));
    }
    summary.median = median(summary.per_second);
    summary.least = std::ranges::min(summary.per_second);
    summary.most = std::ranges::max(summary.per_second);
    summary.bytes_written = static_cast<std::uint64_t>(median(written));
    for (std::size_t i = 0; i < summary.latency.size(); ++i) {
        std::vector<double> nanoseconds;
        for (const PhaseResult* each : repeats) nanoseconds.push_back(each->latency[i].nanoseconds);
        summary.latency[i].nanoseconds = median(nanoseconds);
    }
    return summary;
}

}  // namespace

std::string Summary::row() const {
    const std::string name = (label.empty() ? "" : label + " ") + suite + "/" + phase;
    if (of_machine) return name;
    return name + "/" + std::to_string(threads) + "/" + std::string(to_string(promise));
}

std::vector<Summary> summarize(const std::vector<PhaseResult>& results) {
    const auto same = [](const PhaseResult& a, const PhaseResult& b) {
        return a.label == b.label && a.suite == b.suite && a.phase == b.phase && a.engine == b.engine &&
               a.promise == b.promise && a.threads == b.threads;
    };
    std::vector<std::vector<const PhaseResult*>> groups;
    for (const PhaseResult& result : results) {
        const auto group = std::ranges::find_if(groups, [&](const auto& each) { return same(*each.front(), result); });
        if (group != groups.end()) {
            group->push_back(&result);
        } else {
            groups.push_back({&result});
        }
    }
    std::vector<Summary> summaries;
    for (const auto& group : groups) summaries.push_back(summary_of(group));
    return summaries;
}

}  // namespace zverse::bench
