// Goal:    whatever a program does through the public API, the engine answers what a map of versions answers.
// Method:  random operations on both (oracle.h), for both shardings, the three granularities and both classes, on rings
//          of 1 MiB that wrap all the time, with drains, reopenings, kills and power cuts in between; some with
//          compressed histories, with histories along fixed curves or along those that suit what is asked, and with
//          changes that are sorted on the disk.
//
// ZVERSE_ORACLE_OPERATIONS is the number of operations for each configuration.
#include <engine/oracle.h>
#include <platform/compression.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace zverse::test {

namespace {

Oracle::Counts& totals() {
    static Oracle::Counts counts;
    return counts;
}

/// Every combination of sharding, granularity and class, each with other numbers of rings and other internals.
std::vector<OracleConfig> configurations() {
    std::vector<OracleConfig> configs;
    for (const Sharding sharding : {Sharding::by_core, Sharding::by_key}) {
        for (const char* granularity : {"byte", "cache_line", "page"}) {
            for (const Durability durability : {Durability::power, Durability::process}) {
                const auto number = static_cast<unsigned>(configs.size());
                OracleConfig config;
                config.options = small_options();
                config.options.sharding = sharding;
                config.options.force_granularity = granularity;
                config.options.durability = durability;
                config.options.shards = 1 + number % 3;
                config.options.sync.every_writes = number % 2 == 0 ? 0 : 100;
                if (number % 4 == 1) config.options.force_kernel = "scalar";
                if (number % 4 == 2) config.options.force_io = "posix";
                if (number % 3 == 1) config.options.cold_reads = ColdReads::copied;
                if (number % 5 == 3) {
                    config.internals.stepped_worker = true;
                    config.options.retention.max_versions_behind = 500;
                }
                if (platform::has_compression() && number % 5 < 2) config.options.compression = Compression::history;
                // Half of them fixed; the others chosen by the first queries there are.
                constexpr const char* kCurves[] = {"kv", "", "v", "", "k", ""};
                config.options.curve = kCurves[number % std::size(kCurves)];
                config.internals.curve_queries_min = 4;
                // Sorts of changes where others would take their places: some of them outgrow a small budget.
                if (number % 4 == 3) config.internals.changes_places = 8;
                if (number % 4 == 3) config.options.memory_bytes_max = std::uint64_t{18} << 20;
                // Few address bits: the index wraps and sweeps every few laps of a ring.
                if (number % 2 == 1) config.internals.index_address_bits = 24;
                // A near clock limit: it is extended, and waited for, all the time.
                if (number % 3 == 2) config.internals.clock_block = 1 << 12;
                if (number % 3 == 2) config.internals.clock_margin = 1 << 8;
                config.name = std::string(sharding == Sharding::by_core ? "by_core" : "by_key") + "_" + granularity +
                              (durability == Durability::power ? "_power" : "_process");
                configs.push_back(std::move(config));
            }
        }
    }
    return configs;
}

class OracleTest : public ::testing::TestWithParam<OracleConfig> {
public:
    static void TearDownTestSuite() {
        for (const auto& [name, count] : totals()) std::printf("  %-28s %10lu\n", name.c_str(), count);
        std::printf("oracle: %lu operations compared\n", totals()["operations"]);
        if (totals()["operations"] < 500'000) return;
        // A generator that stopped reaching something would make every run green. Asked of all configurations
        // together: a single one misses the rarer of these with some seeds.
        for (const char* reached : {"full", "drains", "flushes", "clean closes", "floors", "kills", "put_if won",
                                    "put_if lost", "transactions committed", "transactions lost", "class changes"}) {
            EXPECT_GT(totals()[reached], 0) << "never reached: " << reached;
        }
        EXPECT_EQ(totals()["compressed"] > 0, platform::has_compression());
        for (const char* curve : {"kv..", "v..", "k.."}) {
            EXPECT_GT(totals()[std::string("curve ") + curve], 0) << "never written: " << curve;
        }
        EXPECT_GT(totals()["curves by queries"], 0);
        EXPECT_GT(totals()["spilled sorts"], 0);
    }
};

TEST_P(OracleTest, AnswersWhatTheModelAnswers) {
    const SeedScope seed;
    const TempDirectory directory;
    const std::uint64_t operations = environment_number("ZVERSE_ORACLE_OPERATIONS", kSanitized ? 10'000 : 170'000);
    Oracle oracle(GetParam(), directory / "store", mix(seed.seed(), std::hash<std::string>()(GetParam().name)));
    oracle.run(operations);
    for (const auto& [name, count] : oracle.counts()) totals()[name] += count;
    totals()["operations"] += operations;
}

INSTANTIATE_TEST_SUITE_P(Configurations, OracleTest, ::testing::ValuesIn(configurations()),
                         [](const auto& test) { return test.param.name; });

}  // namespace

}  // namespace zverse::test
