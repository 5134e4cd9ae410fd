// Goal:    Nothing throws across the API: without memory, or without threads, every call returns an error that says so
//          (or what its comment promises), and the store stays whole, works on and keeps every acknowledged write.
// Method:  operator new fails at the n-th allocation of a thread, for every n that a call comes to, in new threads, so
//          that their first call fails too; or it fails often in the store's own threads. Threads are refused by a
//          default stack that no address space holds.
#include <support/failing_memory.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

template <class T>
void expect_good_or_no_memory(const char* what, const Result<T>& result) {
    if (result) return;
    const Error& error = result.error();
    EXPECT_TRUE(error.code() == ErrorCode::full || error.code() == ErrorCode::io) << what << ": " << describe(error);
    EXPECT_NE(error.message().find("no memory"), std::string::npos) << what << ": " << describe(error);
}

// Flushes run in the thread that asks, where the test decides which allocation fails.
const engine::Internals kByHand{.flush_by_hand = true};

class NoMemoryTest : public ::testing::TestWithParam<const char*> {
protected:
    NoMemoryTest() {
        is_test_thread = true;
        options_.force_granularity = GetParam();
        store_.emplace(must(engine::StoreAccess::open(path_, options_, kByHand)));
        for (int i = 0; i < 300; ++i) put("key" + std::to_string(i), "value of the beginning");
    }

    void put(const std::string& key, const std::string& value) {
        (void)must(store_->put(key, value));
        acknowledged_[key] = value;
    }
    /// A write of `key` whose outcome is `result`.
    void note(const char* what, const Result<Version>& result, const std::string& key,
              std::optional<std::string> value) {
        expect_good_or_no_memory(what, result);
        if (result) {
            acknowledged_[key] = std::move(value);
        } else if (result.error().code() == ErrorCode::full) {
            EXPECT_EQ(must(store_->get(key)), acknowledged_[key]) << what << " says full, and has written";
        } else {
            acknowledged_[key] = must(store_->get(key));
        }
    }
    void check_contents() {
        for (const auto& [key, value] : acknowledged_) ASSERT_EQ(must(store_->get(key)), value) << key;
        std::size_t live = 0;
        for (const auto& each : acknowledged_) live += each.second.has_value() ? 1 : 0;
        std::size_t seen = 0;
        for (Cursor cursor = must(store_->scan({})); must(cursor.next());) ++seen;
        ASSERT_EQ(seen, live);
    }
    void check_all() {
        put("after", "value");
        check_contents();
        const Version latest = store_->latest_version();
        must(store_->close());
        store_.emplace(must(engine::StoreAccess::open(path_, options_, kByHand)));
        EXPECT_EQ(store_->latest_version(), latest + 1) << "a clean close takes one version, for the time";
        check_contents();
    }

    const TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "store";
    Options options_ = small_options();
    std::optional<Store> store_;
    std::map<std::string, std::optional<std::string>> acknowledged_;
};

TEST_P(NoMemoryTest, AWriteIsRefused) {
    const std::string value(100, 'v');
    const auto each = [&](const char* what, const std::string& key, std::optional<std::string> written,
                          const std::function<Result<Version>()>& write) {
        without_each_allocation(what, [&] {
            auto result = write();
            const bool failed = disarm();
            note(what, result, key, written);
            return failed;
        });
    };
    each("put", "put", value, [&] { return store_->put("put", value); });
    each("erase", "put", std::nullopt, [&] { return store_->erase("put"); });
    each("put_if", "put_if", value, [&] { return store_->put_if("put_if", value, 0); });
    WriteBatch batch;
    for (int i = 0; i < 200; ++i) batch.put("batch" + std::to_string(i), value);
    each("write", "batch7", value, [&] { return store_->write(batch); });
    for (int i = 0; i < 200; ++i) acknowledged_["batch" + std::to_string(i)] = value;
    check_all();
}

