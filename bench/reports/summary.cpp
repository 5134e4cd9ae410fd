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
    Summary summary(*repeats.front());
    summary.latency = repeats.front()->latency;
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

std::vector<Summary> summarize(const std::vector<PhaseResult>& results) {
    std::vector<std::vector<const PhaseResult*>> groups;
    for (const PhaseResult& result : results) {
        const Measured& what = result;
        const auto group = std::ranges::find_if(groups, [&](const auto& each) { return what == *each.front(); });
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
