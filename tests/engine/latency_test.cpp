// Goal:    latencies are histograms as OpenMetrics has them, of every 256th put and get and of every batch and sync.
// Method:  the histogram alone; then a store, whose figures must have as many samples as it was asked for.
#include <support/results.h>
#include <support/temp_store.h>

#include <hot/latency.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <string>

namespace zverse::test {
namespace {

TEST(LatencyHistogramTest, BoundsDoubleAndTheLastBucketHasNone) {
    hot::LatencyHistogram histogram;
    constexpr unsigned kLast = hot::LatencyHistogram::kBuckets - 1;
    for (unsigned bucket = 0; bucket < kLast; ++bucket) {
        const std::uint64_t bound = hot::LatencyHistogram::bound_nanoseconds(bucket);
        histogram.add(bound - 1);
        histogram.add_shared(bound);
    }
    EXPECT_EQ(histogram.count(0), 1U);
    for (unsigned bucket = 1; bucket < kLast; ++bucket) EXPECT_EQ(histogram.count(bucket), 2U) << bucket;
    EXPECT_EQ(histogram.count(kLast), 1U);
    histogram.add(~std::uint64_t{0} >> 1);
    EXPECT_EQ(histogram.count(kLast), 2U);
}

class LatencyTest : public ::testing::Test {
protected:
    [[nodiscard]] double samples(const std::string& name, const std::string& labels = "") const {
        return store.stats().value(name + "_count" + labels).value_or(-1);
    }
    TempDirectory directory;
    Store store = must(Store::open(directory / "store", small_options()));
    const std::string power = "{class=\"power\"}";
};

TEST_F(LatencyTest, PutsAndGetsAreSampledBatchesAndSyncsAreNot) {
    constexpr int kSamples = 10, kEvery = static_cast<int>(hot::kTimedEvery);
    for (int i = 0; i < kSamples * kEvery; ++i) must(store.put("some key " + std::to_string(i % 7), "value"));
    EXPECT_EQ(samples("zverse_put_seconds", power), kSamples);
    std::string value;
    for (int i = 0; i < kSamples * kEvery; ++i) must(store.get_into("some key 1", value));
    EXPECT_EQ(samples("zverse_get_seconds"), kSamples);
    for (int i = 0; i < kSamples * kEvery; ++i) must(store.get("k" + std::to_string(i), kLatest));
    EXPECT_EQ(samples("zverse_get_seconds"), 2 * kSamples) << "of unusual keys, too";
    WriteBatch batch;
    batch.put("a", "b");
    for (int i = 0; i < kSamples; ++i) must(store.write(batch));
    EXPECT_EQ(samples("zverse_write_seconds", power), kSamples);
    EXPECT_GT(store.stats().value("zverse_put_seconds_sum" + power).value_or(0), 0);
}

TEST_F(LatencyTest, TheTextIsAHistogramOfOpenMetrics) {
    for (int i = 0; i < 1000; ++i) must(store.put("some key", "value"));
    const std::string text = store.stats().to_openmetrics();
    EXPECT_NE(text.find("# TYPE zverse_put_seconds histogram\n"), std::string::npos) << text;
    EXPECT_NE(text.find("zverse_put_seconds_bucket{class=\"power\",le=\"2.56e-07\"} "), std::string::npos) << text;
    EXPECT_NE(text.find("zverse_put_seconds_bucket{class=\"power\",le=\"+Inf\"} 3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("zverse_put_seconds_count{class=\"power\"} 3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("# TYPE zverse_delay_seconds histogram\n"), std::string::npos) << text;
    double below = 0;
    for (const Stats::Metric& metric : store.stats().metrics()) {
        if (metric.name != "zverse_put_seconds_bucket") continue;
        EXPECT_GE(metric.value, below) << metric.labels;
        below = metric.value;
    }
    EXPECT_LE(store.stats().metrics().size(), 200U) << "of a store with one ring";
}

}  // namespace
}  // namespace zverse::test
