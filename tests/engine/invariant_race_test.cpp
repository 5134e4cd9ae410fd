// Goal:    what programs build on the store holds under concurrency: money is neither made nor lost, counters count,
//          and writers that wait for space get it in turn or are told.
// Method:  several threads write, others look, and a sum that only correct isolation preserves is checked throughout.
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace zverse::test {

namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kAccounts = 16;
constexpr std::int64_t kOpening = 1000;

std::uint64_t rounds(std::uint64_t otherwise) {
    return environment_number("ZVERSE_RACE_OPERATIONS", kSanitized ? otherwise / 20 : otherwise);
}

std::string account(std::size_t number) { return "account/" + std::to_string(number); }

struct InvariantConfig {
    std::string name;
    Sharding sharding;
    const char* granularity;
    Durability durability;
};

class InvariantRaceTest : public ::testing::TestWithParam<InvariantConfig> {
protected:
    [[nodiscard]] Options options() const {
        Options options = small_options();
        options.sharding = GetParam().sharding;
        options.force_granularity = GetParam().granularity;
        options.durability = GetParam().durability;
        options.shards = 2;
        options.ring_bytes = 64 << 20;
        options.write_timeout = std::chrono::seconds(60);
        return options;
    }

    static void open_accounts(Store& store) {
        WriteBatch batch;
        for (std::size_t i = 0; i < kAccounts; ++i) batch.put(account(i), std::to_string(kOpening));
        static_cast<void>(must(store.write(batch)));
    }

    /// Moves everything to the cold tier, again and again.
    static void flush(Store& store) {
        must(store.flush());
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

    /// The sum of all accounts as of one version, read in three ways.
    static void check_sum(Store& store) {
        constexpr std::int64_t kSum = kOpening * std::int64_t{kAccounts};
        const Snapshot snapshot = store.snapshot();
        std::int64_t scanned = 0;
        Cursor cursor = must(store.scan(prefix_range("account/"), snapshot.version()));
        while (must(cursor.next())) scanned += std::stoll(std::string(cursor.entry().value));
        ASSERT_EQ(scanned, kSum) << "scan as of " << snapshot.version();
        std::int64_t got = 0;
        for (std::size_t i = 0; i < kAccounts; ++i) {
            got += std::stoll(must(store.get(account(i), snapshot.version())).value());
        }
        ASSERT_EQ(got, kSum) << "get as of " << snapshot.version();
        std::vector<std::string> names;
        for (std::size_t i = 0; i < kAccounts; ++i) names.push_back(account(i));
        const std::vector<std::string_view> keys(names.begin(), names.end());
        std::vector<std::optional<std::string>> values(kAccounts);
        must(store.multi_get(keys, values));  // the latest state is one version, too
        std::int64_t latest = 0;
        for (const auto& value : values) latest += std::stoll(value.value());
        ASSERT_EQ(latest, kSum) << "multi_get of the latest state";
    }
};

TEST_P(InvariantRaceTest, BatchesMoveMoneyWhole) {
    const SeedScope seed;
    const TempDirectory directory;
    Store store = must(Store::open(directory / "store", options()));
    open_accounts(store);
    std::atomic<std::uint64_t> looked{0};
    Companion auditor([&] {
        check_sum(store);
        ++looked;
    });
    Companion flusher([&] { flush(store); });
    run_threads(kThreads, [&](std::size_t thread) {
        // Each thread has its own accounts, so it knows their balances; only atomicity can break the sum.
        Random random(mix(seed.seed(), thread));
        std::vector<std::int64_t> balances(kAccounts / kThreads, kOpening);
        for (std::uint64_t i = rounds(20'000); i > 0; --i) {
            const std::size_t from = random.below(balances.size());
            const std::size_t to = random.below(balances.size());
            const auto amount = static_cast<std::int64_t>(random.below(100));
            balances[from] -= amount;
            balances[to] += amount;
            WriteBatch batch;
            batch.put(account(thread + from * kThreads), std::to_string(balances[from]));
            batch.put(account(thread + to * kThreads), std::to_string(balances[to]));
            static_cast<void>(must(store.write(batch)));
        }
    });
    auditor.finish();
    flusher.finish();
    check_sum(store);
    EXPECT_GT(looked.load(), 0U);
}

TEST_P(InvariantRaceTest, TransactionsMoveMoneyWhole) {
    const SeedScope seed;
    const TempDirectory directory;
    Store store = must(Store::open(directory / "store", options()));
    open_accounts(store);
    std::atomic<std::uint64_t> conflicts{0};
    Companion auditor([&] { check_sum(store); });
    Companion flusher([&] { flush(store); });
    run_threads(kThreads, [&](std::size_t thread) {
        Random random(mix(seed.seed(), thread));
        for (std::uint64_t moved = 0; moved < rounds(8'000);) {
            const std::size_t from = random.below(kAccounts);
            const std::size_t to = (from + 1 + random.below(kAccounts - 1)) % kAccounts;
            const auto amount = static_cast<std::int64_t>(random.below(100));
            Transaction transaction = store.begin();
            const std::int64_t left = std::stoll(must(transaction.get(account(from))).value()) - amount;
            const std::int64_t right = std::stoll(must(transaction.get(account(to))).value()) + amount;
            transaction.put(account(from), std::to_string(left));
            transaction.put(account(to), std::to_string(right));
            const Result<Version> committed = transaction.commit();
            if (committed.has_value()) {
                ++moved;
            } else {
                expect_error(committed, ErrorCode::conflict);
                ++conflicts;
            }
        }
    });
    auditor.finish();
    flusher.finish();
    check_sum(store);
    std::printf("bank: %lu conflicts\n", conflicts.load());
}

TEST_P(InvariantRaceTest, PutIfCountsEveryIncrement) {
    const TempDirectory directory;
    Store store = must(Store::open(directory / "store", options()));
    const std::uint64_t each = rounds(10'000);
    std::atomic<std::uint64_t> conflicts{0};
    Companion flusher([&] { flush(store); });
    run_threads(kThreads, [&](std::size_t) {
        for (std::uint64_t counted = 0; counted < each;) {
            std::string value;
            Version version = 0;
            const bool there = must(store.get_into("counter", value, kLatest, &version));
            const std::uint64_t next = (there ? std::stoull(value) : 0) + 1;
            const Result<Version> written = store.put_if("counter", std::to_string(next), version);
            if (written.has_value()) {
                ++counted;
                continue;
            }
            expect_error(written, ErrorCode::conflict);
            // What it lost against is newer than what it read.
            ASSERT_GT(written.error().version(), version);
            ++conflicts;
        }
    });
    flusher.finish();
    EXPECT_EQ(must(store.get("counter")), std::to_string(each * kThreads));
    // Each increment is one version, and the history counts down without a gap.
    std::uint64_t expected = each * kThreads;
    Cursor history = must(store.history("counter"));
    while (must(history.next())) ASSERT_EQ(history.entry().value, std::to_string(expected--));
    EXPECT_EQ(expected, 0U);
    std::printf("counter: %lu conflicts\n", conflicts.load());
}

void PrintTo(const InvariantConfig& config, std::ostream* out) { *out << config.name; }

INSTANTIATE_TEST_SUITE_P(
    Configurations, InvariantRaceTest,
    ::testing::Values(InvariantConfig{"by_core_cache_line_power", Sharding::by_core, "cache_line", Durability::power},
                      InvariantConfig{"by_key_byte_process", Sharding::by_key, "byte", Durability::process},
                      InvariantConfig{"by_core_page_power", Sharding::by_core, "page", Durability::power}),
    [](const auto& test) { return test.param.name; });

// ---- A full ring.

Options full_ring_options() {
    Options options = small_options();
    options.write_timeout = std::chrono::seconds(60);
    return options;
}

TEST(FullRing, WaitingWritersAreWokenByAFlush) {
    const SeedScope seed;
    const TempDirectory directory;
    Store store = must(engine::StoreAccess::open(directory / "store", full_ring_options(), {.flush_by_hand = true}));
    std::atomic<std::uint64_t> flushes{0};
    Companion flusher([&] {
        must(store.flush());
        ++flushes;
        std::this_thread::yield();
    });
    // Far more bytes than the ring has, in frames of very different sizes: the large ones must not starve.
    run_threads(kThreads, [&](std::size_t thread) {
        Random random(mix(seed.seed(), thread));
        Version last = 0;
        for (std::uint64_t i = rounds(3'000); i > 0; --i) {
            const std::string value(random.one_in(8) ? 200 << 10 : random.below(4 << 10), 'v');
            const Version version = must(store.put("writer" + std::to_string(thread), value));
            ASSERT_GT(version, last);
            last = version;
        }
    });
    flusher.finish();
    std::printf("full ring: %lu flushes\n", flushes.load());
}

TEST(FullRing, TimedOutWritersPassTheTurnOnAndNothingIsApplied) {
    const TempDirectory directory;
    Options options = full_ring_options();
    options.write_timeout = std::chrono::milliseconds(20);
    Store store = must(engine::StoreAccess::open(directory / "store", options, {.flush_by_hand = true}));
    const std::string large(100 << 10, 'x');
    std::uint64_t applied = 0;
    while (store.put("filler", large).has_value()) ++applied;
    const Version latest = store.latest_version();

    std::atomic<int> full{0};
    run_threads(kThreads, [&](std::size_t thread) {
        const Result<Version> refused = store.put("refused" + std::to_string(thread), large);
        expect_error(refused, ErrorCode::full);
        ++full;
    });
    EXPECT_EQ(full.load(), int{kThreads});
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
        EXPECT_EQ(must(store.get("refused" + std::to_string(thread))), std::nullopt);
    }
    EXPECT_EQ(must(store.get("filler")), large) << "reads go on";
    must(store.flush());
    EXPECT_EQ(must(store.get("filler")), large);
    run_threads(kThreads, [&](std::size_t thread) {
        EXPECT_GT(must(store.put("accepted" + std::to_string(thread), large)), latest);
    });
    EXPECT_GT(applied, 2U);
}

TEST(FullRing, CloseWakesWaitersWithClosed) {
    const TempDirectory directory;
    Store store = must(engine::StoreAccess::open(directory / "store", full_ring_options(), {.flush_by_hand = true}));
    const std::string large(100 << 10, 'x');
    // The writer fills the ring and then waits; nothing but close() can end that.
    std::atomic<std::uint64_t> puts{0};
    std::optional<Error> ended;
    std::jthread writer([&] {
        for (;;) {
            ++puts;
            const Result<Version> written = store.put("filler", large);
            if (written.has_value()) continue;
            ended = written.error();
            return;
        }
    });
    // At most nine such frames fit: the tenth put never returns by itself.
    while (puts.load() < 9) std::this_thread::yield();
    must(store.close());
    writer.join();
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->code(), ErrorCode::closed) << describe(*ended);
}

}  // namespace

}  // namespace zverse::test