/// The bucket that its key belongs to is full. Its frame is there already, and must be nobody's from then on.
TEST_P(NoMemoryTest, AWriteThatTheIndexHasNoRoomForLeavesNothing) {
    int refused = 0;
    for (int i = 0; i < 12'000 && refused < 20; ++i) {
        const std::string key = "fresh" + std::to_string(i);
        allocations_left = 1;
        const auto result = store_->put(key, "v");
        refused += disarm() ? 1 : 0;
        if (result) {
            acknowledged_[key] = "v";
        } else {
            expect_error(result, ErrorCode::full, "no memory");
            acknowledged_[key] = std::nullopt;
        }
    }
    EXPECT_EQ(refused, 20) << "too few keys met a full bucket";
    // A frame that was left pending would be stamped by the readers that meet it again and again.
    for (int i = 0; i < 5; ++i) check_contents();
    check_all();
}

TEST_P(NoMemoryTest, AFlushFailsAndIsMadeUpFor) {
    without_each_allocation("flush", [&] {
        Version before = 0;
        {
            // Each time from the same state: nothing but three records.
            const Unarmed unarmed;
            before = must(engine::StoreAccess::drain(*store_));
            for (int i = 0; i < 3; ++i) put("flush" + std::to_string(i), std::to_string(before));
        }
        const auto flushed = store_->flush();
        const bool failed = disarm();
        expect_good_or_no_memory("flush", flushed);
        // The next one makes up for it, and each record settles once.
        must(store_->flush());
        std::size_t seen = 0;
        for (Cursor changes = must(store_->changes({before})); must(changes.next()); ++seen) {
            EXPECT_EQ(changes.entry().value, std::to_string(before));
        }
        EXPECT_EQ(seen, 3U);
        return failed;
    });
    acknowledged_ = {
        {"flush0", acknowledged_["flush0"]}, {"flush1", acknowledged_["flush1"]}, {"flush2", acknowledged_["flush2"]}};
    check_all();
}

TEST_P(NoMemoryTest, ABatchThatLostAnOperationIsRefused) {
    without_each_allocation("building a batch", [&] {
        WriteBatch batch;
        batch.put("one of the batch, with a long key", "one");
        batch.erase("another of the batch, with a long key");
        auto written = store_->write(batch);
        const bool failed = disarm();
        if (written) {
            acknowledged_["one of the batch, with a long key"] = "one";
        } else {
            expect_error(written, ErrorCode::full);
            batch.clear();
            batch.put("one of the batch, with a long key", "after clear()");
            EXPECT_TRUE(store_->write(batch));
            acknowledged_["one of the batch, with a long key"] = "after clear()";
        }
        return failed;
    });
    check_all();
}

TEST_P(NoMemoryTest, ATransactionIsRefusedAsAWhole) {
    int round = 0;
    without_each_allocation("a transaction", [&] {
        std::string value;
        {
            const Unarmed unarmed;
            value = "a value of some length, round " + std::to_string(++round);
        }
        Transaction transaction = store_->begin();
        transaction.put("first key of the transaction", value);
        auto read = transaction.get("key7");
        transaction.erase("key8");
        transaction.put("last key of the transaction", value);
        auto committed = transaction.commit();
        const bool failed = disarm();
        if (!read) expect_error(read, ErrorCode::full);
        if (committed) {
            acknowledged_["first key of the transaction"] = acknowledged_["last key of the transaction"] = value;
            acknowledged_["key8"] = std::nullopt;
        } else {
            EXPECT_TRUE(committed.error().code() == ErrorCode::full || committed.error().code() == ErrorCode::io)
                << describe(committed.error());
            const auto first = must(store_->get("first key of the transaction"));
            EXPECT_EQ(first, must(store_->get("last key of the transaction")));
            if (committed.error().code() == ErrorCode::full) {
                EXPECT_EQ(first, acknowledged_["first key of the transaction"]);
            }
            acknowledged_["first key of the transaction"] = acknowledged_["last key of the transaction"] = first;
            acknowledged_["key8"] = must(store_->get("key8"));
        }
        return failed;
    });
    check_all();
}

