// Goal:    By themselves, workers flush rings and merge what they flushed, so that a store holds more than its rings;
//          whatever fails meanwhile loses nothing, and a full disk is over when there is space again.
// Method:  rings of 1 MiB and many times as much data; a bad disk between the store and its files, which fails one call
//          after another, or all until it is healed.
#include <engine/store_access.h>
#include <support/failing_file_io.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>
#include <support/wait.h>

#include <platform/topology.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sched.h>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using engine::Internals;
using engine::StoreAccess;

double metric(const Store& store, std::string_view name) { return store.stats().value(name).value_or(-1); }

class WorkersTest : public ::testing::Test {
protected:
    WorkersTest() { options.write_timeout = 60s; }

    [[nodiscard]] Store open() const { return must(StoreAccess::open(path, options, internals)); }

    /// A store whose calls of files fail as `failures` says.
    void put_faults_in() { internals.wrap_io = failing_io(failures); }

    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    Options options = small_options();
    Internals internals;
    std::shared_ptr<Failures> failures = std::make_shared<Failures>();
};

TEST_F(WorkersTest, AStoreHoldsManyTimesItsRings) {
    options.shards = 2;
    options.workers = 2;
    Store store = open();
    constexpr std::size_t kThreads = 3;
    constexpr int kKeys = 4000, kRounds = 5;
    const auto key_of = [](std::size_t thread, int i) {
        return "key" + std::to_string(i * 7919 % kKeys) + "-" + std::to_string(thread);
    };
    std::vector<Version> round_ends;
    for (int round = 0; round < kRounds; ++round) {
        run_threads(kThreads, [&](std::size_t thread) {
            for (int i = 0; i < kKeys; ++i) {
                must(store.put(key_of(thread, i), std::string(300, static_cast<char>('a' + round))));
            }
        });
        round_ends.push_back(store.latest_version());
    }
    const auto check = [&] {
        for (int round = 0; round < kRounds; ++round) {
            for (int i = round; i < kKeys; i += 37) {
                for (std::size_t thread = 0; thread < kThreads; ++thread) {
                    const auto value = must(store.get(key_of(thread, i), round_ends[std::size_t(round)]));
                    ASSERT_EQ(value, std::string(300, static_cast<char>('a' + round)));
                }
            }
        }
        std::uint64_t records = 0;
        for (Cursor changes = must(store.changes({})); must(changes.next());) ++records;
        ASSERT_EQ(records, kThreads * kKeys * kRounds);
    };
    check();
    EXPECT_GE(metric(store, "zverse_flushes_total"), 10);
    EXPECT_GE(metric(store, "zverse_merges_total"), 2);
    EXPECT_EQ(metric(store, "zverse_full_errors_total"), 0);
    must(store.close());
    store = open();
    check();
}

TEST_F(WorkersTest, WhatStaysInTheRingsSettlesWhenItIsOld) {
    internals.flush_age = 50ms;
    Store store = open();
    const Version version = must(store.put("key", "value"));
    wait_until([&] { return metric(store, "zverse_cut_version") >= static_cast<double>(version); });
    EXPECT_EQ(must(store.get("key")), "value");
}

TEST_F(WorkersTest, WritersWaitForAFlushInsteadOfFailing) {
    Store store = open();
    // Each is a fifth of the ring: it is full all the time.
    const std::string large(200 << 10, 'x');
    for (int i = 0; i < 60; ++i) must(store.put("key" + std::to_string(i), large));
    for (int i = 0; i < 60; ++i) ASSERT_EQ(must(store.get("key" + std::to_string(i))), large);
}

TEST_F(WorkersTest, CompactionLeavesOneRun) {
    options.workers = 2;
    Store store = open();
    std::map<std::string, std::string> expected;
    Random random(1);
    for (int i = 0; i < 20'000; ++i) {
        const std::string key = "key" + std::to_string(random.below(3000)), value = random.bytes(200);
        must(store.put(key, value));
        expected[key] = value;
    }
    const Version before = store.latest_version();
    std::vector<std::string> old;
    for (Cursor scan = must(store.scan({}, before / 2)); must(scan.next());) old.emplace_back(scan.entry().value);
    must(store.compact());
    EXPECT_EQ(metric(store, "zverse_live_components"), 1);
    const auto check = [&] {
        auto next = expected.begin();
        for (Cursor scan = must(store.scan({})); must(scan.next()); ++next) {
            ASSERT_EQ(scan.entry().key, next->first);
            ASSERT_EQ(scan.entry().value, next->second);
        }
        ASSERT_EQ(next, expected.end());
        auto value = old.begin();
        for (Cursor scan = must(store.scan({}, before / 2)); must(scan.next()); ++value) {
            ASSERT_EQ(scan.entry().value, *value);
        }
    };
    check();
    must(store.compact());  // of one run there is nothing to do
    must(store.put("key0", expected["key0"] = "new"));
    must(store.compact());
    EXPECT_EQ(metric(store, "zverse_live_components"), 1);
    check();
    expect_error(store.compact({"b", "a"}), ErrorCode::invalid_argument);
}

