// Goal:    repeats become medians, and intervals that say no more than so many repeats allow.
// Method:  rates in a known order, and confidences worked out by hand from the coin that they rest on.
#include <bench/reports/summary.h>

#include <gtest/gtest.h>

namespace zverse::test {
namespace {

using bench::PhaseResult;
using bench::Summary;

Summary summary_of(const std::vector<double>& rates) {
    std::vector<PhaseResult> results;
    for (const double rate : rates) {
        PhaseResult result;
        result.phase = "read";
        result.repeat = static_cast<unsigned>(results.size());
        result.per_second = rate;
        result.counters = {{"instructions", rate * 10}};
        result.steps = {{results.size(), 1}};
        results.push_back(result);
    }
    const auto summaries = bench::summarize(results);
    EXPECT_EQ(summaries.size(), 1U);
    return summaries.front();
}

void expect_interval(const std::vector<double>& rates, double low, double high, double confidence) {
    const Summary summary = summary_of(rates);
    EXPECT_EQ(summary.low, low) << rates.size();
    EXPECT_EQ(summary.high, high) << rates.size();
    EXPECT_NEAR(summary.confidence, confidence, 1e-9) << rates.size();
}

TEST(SummaryTest, IntervalsAreAsWideAsTheRepeatsDemand) {
    expect_interval({5}, 5, 5, 0);
    expect_interval({2, 1}, 1, 2, 0.5);
    expect_interval({5, 3, 1, 2, 4}, 1, 5, 1 - 2.0 / 32);
    expect_interval({5, 3, 1, 2, 4, 6}, 1, 6, 1 - 2.0 / 64);
    expect_interval({5, 3, 1, 2, 4, 6, 7, 8}, 1, 8, 1 - 2.0 / 256);
    // The least and the most may be left out: that 9 coins of 9 show one side, or 8, is rarer than 5 %.
    expect_interval({9, 5, 3, 1, 2, 4, 6, 7, 8}, 2, 8, 1 - 2.0 * 10 / 512);
}

TEST(SummaryTest, MediansAreOfTheMiddle) {
    const Summary odd = summary_of({7, 1, 3});
    EXPECT_EQ(odd.median, 3);
    EXPECT_EQ(odd.least, 1);
    EXPECT_EQ(odd.most, 7);
    ASSERT_EQ(odd.counters.size(), 1U);
    EXPECT_EQ(odd.counters[0].per_operation, 30);
    ASSERT_EQ(odd.steps.size(), 1U) << "those of the first repeat";
    EXPECT_EQ(odd.steps[0].operations, 0U);
    EXPECT_EQ(summary_of({1, 2, 4, 100}).median, 3);
}

}  // namespace
}  // namespace zverse::test
