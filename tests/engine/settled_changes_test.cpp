// Goal:    changes over much more than memory has places for are the same records in the same order as over little,
//          sorted on the disk where that can be and window by window where it can't; nothing of it is left behind, and
//          no failure of the sort's file shows.
// Method:  a store of the least budget whose cursors take few places at once, beside a list of all that was written;
//          calls on the sort's file that fail, one after the other; closing, compaction, damage while a cursor is open.
#include <support/failing_file_io.h>
#include <support/file_tree.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

using engine::StoreAccess;

struct Change {
    Version version;
    std::string key, value;
    bool tombstone;

    [[nodiscard]] bool operator==(const Change&) const = default;
};

class SettledChangesTest : public ::testing::Test {
protected:
    SettledChangesTest() {
        options_.memory_bytes_max = std::uint64_t{16} << 20;
        options_.write_timeout = std::chrono::seconds(10);
        internals_.changes_places = 64;
    }

    void open() {
        store_.reset();
        store_.emplace(must(StoreAccess::open(path_, options_, internals_)));
    }
    /// Batches of few keys; now and then a large value, which lies outside of its block.
    void fill(std::size_t records) {
        for (const std::size_t end = written_.size() + records; written_.size() < end;) {
            WriteBatch batch;
            std::map<std::string, Change> changes;
            for (std::uint64_t i = random_.one_in(4) ? random_.between(1, 20) : 1; i > 0; --i) {
                std::string key = "key" + std::to_string(random_.below(700));
                if (changes.contains(key)) continue;
                Change change{0, key, random_.bytes(large_values_ && random_.one_in(300) ? 5000 : random_.below(90)),
                              random_.one_in(8)};
                if (change.tombstone) change.value.clear();
                change.tombstone ? batch.erase(key) : batch.put(key, change.value);
                changes.emplace(std::move(key), std::move(change));
            }
            const Version version = must(store_->write(batch));
            for (auto& [key, change] : changes) {
                change.version = version;
                written_.push_back(std::move(change));
            }
        }
    }
    [[nodiscard]] std::vector<Change> expected(VersionRange versions, const KeyRange& keys,
                                               const ScanOptions& options) const {
        std::vector<Change> changes;
        for (const Change& each : written_) {
            if (each.version <= versions.after || each.version > versions.upto) continue;
            if (each.key < keys.begin || (!keys.end.empty() && each.key >= keys.end)) continue;
            changes.push_back(each);
            if (options.keys_only) changes.back().value.clear();
        }
        if (options.reverse) std::ranges::reverse(changes);
        if (options.limit != 0 && changes.size() > options.limit) changes.resize(options.limit);
        return changes;
    }
    static Change change_of(const Entry& entry) {
        return {entry.version, std::string(entry.key), std::string(entry.value), entry.tombstone};
    }
    static std::vector<Change> take(Cursor& cursor, std::size_t most = ~std::size_t{0}) {
        std::vector<Change> changes;
        while (changes.size() < most && must(cursor.next())) changes.push_back(change_of(cursor.entry()));
        return changes;
    }
    void expect_changes(VersionRange versions = {}, const KeyRange& keys = {}, const ScanOptions& options = {}) {
        Cursor cursor = must(store_->changes(versions, keys, options));
        const std::vector<Change> changes = take(cursor), right = expected(versions, keys, options);
        ASSERT_EQ(changes.size(), right.size());
        for (std::size_t i = 0; i < right.size(); ++i) {
            ASSERT_EQ(changes[i], right[i]) << "number " << i << ": " << changes[i].key << " at " << changes[i].version;
        }
    }
    [[nodiscard]] double stat(const char* name) const { return store_->stats().value(name).value_or(-1); }
    /// Names of sorts' files in the store.
    [[nodiscard]] std::size_t spill_names(const std::filesystem::path& store) const {
        const FileTree files = read_tree(store);
        return static_cast<std::size_t>(std::ranges::count_if(
            files, [](const auto& file) { return file.first.find(".spill") != std::string::npos; }));
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    const TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "store";
    Options options_ = small_options();
    engine::Internals internals_;
    bool large_values_ = true;
    std::optional<Store> store_;
    std::vector<Change> written_;
};

TEST_F(SettledChangesTest, WhatOutgrowsMemoryIsSortedOnTheDisk) {
    open();
    fill(15'000);
    must(store_->compact());
    fill(3000);
    must(store_->flush());
    fill(500);  // some still in the rings
    for (const bool reverse : {false, true}) {
        const double runs = stat("zverse_spilled_runs_total");
        expect_changes({}, {}, {.reverse = reverse});
        EXPECT_GE(stat("zverse_spilled_runs_total"), runs + 5);
        if (HasFailure()) return;
        expect_changes({}, {"key2", "key5"}, {.reverse = reverse});
        expect_changes({}, {}, {.reverse = reverse, .keys_only = true});
        expect_changes({}, {}, {.reverse = reverse, .limit = 3000});
    }
    const Version latest = store_->latest_version();
    for (int i = 0; i < 20; ++i) {
        const Version after = random_.below(latest);
        expect_changes({after, random_.between(after, latest)}, {}, {.reverse = random_.one_in(2)});
        if (HasFailure()) return;
    }
    EXPECT_EQ(spill_names(path_), 0U);
    EXPECT_EQ(stat("zverse_spill_failures_total"), 0);
    EXPECT_GT(stat("zverse_spilled_bytes_total"), 1e6);
}

TEST_F(SettledChangesTest, AFirstPageAndWhatFitsMakeNoFile) {
    open();
    fill(6000);
    must(store_->compact());
    expect_changes({}, {}, {.limit = 60});
    expect_changes({}, {}, {.reverse = true, .limit = 60});
    expect_changes({written_[5900].version, kLatest});
    // A window has whole versions alone, of up to 20 records: so it may be that much smaller than its places.
    Cursor page = must(store_->changes({}));
    EXPECT_EQ(take(page, 40), expected({}, {}, {.limit = 40}));
    EXPECT_EQ(stat("zverse_spill_files_total"), 0);
    // Sorted, but in memory.
    expect_changes({written_[5400].version, kLatest});
    EXPECT_EQ(stat("zverse_spill_files_total"), 0);
    expect_changes();
    EXPECT_GT(stat("zverse_spill_files_total"), 0);
}

TEST_F(SettledChangesTest, AReadOnlyStoreGoesOnWindowByWindow) {
    open();
    fill(5000);
    must(store_->compact());
    must(store_->close());
    options_.read_only = true;
    open();
    const FileTree before = read_tree(path_);
    expect_changes();
    expect_changes({}, {}, {.reverse = true});
    EXPECT_EQ(difference(before, read_tree(path_)), "");
    EXPECT_EQ(stat("zverse_spill_files_total"), 0);
}

TEST_F(SettledChangesTest, NoFailureOfTheFileShows) {
    const auto failures = std::make_shared<Failures>();
    failures->only = ".spill";
    internals_.wrap_io = failing_io(failures);
    open();
    fill(5000);
    must(store_->compact());
    bool done = false;
    std::uint64_t nth = 1;
    for (; !done && !HasFailure(); ++nth) {
        const std::uint64_t failed = failures->failed;
        failures->fail_call(nth, nth % 2 == 0 ? ENOSPC : EIO, random_.one_in(2));
        expect_changes({}, {}, {.reverse = random_.one_in(2)});
        failures->fail_no_more();
        done = failures->failed == failed;
    }
    EXPECT_GT(nth, 40U) << "creation, removal, writes and reads";
    EXPECT_EQ(stat("zverse_spill_failures_total"), static_cast<double>(nth) - 2);
    // Where the removal failed a name is left, until the store is opened again.
    EXPECT_EQ(spill_names(path_), 1U);
    must(store_->close());
    open();
    EXPECT_EQ(spill_names(path_), 0U);
    expect_changes();
}

TEST_F(SettledChangesTest, WhatACrashLeftIsRemoved) {
    open();
    fill(5000);
    must(store_->compact());
    Cursor cursor = must(store_->changes({}));
    (void)take(cursor, 1000);
    EXPECT_GT(stat("zverse_spill_files_total"), 0);
    StoreAccess::abandon(*store_);
    EXPECT_EQ(spill_names(path_), 0U);
    write_file(path_ / "cold" / "7.spill", "sorted once");
    options_.read_only = true;
    open();
    EXPECT_EQ(spill_names(path_), 1U) << "a read-only opening changes nothing";
    options_.read_only = false;
    open();
    EXPECT_EQ(spill_names(path_), 0U);
    expect_changes();
}

TEST_F(SettledChangesTest, FlushesAndCompactionsMeanwhileDoNotShow) {
    open();
    fill(6000);
    must(store_->compact());
    fill(300);
    for (const bool reverse : {false, true}) {
        const std::vector<Change> right = expected({}, {}, {.reverse = reverse});
        Cursor cursor = must(store_->changes({}, {}, {.reverse = reverse}));
        std::vector<Change> seen;
        for (int i = 0; i < 6; ++i) {
            const std::vector<Change> some = take(cursor, 900);
            seen.insert(seen.end(), some.begin(), some.end());
            fill(200);
            if (i % 2 == 0) must(store_->flush());
            if (i % 3 == 2) must(store_->compact());
        }
        const std::vector<Change> rest = take(cursor);
        seen.insert(seen.end(), rest.begin(), rest.end());
        ASSERT_EQ(seen.size(), right.size());
        EXPECT_TRUE(seen == right);
    }
    EXPECT_GT(stat("zverse_spill_files_total"), 1);
}

TEST_F(SettledChangesTest, AStoreMayCloseUnderASort) {
    open();
    fill(5000);
    must(store_->compact());
    must(store_->checkpoint(directory_ / "copy"));
    Cursor cursor = must(store_->changes({}));
    EXPECT_EQ(take(cursor, 1000), expected({}, {}, {.limit = 1000}));
    EXPECT_GT(stat("zverse_spill_files_total"), 0);
    must(store_->checkpoint(directory_ / "other"));
    EXPECT_EQ(spill_names(directory_ / "other"), 0U);
    EXPECT_EQ(read_tree(directory_ / "copy").size(), read_tree(directory_ / "other").size());
    must(store_->close());
    expect_error(cursor.next(), ErrorCode::closed);
    EXPECT_EQ(spill_names(path_), 0U);
    open();
    expect_changes();
    expect_error(cursor.next(), ErrorCode::closed);
}

TEST_F(SettledChangesTest, DamageOfASegmentIsToldAndNotSorted) {
    large_values_ = false;
    open();
    fill(8000);
    must(store_->compact());
    must(store_->close());
    internals_.stepped_worker = true;  // else it merges what was whole meanwhile
    open();
    Cursor cursor = must(store_->changes({}));
    // Of 64 places, up to 20 belong to a version that they don't hold all of.
    const std::vector<Change> before = take(cursor, 40);
    EXPECT_EQ(before, expected({}, {}, {.limit = 40}));
    ASSERT_EQ(stat("zverse_spill_files_total"), 0) << "sorted already";
    // What these changes were taken from has been checked already; in some of the files that was not this block. Not
    // both of them lie behind a block.
    const auto flip_two_of_each = [&] {
        for (const auto& file : std::filesystem::directory_iterator(path_ / "cold")) {
            for (const std::uint64_t offset : {24'000, 24'300}) flip_bit(file.path(), 8 * offset);
        }
    };
    flip_two_of_each();
    Result<bool> moved = true;
    std::size_t more = 0;
    while (moved && *moved) {
        moved = cursor.next();
        more += moved && *moved ? 1 : 0;
    }
    expect_error(moved, ErrorCode::corrupt, ".zseg");
    EXPECT_LT(more, 200U) << "what was found before the sort";
    EXPECT_EQ(stat("zverse_spill_failures_total"), 0);
    // Once it is whole again, it goes on where it was.
    flip_two_of_each();
    const std::vector<Change> all = expected({}, {}, {});
    EXPECT_EQ(take(cursor), std::vector<Change>(all.begin() + static_cast<std::ptrdiff_t>(40 + more), all.end()));
}

TEST_F(SettledChangesTest, AHistoryGoesOnInAnotherTree) {
    open();
    std::vector<Version> versions;
    const auto put = [&](int count) {
        for (int i = 0; i < count; ++i) versions.push_back(must(store_->put("key", std::to_string(i))));
    };
    put(20'000);
    must(store_->compact());
    // What is in the rings when a cursor is made has settled when it comes there.
    for (const bool reverse : {false, true}) {
        put(500);
        std::vector<Version> right = versions;
        if (!reverse) std::ranges::reverse(right);
        Cursor cursor = must(store_->history("key", {}, {.reverse = reverse}));
        std::vector<Version> seen;
        while (must(cursor.next())) {
            seen.push_back(cursor.entry().version);
            if (seen.size() % 5000 != 0) continue;
            put(100);
            seen.size() % 10'000 == 0 ? must(store_->compact()) : must(store_->flush());
        }
        EXPECT_TRUE(seen == right) << seen.size() << " of " << right.size();
    }
}

}  // namespace
}  // namespace zverse::test
