// Goal:    each call of the public API does what include/zverse/store.h says. Read it as examples.
// Method:  one small store for each test, plain values.
#include <engine/api_fixture.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace zverse::test {

namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

TEST_F(ApiTest, ANewStoreIsEmpty) {
    EXPECT_EQ(must(store.get("color")), std::nullopt);
    EXPECT_EQ(keys(store.scan({})), Keys{});
    EXPECT_EQ(all(store.changes({})), Keys{});
    EXPECT_LE(store.floor(), store.latest_version());
    EXPECT_LE(store.durable_version(), store.latest_version());
}

TEST_F(ApiTest, EveryVersionStaysReadable) {
    const Version red = put("color", "red");
    const Version blue = put("color", "blue");
    const Version gone = must(store.erase("color"));
    const Version green = put("color", "green");
    EXPECT_LT(red, blue);
    EXPECT_LT(blue, gone);
    EXPECT_LT(gone, green);
    EXPECT_EQ(must(store.get("color")), "green");
    EXPECT_EQ(must(store.get("color", red)), "red");
    EXPECT_EQ(must(store.get("color", blue)), "blue");
    EXPECT_EQ(must(store.get("color", gone)), std::nullopt);
    EXPECT_EQ(must(store.get("color", red - 1)), std::nullopt);
    EXPECT_EQ(must(store.get("color", store.latest_version())), "green");
}

TEST_F(ApiTest, KeysAndValuesAreAnyBytes) {
    const std::string key = "a\0b\xff"s;
    const std::string value = "\0\0"s;
    put(key, value);
    put("a", "shorter");
    put("empty", "");
    EXPECT_EQ(must(store.get(key)), value);
    EXPECT_EQ(must(store.get("a\0b"s)), std::nullopt);
    EXPECT_EQ(must(store.get("empty")), "");
    EXPECT_EQ(keys(store.scan({})), (Keys{"a", key, "empty"}));
}

TEST_F(ApiTest, ErasingWhatIsNotThereTakesAVersion) {
    const Version before = put("color", "red");
    const Version erased = must(store.erase("shape"));
    EXPECT_GT(erased, before);
    EXPECT_EQ(all(store.history("shape")), Keys{at("shape!", erased)});
}

TEST_F(ApiTest, ABatchHasOneVersionAndItsLastOperationWins) {
    WriteBatch batch;
    batch.put("a", "1");
    batch.put("b", "2");
    batch.erase("a");
    batch.put("c", "3");
    batch.put("b", "4");
    EXPECT_EQ(batch.size(), 5U);
    EXPECT_GE(batch.bytes(), 9U);
    const Version version = must(store.write(batch));
    EXPECT_EQ(all(store.changes({})), (Keys{at("a!", version), at("b=4@", version), at("c=3@", version)}));
    EXPECT_EQ(must(store.get("b")), "4");
    EXPECT_EQ(must(store.get("b", version - 1)), std::nullopt);
    batch.clear();
    EXPECT_EQ(batch.size(), 0U);
    EXPECT_EQ(batch.bytes(), 0U);
    batch.put("d", "5");
    EXPECT_GT(must(store.write(batch)), version);
}

TEST_F(ApiTest, PutIfComparesTheNewestVersion) {
    const Version first = must(store.put_if("lock", "mine", 0));
    const Result<Version> second = store.put_if("lock", "yours", 0);
    expect_error(second, ErrorCode::conflict);
    EXPECT_EQ(second.error().version(), first);
    const Version third = must(store.put_if("lock", "mine again", first));
    expect_error(store.put_if("lock", "late", first), ErrorCode::conflict);
    EXPECT_EQ(must(store.get("lock")), "mine again");
    EXPECT_GT(third, first);
}

TEST_F(ApiTest, PutIfSeesAnErasedKeyAsAbsent) {
    put("lock", "held");
    const Version erased = must(store.erase("lock"));
    expect_error(store.put_if("lock", "x", erased), ErrorCode::conflict);
    EXPECT_GT(must(store.put_if("lock", "x", 0)), erased);
}