TEST_F(WorkersTest, ARateLimitSlowsMergesDown) {
    // Merges read and write some 2 MiB here, so they take two seconds at least; nothing else waits for them.
    options.background_bytes_per_second = 1 << 20;
    Store store = open();
    const auto begin = std::chrono::steady_clock::now();
    const std::string value(1000, 'v');
    for (int i = 0; i < 4000; ++i) must(store.put("key" + std::to_string(i), value));
    must(store.compact());
    EXPECT_GE(metric(store, "zverse_merges_total"), 1);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_F(WorkersTest, AnEntryOutlivesTheFileThatItLiesIn) {
    Store store = open();
    for (int i = 0; i < 300; ++i) must(store.put("key" + std::to_string(i), "old value " + std::to_string(i)));
    must(store.flush());
    const std::filesystem::path file = std::filesystem::directory_iterator(path / "cold")->path();
    std::optional<Cursor> cursor = must(store.scan({}));
    ASSERT_TRUE(must(cursor->next()));
    for (int i = 0; i < 300; ++i) must(store.put("key" + std::to_string(i), "new"));
    must(store.flush());
    must(store.compact());
    const auto files = [this] {
        return std::distance(std::filesystem::directory_iterator(path / "cold"), std::filesystem::directory_iterator());
    };
    const auto named = [&] { return static_cast<std::ptrdiff_t>(metric(store, "zverse_segments")); };
    wait_until([&] { return files() == named() + 1; });
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_EQ(cursor->entry().key, "key0");
    EXPECT_EQ(cursor->entry().value, "old value 0");
    int shown = 1;
    for (; must(cursor->next()); ++shown) {
        EXPECT_EQ(cursor->entry().value, "old value " + std::string(cursor->entry().key.substr(3)));
    }
    EXPECT_EQ(shown, 300);
    cursor.reset();
    EXPECT_FALSE(std::filesystem::exists(file)) << "nothing holds it any more";
}

TEST_F(WorkersTest, WhatOutlivesAStoreLeavesTheFilesOfTheNextOneAlone) {
    std::optional<Cursor> cursor;
    std::filesystem::path file;
    {
        Store store = open();
        for (int i = 0; i < 300; ++i) must(store.put("key" + std::to_string(i), "old"));
        must(store.flush());
        file = std::filesystem::directory_iterator(path / "cold")->path();
        cursor = must(store.scan({}));
        ASSERT_TRUE(must(cursor->next()));
        must(store.put("key1", "new"));
        must(store.compact());  // replaces the file, which the cursor holds
        must(store.close());
    }
    // Another store in that place has a file of the same name.
    std::filesystem::remove_all(path);
    Store other = open();
    must(other.put("key", "of another store"));
    must(other.flush());
    ASSERT_TRUE(std::filesystem::exists(file));
    cursor.reset();
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_TRUE(must(other.verify()).clean());
}

TEST_F(WorkersTest, ClosingEndsACallThatWaitsForAMerge) {
    options.background_bytes_per_second = 1;  // after its first step a merge never goes on
    Store store = open();
    const std::string value(1000, 'v');
    for (int i = 0; i < 4000; ++i) must(store.put("key" + std::to_string(i), value));
    const auto last = static_cast<double>(store.latest_version());
    std::jthread compacts([&] { expect_error(store.compact(), ErrorCode::closed); });
    wait_until([&] { return metric(store, "zverse_cut_version") >= last; });
    must(store.close());
    compacts.join();
}

TEST_F(WorkersTest, AreWhereThePlatformReportSaysThatTheyAre) {
    options.workers = 2;
    const Store store = open();
    int rows = 0, threads = 0;
    const Stats stats = store.stats();
    for (const Capability& row : stats.platform()) {
        if (!row.name.starts_with("worker ")) continue;
        ++rows;
        EXPECT_EQ(row.used.rfind("bound to node ", 0), 0U) << row.used << ": " << row.why_not;
    }
    EXPECT_EQ(rows, 2);
    const platform::Topology machine = platform::Topology::detect();
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        if (!name.starts_with("zverse-work-")) continue;
        ++threads;
        cpu_set_t allowed;
        ASSERT_EQ(::sched_getaffinity(std::stoi(task.path().filename()), sizeof(allowed), &allowed), 0);
        const bool on_one_node = std::ranges::any_of(machine.nodes, [&](const auto& node) {
            int on_node = 0;
            for (const unsigned cpu : node.cpus) on_node += CPU_ISSET(cpu, &allowed) ? 1 : 0;
            return on_node > 0 && on_node == CPU_COUNT(&allowed);
        });
        EXPECT_TRUE(on_one_node) << name << " may run on CPUs of several nodes";
    }
    EXPECT_EQ(threads, 2);
}

