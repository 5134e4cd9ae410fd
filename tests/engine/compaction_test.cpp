// Goal:    However often a store is compacted, its histories stay few, every version is there, and what retention
//          allows to forget goes; whatever call of files fails meanwhile, nothing is lost.
// Method:  compactions after every few writes, with little memory, so that merges have many parts; a model of all
//          versions; a bad disk between the store and its files, which fails one call of a compaction after another.
#include <engine/store_access.h>
#include <support/failing_file_io.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>
#include <support/wait.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>

namespace zverse::test {
namespace {

using engine::Internals;
using engine::StoreAccess;

double metric(const Store& store, std::string_view name) { return store.stats().value(name).value_or(-1); }

class CompactionTest : public ::testing::Test {
protected:
    [[nodiscard]] Store open() const { return must(StoreAccess::open(path_, options_, internals_)); }

    void put(Store& store, std::uint64_t number, std::size_t bytes) {
        const std::string key = "key" + std::to_string(number), value = random_.bytes(bytes);
        model_[key][must(store.put(key, value))] = value;
    }
    /// Every version of some keys, and a scan as of some version.
    void check(const Store& store, Version floor = 0) {
        for (int i = 0; i < 40; ++i) {
            const auto of_key = model_.lower_bound("key" + std::to_string(random_.below(5000)));
            if (of_key == model_.end()) continue;
            auto expected = of_key->second.lower_bound(floor + 1);
            for (Cursor history = must(store.history(of_key->first, {floor}, {.reverse = true})); must(history.next());
                 ++expected) {
                ASSERT_NE(expected, of_key->second.end());
                ASSERT_EQ(history.entry().version, expected->first);
                ASSERT_EQ(history.entry().value, expected->second);
            }
            ASSERT_EQ(expected, of_key->second.end()) << of_key->first;
        }
        const Version as_of = floor + random_.below(store.latest_version() - floor) + 1;
        Cursor scan = must(store.scan({}, as_of));
        for (const auto& [key, versions] : model_) {
            const auto behind = versions.upper_bound(as_of);
            if (behind == versions.begin()) continue;
            ASSERT_TRUE(must(scan.next())) << key << " as of " << as_of;
            ASSERT_EQ(scan.entry().key, key);
            ASSERT_EQ(scan.entry().value, std::prev(behind)->second) << key << " as of " << as_of;
        }
        ASSERT_FALSE(must(scan.next()));
    }

    /// The floor stays where it is meanwhile.
    void check_above_floor(Store& store) {
        for (;;) {
            const Version floor = store.floor();
            const auto pinned = store.pin("check", floor);
            if (!pinned && pinned.error().code() == ErrorCode::version_too_old) continue;
            must(pinned);
            check(store, floor);
            must(store.unpin("check"));
            return;
        }
    }

    /// Files that were replaced go when nobody reads them any more.
    void expect_no_leftovers(const Store& store) const {
        const auto files = [this] {
            const std::filesystem::directory_iterator all(path_ / "cold");
            return static_cast<double>(std::distance(begin(all), end(all)));
        };
        wait_until([&] { return files() == metric(store, "zverse_segments"); });
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    TempDirectory directory_;
    std::filesystem::path path_ = directory_ / "store";
    Options options_ = small_options();
    Internals internals_;
    std::shared_ptr<Failures> failures_ = std::make_shared<Failures>();
    std::map<std::string, std::map<Version, std::string>> model_;
};

TEST_F(CompactionTest, HistoriesStayFew) {
    Store store = open();
    const int rounds = kSanitized ? 20 : 150;
    double most = 0;
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < 60; ++i) put(store, random_.below(500), random_.below(300));
        must(store.compact());
        ASSERT_EQ(metric(store, "zverse_live_components"), 1);
        most = std::max(most, metric(store, "zverse_components"));
        if (round % 10 == 0) check(store);
        if (HasFailure()) return;
    }
    // Each is larger than twice all smaller ones together, and a component has a page at least.
    EXPECT_LE(most, 1 + 8);
    EXPECT_TRUE(must(store.verify()).clean());
    must(store.close());
    store = open();
    check(store);
}

/// Each flush writes a live run and a history; only the former are merged four by four.
TEST_F(CompactionTest, FilesStayFewWithoutCompactions) {
    Store store = open();
    const int rounds = kSanitized ? 60 : 400;
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < 30; ++i) put(store, random_.below(20), random_.below(300));
        must(store.flush());
        if (round % 40 == 0) check(store);
        if (HasFailure()) return;
    }
    wait_until([&] { return metric(store, "zverse_merges_running") == 0; });
    EXPECT_GE(metric(store, "zverse_packs_total"), rounds / 64);  // as many as may be at once
    // Of a level, 16 at most that are small, and behind each larger one of those as many.
    EXPECT_LE(metric(store, "zverse_segments"), 100);
    expect_no_leftovers(store);
    check(store);
    EXPECT_TRUE(must(store.verify()).clean());
    must(store.close());
    store = open();
    check(store);
}

TEST_F(CompactionTest, StripesThatComeMeanwhileSettleAndMerge) {
    options_.memory_bytes_max = std::uint64_t{16} << 20;
    options_.write_timeout = std::chrono::seconds(60);
    Store store = open();
    for (int round = 0; round < 3; ++round) {
        std::jthread compacts([&] {
            for (int i = 0; i < 4; ++i) must(store.compact());
        });
        for (int i = 0; i < (kSanitized ? 2000 : 15'000); ++i) put(store, random_.below(4000), 400);
        compacts.join();
        check(store);
        if (HasFailure()) return;
    }
    must(store.compact());
    check(store);
    EXPECT_EQ(metric(store, "zverse_live_components"), 1);
    EXPECT_EQ(metric(store, "zverse_full_errors_total"), 0);
}

TEST_F(CompactionTest, CallsThatFailLoseNothing) {
    options_.memory_bytes_max = std::uint64_t{16} << 20;
    options_.retention.max_versions_behind = 3000;
    internals_.wrap_io = failing_io(failures_);
    failures_->removes_fail = false;
    Store store = open();
    std::uint64_t failed = 0, reopened = 0;
    for (int round = 0; round < (kSanitized ? 10 : 60); ++round) {
        for (int i = 0; i < 300; ++i) put(store, random_.below(1000), 200);
        failures_->fail_call(random_.between(1, 200), random_.one_in(2) ? EIO : ENOSPC, random_.one_in(3));
        failed += store.compact() ? 0 : 1;
        failures_->fail_no_more();
        // Where the superblock could not be written, nothing is until the store is opened again.
        const auto writable = store.put("key", "value");
        if (writable) model_["key"][*writable] = "value";
        if (!writable) {
            expect_error(writable, ErrorCode::read_only);
            (void)store.close();
            store = open();
            ++reopened;
        }
        check_above_floor(store);
        must(store.flush());  // the first change that counts makes up for those that did not
        expect_no_leftovers(store);
        if (HasFailure()) return;
    }
    EXPECT_GT(failed, kSanitized ? 0U : 3U);
    EXPECT_LE(reopened, failed);
    must(store.compact());
    check_above_floor(store);
    EXPECT_TRUE(must(store.verify()).clean());
    must(store.close());
    store = open();
    check_above_floor(store);
}

}  // namespace
}  // namespace zverse::test