TEST_P(NoMemoryTest, AConflictIsToldOrNotButNothingIsLeftBehind) {
    int round = 0;
    without_each_allocation("a lost transaction", [&] {
        Transaction transaction = store_->begin();
        transaction.put("key9", "the transaction's");
        {
            const Unarmed unarmed;
            put("key9", "the winner's " + std::to_string(++round));
        }
        auto committed = transaction.commit();
        auto refused = store_->put_if("key9", "never", 1);
        const bool failed = disarm();
        EXPECT_FALSE(committed);
        EXPECT_FALSE(refused);
        return failed;
    });
    check_all();
}

TEST_P(NoMemoryTest, AReadIsRefused) {
    const std::string other(500, 'o');
    put("long", other);
    const std::array<std::string_view, 3> keys{"key1", "long", "absent"};
    without_each_allocation("get", [&] {
        auto read = store_->get("long");
        const bool failed = disarm();
        expect_good_or_no_memory("get", read);
        if (read) {
            EXPECT_EQ(*read, other);
        }
        return failed;
    });
    without_each_allocation("get_into", [&] {
        std::string value;
        auto read = store_->get_into("long", value);
        const bool failed = disarm();
        expect_good_or_no_memory("get_into", read);
        if (read) {
            EXPECT_EQ(value, other);
        }
        return failed;
    });
    without_each_allocation("multi_get", [&] {
        std::array<std::optional<std::string>, 3> values;
        auto read = store_->multi_get(keys, values);
        const bool failed = disarm();
        expect_good_or_no_memory("multi_get", read);
        if (read) {
            EXPECT_EQ(values[1], other);
        }
        return failed;
    });
    without_each_allocation("visit", [&] {
        std::size_t seen = 0;
        auto read = store_->visit("long", [&](const Entry& entry) { seen = entry.value.size(); });
        const bool failed = disarm();
        expect_good_or_no_memory("visit", read);
        if (read) {
            EXPECT_EQ(seen, other.size());
        }
        return failed;
    });
    check_all();
}

TEST_P(NoMemoryTest, WhatAVisitCallbackThrowsIsItsCallers) {
    const auto visit = [&] { (void)store_->visit("key1", [](const Entry&) { throw std::bad_alloc(); }); };
    EXPECT_THROW(visit(), std::bad_alloc);
    check_all();
}

/// Reads a cursor to its end, or to its first error, after which it must not go on as if nothing had happened.
void read_all(const char* what, Result<Cursor> cursor, std::size_t expected, bool& failed) {
    std::size_t seen = 0;
    Result<bool> moved = false;
    if (cursor) {
        while ((moved = cursor->next()) && *moved) ++seen;
    }
    failed = disarm();
    expect_good_or_no_memory(what, cursor);
    if (!cursor) return;
    expect_good_or_no_memory(what, moved);
    if (moved) {
        EXPECT_EQ(seen, expected) << what;
    } else {
        expect_error(cursor->next(), ErrorCode::full);
    }
}

TEST_P(NoMemoryTest, ACursorFailsAndStaysFailed) {
    for (int i = 0; i < 40; ++i) put("key1", "value " + std::to_string(i));
    const std::size_t changes = store_->latest_version();
    const auto each = [&](const char* what, std::size_t expected, const std::function<Result<Cursor>()>& make) {
        without_each_allocation(what, [&] {
            bool failed = false;
            read_all(what, make(), expected, failed);
            return failed;
        });
    };
    each("scan", 300, [&] { return store_->scan({}); });
    each("reverse scan", 300, [&] { return store_->scan({}, kLatest, {.reverse = true}); });
    each("history", 41, [&] { return store_->history("key1"); });
    each("reverse history", 41, [&] { return store_->history("key1", {}, {.reverse = true}); });
    each("changes", changes, [&] { return store_->changes({}); });
    without_each_allocation("scan of a transaction", [&] {
        Transaction transaction = store_->begin();
        transaction.put("key1 and more, so that there is one key more", "value");
        bool failed = false;
        auto cursor = transaction.scan({});
        if (!cursor) {
            failed = disarm();
            expect_error(cursor, ErrorCode::full);
            return failed;
        }
        read_all("scan of a transaction", std::move(cursor), 301, failed);
        return failed;
    });
    check_all();
}