TEST_F(WorkersTest, AFullDiskIsOverWhenThereIsSpaceAgain) {
    options.write_timeout = 300ms;
    put_faults_in();
    Store store = open();
    const std::string value(1000, 'v');
    int written = 0;
    for (; written < 3000; ++written) must(store.put("key" + std::to_string(written), value));
    failures->fail_call(1, ENOSPC, true);
    Result<Version> put = 0;
    for (int i = 0; i < 3000 && put; ++i) {
        put = store.put("key" + std::to_string(written), value);
        if (put) ++written;
    }
    expect_error(put, ErrorCode::full, "the last flush failed");
    expect_error(store.flush(), ErrorCode::full);
    for (int i = 0; i < written; ++i) ASSERT_EQ(must(store.get("key" + std::to_string(i))), value);
    EXPECT_EQ(must(store.get("key" + std::to_string(written))), std::nullopt) << "nothing was applied";
    failures->fail_no_more();
    options.write_timeout = 60s;
    for (int i = 0; i < 3000; ++i) {
        while (!(put = store.put("key" + std::to_string(written), value)))
            ASSERT_EQ(put.error().code(), ErrorCode::full);
        ++written;
    }
    must(store.flush());
    must(store.close());
    store = open();
    for (int i = 0; i < written; ++i) ASSERT_EQ(must(store.get("key" + std::to_string(i))), value);
}

TEST_F(WorkersTest, ASuperblockThatFindsNoSpaceIsWrittenWhenThereIsSome) {
    options.write_timeout = 300ms;
    failures->only = "SUPERBLOCK";
    put_faults_in();
    Store store = open();
    const std::string value(1000, 'v');
    int written = 0;
    const auto write_some = [&] {
        Result<Version> put = 0;
        for (int i = 0; i < 3000 && put; ++i) {
            put = store.put("key" + std::to_string(written), value);
            if (put) ++written;
        }
        return put;
    };
    must(write_some());
    failures->fail_call(1, ENOSPC, true);
    expect_error(store.flush(), ErrorCode::full, "noting what has settled");
    expect_error(write_some(), ErrorCode::full, "the last flush failed");
    // Now all that is in the rings is in segments, too, and only its space is not free.
    expect_error(store.flush(), ErrorCode::full);
    failures->fail_no_more();
    Result<Version> last = store.put("last", value);
    for (int i = 0; i < 40 && !last; ++i) last = store.put("last", value);
    must(last);
    must(store.flush());
    must(store.close());
    store = open();
    for (int i = 0; i < written; ++i) ASSERT_EQ(must(store.get("key" + std::to_string(i))), value);
    EXPECT_EQ(must(store.get("last")), value);
}

/// What a flush and the merges after it do, once for each of their calls that fails.
class FailingCallTest : public WorkersTest, public ::testing::WithParamInterface<int> {};

TEST_P(FailingCallTest, LosesNothing) {
    internals.flush_by_hand = true;
    put_faults_in();
    std::uint64_t failed_flushes = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        std::filesystem::remove_all(path);
        std::map<std::string, std::string> expected;
        Store store = open();
        const auto write = [&](int round) {
            for (int i = 0; i < 40; ++i) {
                const std::string key = "key" + std::to_string(i * (round + 1) % 60);
                expected[key] = std::string(i % 7 == 0 ? 5000 : 50, static_cast<char>('a' + round));
                must(store.put(key, expected[key]));
            }
        };
        const auto check = [&](const char* when) {
            for (const auto& [key, value] : expected) {
                ASSERT_EQ(must(store.get(key)), value) << when << ", call " << nth << " fails";
            }
            auto next = expected.begin();
            for (Cursor scan = must(store.scan({})); must(scan.next()); ++next) {
                ASSERT_EQ(scan.entry().key, next->first) << when << ", call " << nth << " fails";
            }
            ASSERT_EQ(next, expected.end());
        };
        for (int round = 0; round < 3; ++round) {
            write(round);
            must(store.flush());
        }
        write(3);
        const std::uint64_t failed_before = failures->failed;
        failures->fail_call(nth, GetParam(), false);
        const auto flushed = store.flush();  // and merges four stripes
        const bool reached = failures->failed > failed_before;
        if (!flushed) {
            ++failed_flushes;
            // A sync that finds no space leaves in doubt what was written before.
            const bool of_sync = flushed.error().message().find("sync of") != std::string::npos;
            EXPECT_EQ(flushed.error().code(), GetParam() == ENOSPC && !of_sync ? ErrorCode::full : ErrorCode::io)
                << flushed.error().message();
        }
        failures->fail_no_more();
        check("after the failure");
        if (HasFatalFailure()) return;
        // Some failures end writing for good, others are made up for.
        if (nth % 2 == 0) static_cast<void>(store.flush());
        check("after another flush");
        if (HasFatalFailure()) return;
        StoreAccess::abandon(store);
        store = open();
        check("after opening again");
        if (HasFatalFailure()) return;
        write(4);
        must(store.flush());
        check("after writing on");
        if (HasFatalFailure()) return;
        if (!reached) {
            EXPECT_GT(nth, 20U) << "flush and merge make fewer calls than they must";
            break;
        }
    }
    EXPECT_GT(failed_flushes, 5U);
}

INSTANTIATE_TEST_SUITE_P(Errors, FailingCallTest, ::testing::Values(EIO, ENOSPC));

}  // namespace
}  // namespace zverse::test