TEST_F(ApiTest, GetIntoReusesTheStringAndTellsTheVersion) {
    const Version version = put("color", "red");
    std::string value(1000, 'x');
    const std::size_t capacity = value.capacity();
    Version found = 0;
    EXPECT_TRUE(must(store.get_into("color", value, kLatest, &found)));
    EXPECT_EQ(value, "red");
    EXPECT_EQ(found, version);
    EXPECT_EQ(value.capacity(), capacity);
    EXPECT_FALSE(must(store.get_into("shape", value, kLatest, &found)));
    EXPECT_EQ(value, "");
    EXPECT_EQ(found, 0U);
    EXPECT_TRUE(must(store.get_into("color", value)));
}

TEST_F(ApiTest, VisitShowsTheStoredBytes) {
    const Version version = put("color", "red");
    int calls = 0;
    EXPECT_TRUE(must(store.visit("color", [&](const Entry& entry) {
        ++calls;
        EXPECT_EQ(entry.key, "color");
        EXPECT_EQ(entry.value, "red");
        EXPECT_EQ(entry.version, version);
        EXPECT_FALSE(entry.tombstone);
    })));
    EXPECT_EQ(calls, 1);
    const auto never = [](const Entry&) { ADD_FAILURE() << "called for what is not there"; };
    EXPECT_FALSE(must(store.visit("shape", never)));
    EXPECT_FALSE(must(store.visit("color", never, version - 1)));
    must(store.erase("color"));
    EXPECT_FALSE(must(store.visit("color", never)));
}

TEST_F(ApiTest, VisitMayReadAndWriteInside) {
    put("color", "red");
    EXPECT_TRUE(must(store.visit("color", [&](const Entry& entry) {
        put("copy", entry.value);
        EXPECT_EQ(must(store.get("copy")), "red");
        EXPECT_TRUE(must(store.visit("copy", [](const Entry& inner) { EXPECT_EQ(inner.value, "red"); })));
    })));
}

TEST_F(ApiTest, MultiGetAnswersAllAsOfOneVersion) {
    const Version first = put("a", "1");
    put("c", "3");
    put("a", "4");
    const std::vector<std::string_view> wanted = {"a", "b", "c", "a"};
    std::vector<std::optional<std::string>> values(4);
    must(store.multi_get(wanted, values));
    EXPECT_EQ(values, (std::vector<std::optional<std::string>>{"4", std::nullopt, "3", "4"}));
    must(store.multi_get(wanted, values, first));
    EXPECT_EQ(values, (std::vector<std::optional<std::string>>{"1", std::nullopt, std::nullopt, "1"}));
    must(store.multi_get({}, {}));
}

TEST_F(ApiTest, ASnapshotContainsWhatReturnedAndNothingLater) {
    put("a", "1");
    Snapshot snapshot = store.snapshot();
    const Version later = put("a", "2");
    EXPECT_LT(snapshot.version(), later);
    EXPECT_EQ(must(store.get("a", snapshot.version())), "1");
    Snapshot moved = std::move(snapshot);
    EXPECT_EQ(must(store.get("a", moved.version())), "1");
}

TEST_F(ApiTest, ATransactionReadsItsSnapshotAndItsOwnWrites) {
    put("a", "1");
    put("b", "1");
    Transaction transaction = store.begin();
    put("a", "2");
    transaction.put("c", "3");
    transaction.erase("b");
    EXPECT_EQ(must(transaction.get("a")), "1");
    EXPECT_EQ(must(transaction.get("b")), std::nullopt);
    EXPECT_EQ(must(transaction.get("c")), "3");
    EXPECT_EQ(keys(transaction.scan({})), (Keys{"a", "c"}));
    EXPECT_EQ(keys(transaction.scan({}, {.reverse = true, .limit = 1})), (Keys{"c"}));
    EXPECT_EQ(must(store.get("c")), std::nullopt) << "nobody else sees it before the commit";
    const Version version = must(transaction.commit());
    EXPECT_EQ(must(store.get("c")), "3");
    EXPECT_EQ(all(store.changes({version - 1, version})), (Keys{at("b!", version), at("c=3@", version)}));
}

TEST_F(ApiTest, TheFirstCommitterWins) {
    put("a", "1");
    Transaction first = store.begin();
    Transaction second = store.begin();
    first.put("a", "first");
    second.put("a", "second");
    second.put("b", "second");
    const Version won = must(first.commit());
    const Result<Version> lost = second.commit();
    expect_error(lost, ErrorCode::conflict, "key \"a\"");
    EXPECT_EQ(lost.error().version(), won);
    EXPECT_EQ(must(store.get("a")), "first");
    EXPECT_EQ(must(store.get("b")), std::nullopt);
    expect_error(second.commit(), ErrorCode::invalid_argument);
}