TEST_P(NoMemoryTest, CallsThatReturnNoResultAnswerAllTheSame) {
    const Version latest = store_->latest_version();
    without_each_allocation("snapshot", [&] {
        Snapshot snapshot = store_->snapshot();
        const bool failed = disarm();
        EXPECT_GE(snapshot.version(), latest);
        EXPECT_EQ(must(store_->get("key1", snapshot.version())), "value of the beginning");
        return failed;
    });
    without_each_allocation("durable_version, floor", [&] {
        const Version durable = store_->durable_version();
        const Version floor = store_->floor();
        const bool failed = disarm();
        EXPECT_LE(durable, store_->latest_version());
        EXPECT_LE(floor, store_->latest_version());
        return failed;
    });
    without_each_allocation("stats", [&] {
        const Stats stats = store_->stats();
        return disarm();
    });
    without_each_allocation("sync", [&] {
        auto synced = store_->sync();
        auto waited = store_->wait_durable(latest);
        auto newer = store_->wait_newer(0, std::chrono::milliseconds(0));
        auto at = store_->version_at(std::chrono::system_clock::now());
        const bool failed = disarm();
        expect_good_or_no_memory("sync", synced);
        expect_good_or_no_memory("wait_durable", waited);
        expect_good_or_no_memory("wait_newer", newer);
        expect_good_or_no_memory("version_at", at);
        return failed;
    });
    check_all();
}

TEST_P(NoMemoryTest, OpeningFailsAndLeavesTheStoreAsItWas) {
    must(store_->close());
    without_each_allocation("open", [&] {
        auto opened = Store::open(path_, options_);
        const bool failed = disarm();
        expect_good_or_no_memory("open", opened);
        return failed;
    });
    store_.emplace(must(engine::StoreAccess::open(path_, options_, kByHand)));
    check_all();
}

TEST_P(NoMemoryTest, CreatingFailsAndIsStartedOver) {
    const auto other_path = directory_ / "other";
    without_each_allocation("create", [&] {
        auto opened = Store::open(other_path, options_);
        const bool failed = disarm();
        expect_good_or_no_memory("create", opened);
        return failed;
    });
    Store other = must(engine::StoreAccess::open(other_path, options_, kByHand));
    (void)must(other.put("key", "value"));
    must(other.close());
    check_all();
}

TEST_P(NoMemoryTest, ClosingLosesNothing) {
    for (long n = 1; n < 40; ++n) {
        put("before close " + std::to_string(n), "value");
        allocations_left = n;
        auto closed = store_->close();
        disarm();
        expect_good_or_no_memory("close", closed);
        store_.emplace(must(engine::StoreAccess::open(path_, options_, kByHand)));
        check_contents();
    }
    check_all();
}

TEST_P(NoMemoryTest, TheStoresOwnThreadsGoOn) {
    must(store_->close());
    store_.emplace(must(Store::open(path_, options_)));  // with workers
    others_fail.store(true);
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    for (int i = 0; std::chrono::steady_clock::now() < until; ++i) {
        put("key" + std::to_string(i % 300), std::string(50, 'x'));
        if (i % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (store_->stats().value("zverse_ring_used_bytes{ring=\"0\"}").value_or(0) > 700'000) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            if (i > 20'000) break;
        }
        if (i > 2000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    others_fail.store(false);
    check_all();
}

TEST_P(NoMemoryTest, AStoreWhoseThreadsCantBeStartedIsNotOpened) {
    must(store_->close());
    pthread_attr_t usual;
    ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
    pthread_attr_t huge;
    ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 50), 0);
    if (pthread_setattr_default_np(&huge) != 0) GTEST_SKIP() << "no default stack of that size can be asked for";
    auto refused = Store::open(path_, options_);
    ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
    expect_error(refused, ErrorCode::io, "thread");
    expect_error(refused, ErrorCode::io, "could not be started");
    store_.emplace(must(engine::StoreAccess::open(path_, options_, kByHand)));
    check_all();
}

INSTANTIATE_TEST_SUITE_P(Granularities, NoMemoryTest, ::testing::Values("cache_line", "page"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace zverse::test
