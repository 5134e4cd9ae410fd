// Goal:    under concurrency the store is linearizable, and snapshots are stable and complete.
// Method:  threads do random calls on a few hot keys and log what they saw (racer.h); afterwards the logs are sorted by
//          version and checked (support/version_order.h). A follower reads `changes` all the while and must see every
//          write once, in order. In half of the configurations rings of 1 MiB are drained beside the writers.
//
// ZVERSE_RACE_OPERATIONS is the number of calls for each thread.
#include <engine/racer.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>
#include <support/version_order.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zverse::test {

namespace {

constexpr std::size_t kThreads = 4;

struct RaceConfig {
    std::string name;
    Sharding sharding;
    const char* granularity;
    Durability durability;
    unsigned shards;
    bool drained;  ///< 1 MiB rings, and a drain beside the writers; else rings that hold everything
};

Options options_of(const RaceConfig& config) {
    Options options = small_options();
    options.sharding = config.sharding;
    options.force_granularity = config.granularity;
    options.durability = config.durability;
    options.shards = config.shards;
    options.ring_bytes = config.drained ? 1 << 20 : 64 << 20;
    options.write_timeout = std::chrono::seconds(60);
    return options;
}

/// (version, key, number): a record as the checks compare it.
using Record = std::tuple<Version, std::string, std::uint64_t>;

Record record_of(const Entry& entry) {
    return {entry.version, std::string(entry.key), entry.tombstone ? 0 : number_of(entry.value)};
}

/// The tail of `changes`, read again and again while others write.
class Follower {
public:
    explicit Follower(Store& store) : store_(store) {}

    void follow() {
        const Version newest = must(store_.wait_newer(last_, std::chrono::milliseconds(1)));
        if (newest <= last_) return;
        Cursor cursor = must(store_.changes({last_, newest}));
        while (must(cursor.next())) records_.push_back(record_of(cursor.entry()));
        last_ = newest;
    }
    [[nodiscard]] const std::vector<Record>& records() const noexcept { return records_; }

private:
    Store& store_;
    Version last_ = 0;
    std::vector<Record> records_;
};

class RaceTest : public ::testing::TestWithParam<RaceConfig> {
protected:
    using Racers = std::vector<std::unique_ptr<Racer>>;

    void race(Store& store, std::uint64_t seed) {
        const std::uint64_t operations = environment_number("ZVERSE_RACE_OPERATIONS", kSanitized ? 2'000 : 40'000);
        for (std::size_t thread = 0; thread < kThreads; ++thread) {
            racers_.push_back(std::make_unique<Racer>(store, seed, thread));
        }
        run_threads(kThreads, [&](std::size_t thread) { racers_[thread]->run(operations); });
    }

    /// Every operation of every thread, sorted as `changes` shows them.
    [[nodiscard]] std::vector<Record> records() const {
        std::vector<Record> records;
        for (const auto& racer : racers_) {
            for (const WriteEvent& write : racer->log().writes) {
                records.emplace_back(write.version, key_of(write.key), write.value);
            }
        }
        std::ranges::sort(records);
        return records;
    }

    /// Linearizability of everything logged, with what tells no version given the one of its value.
    void check_order(EventLog drains) const {
        std::unordered_map<std::uint64_t, Version> versions;  // of (number, key)
        std::vector<EventLog> logs;
        for (const auto& racer : racers_) {
            logs.push_back(racer->log());
            for (const WriteEvent& write : racer->log().writes) {
                if (write.value != 0) versions[write.value * kRaceKeys + write.key] = write.version;
            }
        }
        for (const auto& racer : racers_) {
            for (ReadEvent read : racer->reads_without_version()) {
                if (read.value != 0) read.found = versions[read.value * kRaceKeys + read.key];
                logs.front().reads.push_back(read);
            }
        }
        logs.push_back(std::move(drains));
        for (const std::string& violation : check_version_order(logs)) ADD_FAILURE() << violation;
    }

    /// First committer wins: nobody else wrote a transaction's keys between its start and its commit.
    void check_transactions() const {
        const std::vector<Record> all = records();
        std::size_t commits = 0;
        for (const auto& racer : racers_) {
            for (const Racer::Commit& commit : racer->commits()) {
                ++commits;
                auto record =
                    std::ranges::upper_bound(all, commit.start, {}, [](const Record& r) { return std::get<0>(r); });
                for (; record != all.end() && std::get<0>(*record) < commit.version; ++record) {
                    const std::string& key = std::get<1>(*record);
                    EXPECT_TRUE(key != key_of(commit.key) && key != key_of(commit.other))
                        << "version " << std::get<0>(*record) << " of " << key << " lies inside the transaction from "
                        << commit.start << " to " << commit.version;
                }
            }
        }
        EXPECT_GT(commits, 0) << "no transaction was ever committed";
    }

    Racers racers_;
};

TEST_P(RaceTest, EveryCallHasItsPlaceInTheVersionOrder) {
    const SeedScope seed;
    const TempDirectory directory;
    // A flush beside a drain would settle what the drain's version does not cover.
    const engine::Internals internals{.flush_by_hand = GetParam().drained};
    Store store = must(engine::StoreAccess::open(directory / "store", options_of(GetParam()), internals));
    EventLog drains;
    std::optional<Follower> follower;
    if (!GetParam().drained) follower.emplace(store);
    {
        Companion companion([&] {
            if (follower.has_value()) return follower->follow();
            const Moment before = now();
            const Version upto = must(engine::StoreAccess::drain(store));
            drains.drains.push_back({{before, now()}, upto});
        });
        race(store, seed.seed());
        companion.finish();
    }
    const std::size_t drain_count = drains.drains.size();
    check_order(std::move(drains));
    std::size_t reads = 0;
    for (const auto& racer : racers_) reads += racer->log().reads.size();
    std::printf("race: %zu records, %zu reads, %zu drains\n", records().size(), reads, drain_count);
    if (!follower.has_value()) return;
    check_transactions();
    follower->follow();
    EXPECT_TRUE(follower->records() == records()) << "changes, followed, differ from what was written";
    for (std::uint32_t key = 0; key < kRaceKeys; ++key) {
        std::vector<Record> kept;
        Cursor history = must(store.history(key_of(key), {}, {.reverse = true}));
        while (must(history.next())) kept.push_back(record_of(history.entry()));
        std::vector<Record> written = records();
        std::erase_if(written, [&](const Record& record) { return std::get<1>(record) != key_of(key); });
        EXPECT_TRUE(kept == written) << "history of " << key_of(key) << " differs from what was written";
    }
}

void PrintTo(const RaceConfig& config, std::ostream* out) { *out << config.name; }

INSTANTIATE_TEST_SUITE_P(
    Configurations, RaceTest,
    ::testing::Values(
        RaceConfig{"by_core_cache_line_power", Sharding::by_core, "cache_line", Durability::power, 2, false},
        RaceConfig{"by_key_byte_process", Sharding::by_key, "byte", Durability::process, 3, false},
        RaceConfig{"by_core_page_power", Sharding::by_core, "page", Durability::power, 2, false},
        RaceConfig{"by_core_cache_line_power_drained", Sharding::by_core, "cache_line", Durability::power, 2, true},
        RaceConfig{"by_key_cache_line_process_drained", Sharding::by_key, "cache_line", Durability::process, 1, true},
        RaceConfig{"by_key_page_power_drained", Sharding::by_key, "page", Durability::power, 2, true}),
    [](const auto& test) { return test.param.name; });

}  // namespace

}  // namespace zverse::test