TEST_F(ApiTest, TransactionsOnOtherKeysDoNotConflict) {
    put("a", "1");
    Transaction transaction = store.begin();
    EXPECT_EQ(must(transaction.get("a")), "1");
    put("a", "2");  // read, not written, by the transaction: snapshot isolation lets both commit
    transaction.put("b", "1");
    EXPECT_GT(must(transaction.commit()), 0U);
}

TEST_F(ApiTest, ATransactionWithoutWritesCommitsAtItsSnapshot) {
    put("a", "1");
    Transaction transaction = store.begin();
    put("a", "2");
    EXPECT_EQ(must(transaction.commit()), transaction.snapshot_version());
    expect_error(transaction.commit(), ErrorCode::invalid_argument);
}

TEST_F(ApiTest, RollbackAndDestructionWriteNothing) {
    const Version before = put("a", "1");
    {
        Transaction forgotten = store.begin();
        forgotten.put("a", "2");
    }
    Transaction rolled_back = store.begin();
    rolled_back.put("a", "3");
    rolled_back.rollback();
    expect_error(rolled_back.commit(), ErrorCode::invalid_argument);
    EXPECT_EQ(must(store.get("a")), "1");
    EXPECT_EQ(all(store.changes({before, kLatest})), Keys{});
}

TEST_F(ApiTest, SyncMakesEverythingDurable) {
    const Version version = put("a", "1");
    must(store.sync());
    EXPECT_GE(store.durable_version(), version);
    must(store.wait_durable(put("b", "2")));
    must(store.wait_durable(0));
    EXPECT_EQ(must(store.get("a")), "1");
}

TEST_F(ApiTest, WaitNewerTellsTheNextVersionOrTheTime) {
    const Version version = put("a", "1");
    EXPECT_GE(must(store.wait_newer(version - 1, 10s)), version) << "at once";
    EXPECT_GE(must(store.wait_newer(store.latest_version(), 2ms)), version) << "at the timeout";
    const Version before = store.latest_version();
    std::jthread writer([&] { put("a", "2"); });
    EXPECT_GT(must(store.wait_newer(before, 60s)), before);
}

TEST_F(ApiTest, VersionAtKnowsTheTimeOfWrites) {
    const Version version = put("a", "1");
    const Result<Version> future = store.version_at(std::chrono::system_clock::now() + 1h);
    EXPECT_GE(must(future), version);
    EXPECT_LE(must(future), store.latest_version());
    expect_error(store.version_at(std::chrono::system_clock::now() - 24h), ErrorCode::version_too_old);
}

/// With nobody to write a time every second: what is known is what closing and opening noted.
TEST_F(ApiTest, VersionAtKnowsWhatWasThereWhenTheStoreWasClosedAndOpened) {
    const auto reopen = [this] {
        store = must(engine::StoreAccess::open(directory / "store", small_options(), {.stepped_worker = true}));
    };
    must(store.close());
    reopen();
    const Version first = put("a", "1");
    must(store.close());
    const auto closed = std::chrono::system_clock::now();
    std::this_thread::sleep_for(2ms);
    reopen();
    const Version second = put("a", "2");
    EXPECT_GE(must(store.version_at(closed)), first);
    EXPECT_LT(must(store.version_at(closed)), second);
    engine::StoreAccess::abandon(store);
    reopen();
    const auto opened = std::chrono::system_clock::now();
    std::this_thread::sleep_for(2ms);
    const Version third = put("a", "3");
    EXPECT_GE(must(store.version_at(opened)), second);
    EXPECT_LT(must(store.version_at(opened)), third);
    EXPECT_EQ(must(store.get("a", must(store.version_at(opened)))), "2");
}

TEST_F(ApiTest, ClosingWithoutAWriteTakesNoVersion) {
    put("a", "1");
    must(store.close());
    store = must(Store::open(directory / "store", small_options()));
    const Version latest = store.latest_version();
    for (int i = 0; i < 3; ++i) {
        must(store.close());
        store = must(Store::open(directory / "store", small_options()));
        EXPECT_EQ(store.latest_version(), latest);
    }
}

