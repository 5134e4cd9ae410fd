#include <bench/reports/summary.h>

#include <algorithm>
#include <cmath>

namespace zverse::bench {

namespace {

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// The probability that the median lies outside of the `skipped` least and most of so many values, on one side: that of
/// at most `skipped` heads in as many throws of a coin. (Conover, Practical Nonparametric Statistics, 3.2.)
double outside_one_side(std::size_t values, std::size_t skipped) {
    double probability = 0, ways = 1;
    for (std::size_t heads = 0; heads <= skipped; ++heads) {
        probability += ways;
        ways = ways * static_cast<double>(values - heads) / static_cast<double>(heads + 1);
    }
    return probability * std::exp2(-static_cast<double>(values));
}

void find_interval(Summary& summary) {
    std::vector<double> values = summary.per_second;
    std::ranges::sort(values);
    constexpr double kOutside = 0.05;
    std::size_t skipped = 0;
    while (2 * (skipped + 2) <= values.size() && 2 * outside_one_side(values.size(), skipped + 1) <= kOutside)
        ++skipped;
    summary.low = values[skipped];
    summary.high = values[values.size() - 1 - skipped];
    summary.confidence = std::max(1 - 2 * outside_one_side(values.size(), skipped), 0.0);
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
    find_interval(summary);
    summary.steps = repeats.front()->steps;
    summary.bytes_written = static_cast<std::uint64_t>(median(written));
    for (std::size_t i = 0; i < summary.latency.size(); ++i) {
        std::vector<double> nanoseconds;
        for (const PhaseResult* each : repeats) nanoseconds.push_back(each->latency[i].nanoseconds);
        summary.latency[i].nanoseconds = median(nanoseconds);
    }
    summary.counters = repeats.front()->counters;
    for (PhaseResult::Counter& counter : summary.counters) {
        std::vector<double> counts;
        for (const PhaseResult* each : repeats) {
            for (const PhaseResult::Counter& theirs : each->counters) {
                if (theirs.name == counter.name) counts.push_back(theirs.per_operation);
            }
        }
        counter.per_operation = median(counts);
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
