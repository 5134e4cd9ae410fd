// Goal:    figures are what they say: quantiles to one part in 64, Zipf's law as written, every record inserted once,
//          no wrong answer overlooked, and a stall counted for all the operations it held up when the loop is open.
// Method:  sorted samples beside the histogram; frequencies beside the law; engines made of a map that lie or stall.
#include <bench/load/histogram.h>
#include <bench/load/runner.h>
#include <support/random.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace zverse::test {
namespace {

using namespace bench;

TEST(LatencyHistogram, QuantilesAreRightToOnePartIn64) {
    const SeedScope scope;
    Random random(scope.seed());
    LatencyHistogram histogram;
    std::vector<std::uint64_t> all;
    for (int i = 0; i < 20'000; ++i) {
        all.push_back(random.next() >> random.below(64));
        histogram.add(all.back());
    }
    std::ranges::sort(all);
    EXPECT_EQ(histogram.count(), all.size());
    EXPECT_EQ(histogram.max(), all.back());
    for (const double share : {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
        const auto exact = static_cast<double>(all[rank - 1]);
        EXPECT_GE(histogram.quantile(share), exact) << share;
        EXPECT_LE(histogram.quantile(share), exact * (1 + 1.0 / 64)) << share;
    }
}

TEST(LatencyHistogram, SumsAreAsIfAllHadBeenInOne) {
    LatencyHistogram one, two, both;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        (i % 3 == 0 ? one : two).add(i * i);
        both.add(i * i);
    }
    one.add(two);
    EXPECT_EQ(one.count(), both.count());
    for (const double share : {0.1, 0.5, 0.99, 1.0}) EXPECT_EQ(one.quantile(share), both.quantile(share));
    one.clear();
    EXPECT_EQ(one.count(), 0U);
    EXPECT_EQ(one.quantile(0.5), 0);
}

TEST(KeyChoice, RanksFollowZipfsLaw) {
    const SeedScope scope;
    Random random(scope.seed());
    constexpr std::uint64_t kItems = 1000;
    constexpr int kDraws = 400'000;
    const ZipfLaw law(kItems);
    std::vector<double> seen(kItems);
    for (int i = 0; i < kDraws; ++i) seen[law.rank(random)] += 1.0 / kDraws;
    double zeta = 0;
    for (std::uint64_t i = 1; i <= kItems; ++i) zeta += 1 / std::pow(static_cast<double>(i), ZipfLaw::kExponent);
    // The first two ranks are exact, the others close in the method's approximation.
    EXPECT_NEAR(seen[0], 1 / zeta, 0.005);
    EXPECT_NEAR(seen[1], std::pow(0.5, ZipfLaw::kExponent) / zeta, 0.004);
    double head = 0, expected_head = 0;
    for (std::uint64_t i = 0; i < 100; ++i) {
        head += seen[i];
        expected_head += 1 / std::pow(static_cast<double>(i + 1), ZipfLaw::kExponent) / zeta;
    }
    EXPECT_NEAR(head, expected_head, 0.03);
}

TEST(Dataset, NoOtherValueBelongs) {
    const Dataset dataset({.key_bytes = 20, .value_bytes_min = 50, .value_bytes_max = 90}, KeyOrder::scattered);
    std::string key, value, other;
    dataset.key(12, key);
    EXPECT_EQ(key.size(), 20U);
    EXPECT_EQ(Dataset::number_of(key), 12U);
    dataset.value(12, 3, value);
    EXPECT_TRUE(dataset.belongs(value, 12));
    EXPECT_EQ(Dataset::round_of(value), 3U);
    EXPECT_FALSE(dataset.belongs(value, 13));
    dataset.value(13, 3, other);
    EXPECT_FALSE(dataset.belongs(other, 12));
    EXPECT_FALSE(dataset.belongs(value.substr(0, 49), 12));
    EXPECT_FALSE(dataset.belongs(value.substr(1) + "x", 12));
    EXPECT_FALSE(dataset.belongs(value + std::string(60, 'x'), 12));
    value.back() = static_cast<char>(value.back() ^ 1);
    EXPECT_FALSE(dataset.belongs(value, 12));
    const Dataset ordered({}, KeyOrder::by_number);
    std::string before;
    for (std::uint64_t number = 0; number < 1000; number += 37) {
        ordered.key(number, key);
        EXPECT_GT(key, before);
        before = key;
    }
}

TEST(OperationDraw, ThreadsInsertEachRecordOnceAndReadOnlyWhatIsThere) {
    const Workload workload{.mix = {{OperationKind::read, 50}, {OperationKind::insert, 50}},
                            .popularity = Popularity::latest};
    const ZipfLaw law(100);
    constexpr unsigned kThreads = 3;
    std::set<std::uint64_t> inserted;
    std::vector<std::uint64_t> counts;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
        OperationDraw draw(workload, &law, {100, 100}, thread, kThreads, 5);
        std::set<std::uint64_t> own;
        std::vector<Operation> operations;
        for (int block = 0; block < 40; ++block) {
            draw.draw(50, operations);
            const std::set<std::uint64_t> before = own;
            for (const Operation& each : operations) {
                if (each.kind == OperationKind::insert) {
                    EXPECT_TRUE(inserted.insert(each.number).second) << each.number;
                    own.insert(each.number);
                } else {
                    EXPECT_TRUE(each.number < 100 || before.contains(each.number)) << each.number;
                }
            }
        }
        EXPECT_EQ(draw.inserted(), own.size());
        counts.push_back(own.size());
    }
    const RecordNumbers after = after_inserts({100, 100}, counts);
    for (std::uint64_t number = 100; number < after.count; ++number) EXPECT_TRUE(inserted.contains(number)) << number;
    EXPECT_LT(*inserted.rbegin(), after.next);
}