TEST_F(ApiTest, EverythingIsThereAfterReopening) {
    const Version one = put("a", "1");
    const Version two = must(store.erase("a"));
    const Version latest = store.latest_version();
    must(store.close());
    Store again = must(Store::open(directory / "store", small_options()));
    EXPECT_GE(again.latest_version(), latest);
    EXPECT_EQ(must(again.get("a", one)), "1");
    EXPECT_EQ(must(again.get("a")), std::nullopt);
    EXPECT_EQ(all(again.history("a")), (Keys{at("a!", two), at("a=1@", one)}));
    EXPECT_GT(must(again.put("a", "3")), latest);
}

TEST_F(ApiTest, StoresAreMovable) {
    put("a", "1");
    Store moved = std::move(store);
    EXPECT_EQ(must(moved.get("a")), "1");
    store = std::move(moved);
    EXPECT_EQ(must(store.get("a")), "1");
}

TEST_F(ApiTest, StatsCountAndDescribe) {
    put("a", "1");
    static_assert(!std::is_reference_v<decltype(store.stats().metrics())>,
                  "of a temporary: would dangle in a for loop");
    static_assert(!std::is_reference_v<decltype(store.stats().platform())>, "of a temporary: would dangle");
    std::size_t metrics = 0;
    for (const Stats::Metric& metric : store.stats().metrics()) metrics += metric.name.starts_with("zverse_") ? 1 : 0;
    const Stats stats = store.stats();
    EXPECT_EQ(metrics, stats.metrics().size());
    ASSERT_FALSE(stats.metrics().empty());
    for (const Stats::Metric& metric : stats.metrics()) {
        EXPECT_TRUE(metric.name.starts_with("zverse_")) << metric.name;
        EXPECT_FALSE(metric.help.empty()) << metric.name;
        EXPECT_EQ(stats.value(metric.name + metric.labels), metric.value) << metric.name << metric.labels;
    }
    EXPECT_EQ(stats.value("zverse_no_such_metric"), std::nullopt);
    EXPECT_TRUE(stats.to_openmetrics().ends_with("# EOF\n") || stats.to_openmetrics().ends_with("# EOF"));
    EXPECT_TRUE(stats.to_json().starts_with("{\"schema\":\"zverse.stats/1\""));
    ASSERT_FALSE(stats.platform().empty());
    bool forced = false, streams = false;
    for (const Capability& row : stats.platform()) {
        streams = streams || row.name == "segment writes";
        EXPECT_FALSE(row.name.empty());
        EXPECT_FALSE(row.used.empty()) << row.name;
        forced = forced || row.wanted == "cache_line";
    }
    EXPECT_TRUE(streams);
    EXPECT_TRUE(forced) << "the forced granularity is not in the platform report";
}

TEST_F(ApiTest, AfterCloseEverythingIsClosed) {
    put("a longer key", "1");
    const Version version = put("a", "1");
    Cursor cursor = must(store.scan({}));
    Snapshot snapshot = store.snapshot();
    Transaction transaction = store.begin();
    transaction.put("b", "2");
    const Version latest = store.latest_version();
    must(store.close());
    expect_error(store.put("a", "2"), ErrorCode::closed);
    expect_error(store.erase("a"), ErrorCode::closed);
    expect_error(store.put_if("a", "2", version), ErrorCode::closed);
    WriteBatch batch;
    batch.put("a", "2");
    expect_error(store.write(batch), ErrorCode::closed);
    expect_error(store.get("a"), ErrorCode::closed);
    std::string value;
    expect_error(store.get_into("a", value), ErrorCode::closed);
    expect_error(store.get_into("a longer key", value), ErrorCode::closed);
    expect_error(store.visit("a", [](const Entry&) {}), ErrorCode::closed);
    expect_error(store.multi_get({}, {}), ErrorCode::closed);
    expect_error(store.scan({}), ErrorCode::closed);
    expect_error(store.history("a"), ErrorCode::closed);
    expect_error(store.changes({}), ErrorCode::closed);
    expect_error(store.sync(), ErrorCode::closed);
    expect_error(store.wait_durable(version), ErrorCode::closed);
    expect_error(store.wait_newer(version, 1ms), ErrorCode::closed);
    expect_error(store.version_at(std::chrono::system_clock::now()), ErrorCode::closed);
    expect_error(store.close(), ErrorCode::closed);
    expect_error(cursor.next(), ErrorCode::closed);
    expect_error(cursor.seek("a"), ErrorCode::closed);
    expect_error(transaction.get("a"), ErrorCode::closed);
    expect_error(transaction.scan({}), ErrorCode::closed);
    expect_error(transaction.commit(), ErrorCode::closed);
    const Version shown[] = {store.latest_version(), store.durable_version(), store.floor(), snapshot.version()};
    for (const Version still : shown) EXPECT_LE(still, latest + 1) << "its last value, or 0; closing notes the time";
    static_cast<void>(store.stats());
    static_cast<void>(store.snapshot().version());
    expect_error(store.begin().commit(), ErrorCode::closed);
}

TEST_F(ApiTest, WhatIsHeldMayOutliveTheStore) {
    put("a", "1");
    std::optional<Cursor> cursor;
    std::optional<Snapshot> snapshot;
    std::optional<Transaction> transaction;
    {
        Store other = must(Store::open(directory / "other", small_options()));
        must(other.put("a", "1"));
        cursor.emplace(must(other.scan({})));
        snapshot.emplace(other.snapshot());
        transaction.emplace(other.begin());
        ASSERT_TRUE(must(cursor->next()));
    }
    expect_error(cursor->next(), ErrorCode::closed);
    EXPECT_EQ(cursor->entry().key, "a") << "the entry is a copy";
    expect_error(transaction->get("a"), ErrorCode::closed);
}

/// Each way to copy a value, into strings that have room and into ones that do not; in the rings, settled, and both.
TEST_F(ApiTest, ValuesOfAllSizesComeWhole) {
    const auto key = [](std::size_t size) { return "value of " + std::to_string(1000 + size); };
    const auto value = [](std::size_t size) {
        std::string bytes;
        for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>('a' + (i * 7 + size) % 26);
        return bytes;
    };
    const auto read_all = [&] {
        for (std::size_t size = 0; size <= 300; ++size) {
            for (const std::size_t room : {std::size_t{0}, size, std::size_t{400}}) {
                std::string found;
                found.reserve(room);
                found.assign(room, '-');
                Version version = 0;
                ASSERT_TRUE(must(store.get_into(key(size), found, kLatest, &version)));
                ASSERT_EQ(found, value(size)) << size << " into " << room;
                ASSERT_EQ(must(store.get(key(size), version)), value(size));
            }
        }
    };
    for (std::size_t size = 0; size <= 300; ++size) put(key(size), value(size));
    read_all();
    must(store.flush());
    read_all();
    // Some come back into the rings.
    for (std::size_t size = 0; size <= 300; size += 3) put(key(size), value(size));
    read_all();
    for (std::size_t size = 0; size <= 300; size += 2) must(store.erase(key(size)));
    for (const bool settled : {false, true}) {
        if (settled) must(store.flush());
        for (std::size_t size = 0; size <= 300; ++size) {
            std::string found = "before";
            ASSERT_EQ(must(store.get_into(key(size), found)), size % 2 == 1);
            ASSERT_EQ(found, size % 2 == 1 ? value(size) : "");
        }
    }
}

TEST_F(ApiTest, AGetBesideCloseIsAnswered) {
    put("a usual key", "its value");
    std::atomic<int> got = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            std::string value;
            for (;; ++got) {
                const Result<bool> found = store.get_into("a usual key", value);
                if (!found) return expect_error(found, ErrorCode::closed);
                ASSERT_TRUE(*found && value == "its value");
            }
        });
    }
    while (got < 1000) std::this_thread::yield();
    must(store.close());
    for (auto& reader : readers) reader.join();
}

/// A read inside a callback leaves the pin that holds the callback's entry.
TEST_F(ApiTest, AGetInACallbackLeavesItsEntryAlone) {
    put("the entry", "its value");
    put("another one", "another value");
    std::atomic<bool> stop = false;
    std::thread writer;
    EXPECT_TRUE(must(store.visit("the entry", [&](const Entry& entry) {
        for (const char* other : {"another one", "none of them"}) {
            std::string value;
            EXPECT_EQ(must(store.get_into(other, value)), std::string_view(other) == "another one");
        }
        // Its place would be written over several times if it were free.
        writer = std::thread([&] {
            for (int i = 0; !stop && i < 100; ++i) (void)store.put("large", std::string(60'000, 'x'));
        });
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
        while (std::chrono::steady_clock::now() < until) ASSERT_EQ(entry.value, "its value");
        stop = true;
    })));
    writer.join();
}

}  // namespace

}  // namespace zverse::test