/// A map that lies when it is told to.
class MapEngine final : public Engine {
public:
    enum class Fault { none, loses, swaps_values, stalls_once, scans_backwards };
    explicit MapEngine(Fault fault) : fault_(fault) {}

    std::string_view name() const noexcept override { return "map"; }
    std::string settings() const override { return "none"; }
    Abilities abilities() const noexcept override { return {}; }
    std::unique_ptr<Session> session() override { return std::make_unique<MapSession>(*this); }
    void settle() override {}

    std::map<std::string, std::string, std::less<>> records;

private:
    class MapSession final : public Session {
    public:
        explicit MapSession(MapEngine& engine) : engine_(engine) {}
        void put(std::string_view key, std::string_view value) override {
            const std::scoped_lock lock(engine_.mutex_);
            engine_.records.insert_or_assign(std::string(key), std::string(value));
        }
        void erase(std::string_view key) override { engine_.records.erase(std::string(key)); }
        void write(std::span<const Record> batch) override {
            for (const Record& record : batch) put(record.key, record.value);
        }
        bool get(std::string_view key, std::string& value) override {
            const std::scoped_lock lock(engine_.mutex_);
            if (engine_.fault_ == Fault::stalls_once && ++engine_.gets_ == 20)
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            const auto found = engine_.records.find(key);
            if (found == engine_.records.end() || engine_.fault_ == Fault::loses) return false;
            value = engine_.fault_ == Fault::swaps_values ? engine_.records.rbegin()->second : found->second;
            return true;
        }
        std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink) override {
            std::vector<Record> found;
            for (auto it = engine_.records.lower_bound(begin); it != engine_.records.end() && found.size() < count;
                 ++it)
                found.push_back({it->first, it->second});
            if (engine_.fault_ == Fault::scans_backwards) std::ranges::reverse(found);
            for (const Record& record : found) sink.take(record.key, record.value);
            return found.size();
        }

    private:
        MapEngine& engine_;
    };

    Fault fault_;
    std::mutex mutex_;
    int gets_ = 0;
};

class RunnerTest : public ::testing::Test {
protected:
    Outcome run_on(MapEngine::Fault fault, const Workload& workload, Plan plan) {
        MapEngine engine(fault);
        const auto session = engine.session();
        std::string key, value;
        for (std::uint64_t number = 0; number < kRecords; ++number) {
            dataset_.key(number, key);
            dataset_.value(number, 0, value);
            session->put(key, value);
        }
        Outcome outcome = run(engine, dataset_, workload, {kRecords, kRecords}, nullptr, plan, {});
        records_ = engine.records.size();
        return outcome;
    }

    static constexpr std::uint64_t kRecords = 500;
    const Dataset dataset_{{}, KeyOrder::scattered};
    const Workload reads_{.mix = {{OperationKind::read, 100}}};
    std::size_t records_ = 0;
};

TEST_F(RunnerTest, OperationsAreCountedAndRecordsInserted) {
    const Workload inserts{.mix = {{OperationKind::insert, 100}}};
    const Outcome outcome = run_on(MapEngine::Fault::none, inserts, {.threads = 2, .operations = 3000});
    EXPECT_EQ(outcome.operations, 3000U);
    EXPECT_EQ(records_, kRecords + 3000);
    EXPECT_GT(outcome.per_second, 0);
    EXPECT_GT(outcome.latency.count(), 0U);
    const Workload batches{.mix = {{OperationKind::insert_batch, 100}}};
    EXPECT_EQ(run_on(MapEngine::Fault::none, batches, {.threads = 2, .operations = 3200}).operations, 3200U);
    EXPECT_EQ(records_, kRecords + 3200);
}

TEST_F(RunnerTest, WrongAnswersEndTheRun) {
    const Plan plan{.threads = 2, .seconds = 10};
    EXPECT_THROW(static_cast<void>(run_on(MapEngine::Fault::loses, reads_, plan)), std::runtime_error);
    EXPECT_THROW(static_cast<void>(run_on(MapEngine::Fault::swaps_values, reads_, plan)), std::runtime_error);
    const Workload scans{.mix = {{OperationKind::scan, 100}}};
    EXPECT_THROW(static_cast<void>(run_on(MapEngine::Fault::scans_backwards, scans, plan)), std::runtime_error);
}

// 1000 operations a second and one stall of 50 ms: some fifty are late in an open loop, one in a closed loop.
TEST_F(RunnerTest, AnOpenLoopCountsFromTheIntendedMoment) {
    const Outcome open = run_on(MapEngine::Fault::stalls_once, reads_, {.operations = 200, .rate = 1000});
    EXPECT_GT(open.latency.quantile(0.9), 5e6);
    const Outcome closed = run_on(MapEngine::Fault::stalls_once, reads_, {.operations = 200});
    EXPECT_LT(closed.latency.quantile(0.9), 5e6);
    EXPECT_GE(closed.latency.quantile(1), 50e6) << "whatever block it came in";
}

TEST_F(RunnerTest, ARunEndsWhenItIsInterrupted) {
    MapEngine engine(MapEngine::Fault::none);
    const Workload inserts{.mix = {{OperationKind::insert, 100}}};
    int asked = 0;
    const Outcome outcome =
        run(engine, dataset_, inserts, {}, nullptr, {.seconds = 1000}, [&] { return ++asked == 3; });
    EXPECT_GT(outcome.operations, 0U);
    EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace zverse::test
