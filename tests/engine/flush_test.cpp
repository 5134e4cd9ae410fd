// Goal:    what a flush moved into the cold tier is read as before, by every call, as of every version, over openings,
//          and writes check against it; the hot tier has its space back.
// Method:  a small history written and flushed step by step, beside what each read must say; the rest is the oracle's.
#include <support/results.h>
#include <support/temp_store.h>

#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {
namespace {

class FlushTest : public ::testing::Test {
protected:
    [[nodiscard]] Store open() const { return must(Store::open(path, options)); }

    /// "key=value@version" of every entry, a tombstone's value being "-".
    static std::vector<std::string> all(Cursor cursor) {
        std::vector<std::string> entries;
        while (must(cursor.next())) {
            const Entry& entry = cursor.entry();
            entries.push_back(std::string(entry.key) + "=" + (entry.tombstone ? "-" : std::string(entry.value)));
        }
        return entries;
    }

    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    Options options = small_options();
};

using Entries = std::vector<std::string>;

TEST_F(FlushTest, SegmentsOfManyPiecesAreWrittenEitherWay) {
    const TempDirectory disk(TempDirectory::Place::disk);
    options.ring_bytes = std::uint64_t{4} << 20;
    const auto value_of = [](int i) { return std::string(100'000, static_cast<char>('a' + i)); };
    for (const char* io : {"posix", "uring"}) {
        options.force_io = io;
        path = disk / io;
        auto opened = Store::open(path, options);
        if (!opened && std::string(io) == "uring") GTEST_SKIP() << "NOT TESTED: " << opened.error().message();
        Store store = must(std::move(opened));
        for (int i = 0; i < 20; ++i) must(store.put("key" + std::to_string(i), value_of(i)));
        must(store.flush());
        for (const Capability& row : store.stats().platform()) {
            if (row.name != "segment writes") continue;
            std::printf("%s: %s %s\n", io, row.used.c_str(), row.why_not.c_str());
            EXPECT_NE(row.used, "none written yet");
            EXPECT_EQ(row.wanted, io);
        }
        must(store.close());
        store = open();
        for (int i = 0; i < 20; ++i) ASSERT_EQ(must(store.get("key" + std::to_string(i))), value_of(i));
    }
}

TEST_F(FlushTest, EveryReadGoesOnAsBefore) {
    Store store = open();
    const Version a1 = must(store.put("a", "1"));
    const Version b1 = must(store.put("b", "1"));
    must(store.flush());
    const Version a2 = must(store.put("a", "2"));
    must(store.flush());
    const Version b2 = must(store.erase("b"));
    must(store.flush());
    const Version c1 = must(store.put("c", "1"));  // stays in the rings
    const auto check = [&] {
        EXPECT_EQ(must(store.get("a")), "2");
        EXPECT_EQ(must(store.get("a", a1)), "1");
        EXPECT_EQ(must(store.get("a", b2)), "2");
        EXPECT_EQ(must(store.get("b")), std::nullopt);
        EXPECT_EQ(must(store.get("b", b1)), "1");
        EXPECT_EQ(must(store.get("b", a1)), std::nullopt);
        EXPECT_EQ(must(store.get("none")), std::nullopt);
        std::string value;
        Version version = 0;
        EXPECT_TRUE(must(store.get_into("a", value, kLatest, &version)));
        EXPECT_EQ(version, a2);
        EXPECT_FALSE(must(store.get_into("b", value, kLatest, &version)));
        EXPECT_EQ(version, 0U);
        std::vector<std::string> seen;
        EXPECT_TRUE(must(store.visit("a", [&](const Entry& entry) { seen.emplace_back(entry.value); }, a1)));
        EXPECT_EQ(seen, Entries{"1"});
        const std::vector<std::string_view> keys{"a", "b", "c", "d"};
        std::vector<std::optional<std::string>> values(4, "old");
        must(store.multi_get(keys, values));
        EXPECT_EQ(values, (std::vector<std::optional<std::string>>{"2", std::nullopt, "1", std::nullopt}));
        EXPECT_EQ(all(must(store.scan({}))), (Entries{"a=2", "c=1"}));
        EXPECT_EQ(all(must(store.scan({}, b1))), (Entries{"a=1", "b=1"}));
        EXPECT_EQ(all(must(store.scan({}, a2, {.reverse = true}))), (Entries{"b=1", "a=2"}));
        EXPECT_EQ(all(must(store.history("a"))), (Entries{"a=2", "a=1"}));
        EXPECT_EQ(all(must(store.history("b", {}, {.reverse = true}))), (Entries{"b=1", "b=-"}));
        EXPECT_EQ(all(must(store.changes({0, c1}))), (Entries{"a=1", "b=1", "a=2", "b=-", "c=1"}));
        EXPECT_EQ(all(must(store.changes({a1, b2}, {"b", ""}))), (Entries{"b=1", "b=-"}));
    };
    check();
    must(store.close());
    store = open();
    check();
    must(store.close());
    options.read_only = true;
    store = open();
    check();
}

TEST_F(FlushTest, WritesCheckAgainstWhatHasSettled) {
    Store store = open();
    const Version a1 = must(store.put("a", "1"));
    const Version b1 = must(store.erase("b"));
    Transaction transaction = store.begin();
    const Version a2 = must(store.put("a", "2"));
    must(store.flush());
    const auto lost = store.put_if("a", "3", a1);
    expect_error(lost, ErrorCode::conflict);
    EXPECT_EQ(lost.error().version(), a2);
    expect_error(store.put_if("b", "1", b1), ErrorCode::conflict);
    expect_error(store.put_if("a", "3", 0), ErrorCode::conflict);
    must(store.put_if("b", "1", 0));
    must(store.put_if("a", "3", a2));
    transaction.put("a", "4");
    expect_error(transaction.commit(), ErrorCode::conflict);
}

TEST_F(FlushTest, CursorsGoOnWhereTheyWere) {
    Store store = open();
    Entries expected;
    for (int i = 100; i < 400; ++i) {
        must(store.put("key" + std::to_string(i), std::to_string(i)));
        expected.push_back("key" + std::to_string(i) + "=" + std::to_string(i));
    }
    Cursor scan = must(store.scan({}));
    Cursor changes = must(store.changes({}));
    Entries scanned, changed;
    for (int i = 0; i < 300; ++i) {
        if (i % 50 == 10) {
            must(store.put("key" + std::to_string(i + 100), "newer"));
            must(store.flush());
        }
        ASSERT_TRUE(must(scan.next()));
        scanned.push_back(std::string(scan.entry().key) + "=" + std::string(scan.entry().value));
        ASSERT_TRUE(must(changes.next()));
        changed.push_back(std::string(changes.entry().key) + "=" + std::string(changes.entry().value));
    }
    EXPECT_FALSE(must(scan.next()));
    EXPECT_FALSE(must(changes.next()));
    EXPECT_EQ(scanned, expected);
    EXPECT_EQ(changed, expected);
}

TEST_F(FlushTest, AScanFindsWhatSettlesOnItsWay) {
    Store store = open();
    Entries expected;
    for (int i = 1000; i < 1600; i += 2) must(store.put("key" + std::to_string(i), "value"));
    must(store.flush());
    for (int i = 1001; i < 1600; i += 2) must(store.put("key" + std::to_string(i), "value"));
    for (int i = 1000; i < 1600; ++i) expected.push_back("key" + std::to_string(i) + "=value");
    for (const bool reverse : {false, true}) {
        Cursor scan = must(store.scan({}, kLatest, {.reverse = reverse}));
        Entries scanned;
        while (must(scan.next())) {
            scanned.push_back(std::string(scan.entry().key) + "=" + std::string(scan.entry().value));
            if (scanned.size() == 100) must(store.flush());
        }
        EXPECT_EQ(scanned, expected);
        std::ranges::reverse(expected);
        for (int i = 1001; i < 1600; i += 2) must(store.put("key" + std::to_string(i), "value"));
    }
}

/// What they hold is newer, and each refill would look at all of it.
TEST_F(FlushTest, AScanAsOfWhatHasSettledLeavesTheRingsAlone) {
    Store store = open();
    Version settled = 0;  // that of the last one: a frame with the time may come behind it and stay in the rings
    for (int i = 100; i < 300; ++i) settled = must(store.put("key" + std::to_string(i), "old"));
    must(store.flush());
    for (int i = 100; i < 300; ++i) must(store.put("key" + std::to_string(i), "new"));
    const auto looked_at = [&] { return store.stats().value("zverse_scan_ring_entries_total").value_or(-1); };
    EXPECT_EQ(all(must(store.scan({}, settled))).size(), 200U);
    EXPECT_EQ(all(must(store.scan({}, settled, {.reverse = true}))).front(), "key299=old");
    EXPECT_EQ(looked_at(), 0);
    EXPECT_EQ(all(must(store.scan({}))).front(), "key100=new");
    EXPECT_GE(looked_at(), 200);
}

TEST_F(FlushTest, AScanThatMeetsDamageFailsAgainAtTheSamePlace) {
    {
        Store store = open();
        for (int i = 1000; i < 4000; ++i) must(store.put("key" + std::to_string(i), std::string(100, 'v')));
        must(store.flush());
        must(store.close());
    }
    for (const auto& file : std::filesystem::directory_iterator(path / "cold")) {
        std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(static_cast<std::streamoff>(file.file_size() / 2));
        bytes.put('#');
    }
    const Store store = open();
    Cursor cursor = must(store.scan({}));
    std::string last;
    Result<bool> moved = cursor.next();
    for (; moved && *moved; moved = cursor.next()) {
        EXPECT_LT(last, cursor.entry().key);
        last = cursor.entry().key;
    }
    EXPECT_FALSE(last.empty());
    expect_error(moved, ErrorCode::corrupt, "offset");
    expect_error(cursor.next(), ErrorCode::corrupt, "offset");
    EXPECT_TRUE(must(cursor.seek("key1000")));
    EXPECT_EQ(cursor.entry().key, "key1000");
}

/// Entries that come before the damage are shown once, if at all, however often one asks on.
TEST_F(FlushTest, HistoriesAndChangesThatMeetDamageShowNothingTwice) {
    std::vector<Version> versions;
    const auto write = [&](Store& store, int count) {
        for (int i = 0; i < count; ++i) {
            // Outside of its block, so that what lies before it can be read.
            const std::string value = "value " + std::to_string(versions.size()) + std::string(5000, 'x');
            versions.push_back(must(store.put("key", value)));
        }
    };
    {
        Store store = open();
        write(store, 6);
        must(store.flush());
        write(store, 4);
        must(store.close());
    }
    for (const auto& file : std::filesystem::directory_iterator(path / "cold")) {
        std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
        const std::string all(std::istreambuf_iterator<char>(bytes), {});
        const std::size_t found = all.find("value 3xxx");
        if (found == std::string::npos) continue;
        bytes.seekp(static_cast<std::streamoff>(found));
        bytes.put('#');
    }
    const Store store = open();
    for (const bool reverse : {false, true}) {
        for (const bool of_key : {false, true}) {
            SCOPED_TRACE((of_key ? "history" : "changes") + std::string(reverse ? ", reversed" : ""));
            Cursor cursor = must(of_key ? store.history("key", {}, {.reverse = reverse})
                                        : store.changes({}, {}, {.reverse = reverse}));
            std::vector<Version> shown;
            int errors = 0;
            for (int i = 0; i < 30; ++i) {
                const Result<bool> moved = cursor.next();
                if (!moved) {
                    expect_error(moved, ErrorCode::corrupt, "offset");
                    ++errors;
                    continue;
                }
                ASSERT_TRUE(*moved) << "it went on behind the damage";
                shown.push_back(cursor.entry().version);
            }
            EXPECT_GE(errors, 30 - 6);
            // All on this side of the damage, or for changes as many as fit.
            std::vector<Version> expected(versions.begin(), versions.begin() + 3);
            if (of_key != reverse) expected.assign(versions.rbegin(), versions.rbegin() + 6);
            if (!of_key) expected.resize(std::min(shown.size(), expected.size()));
            EXPECT_EQ(shown, expected);
        }
    }
}

TEST_F(FlushTest, GivesTheRingsTheirSpaceBack) {
    Store store = open();
    const std::string value(1000, 'v');
    int written = 0;
    for (int round = 0; round < 5; ++round) {
        while (store.put("key" + std::to_string(written), value)) ++written;
        must(store.flush());
    }
    EXPECT_GT(written, 4000) << "1 MiB of rings holds some 800";
    for (int i = 0; i < written; i += 7) ASSERT_EQ(must(store.get("key" + std::to_string(i))), value);
    const Version latest = store.latest_version();
    EXPECT_EQ(store.durable_version(), latest);
    must(store.close());
    store = open();
    EXPECT_GE(store.latest_version(), latest);
    for (int i = 0; i < written; i += 7) ASSERT_EQ(must(store.get("key" + std::to_string(i))), value);
    EXPECT_EQ(all(must(store.scan({}, kLatest, {.keys_only = true}))).size(), static_cast<std::size_t>(written));
}

TEST_F(FlushTest, IsCounted) {
    Store store = open();
    must(store.put("a", "1"));
    must(store.put("a", "2"));
    EXPECT_EQ(store.stats().value("zverse_segments"), 0.0);
    must(store.flush());
    EXPECT_EQ(store.stats().value("zverse_segments"), 2.0);
    EXPECT_EQ(store.stats().value("zverse_components"), 2.0);
    EXPECT_EQ(store.stats().value("zverse_settled_records"), 2.0);
    EXPECT_GT(store.stats().value("zverse_segment_bytes"), 8192.0);
    EXPECT_GE(store.stats().value("zverse_cut_version"), 2.0);
}

TEST_F(FlushTest, TimesAreKept) {
    Version written = 0;
    std::chrono::system_clock::time_point then;
    {
        Store store = open();
        written = must(store.put("a", "1"));
        must(store.close());
        then = std::chrono::system_clock::now();
    }
    {
        Store store = open();
        must(store.put("a", "2"));
        must(store.flush());
        EXPECT_GE(must(store.version_at(then)), written);
        must(store.close());
    }
    Store store = open();
    const Version at = must(store.version_at(then));
    EXPECT_GE(at, written);
    EXPECT_EQ(must(store.get("a", at)), "1");
}

TEST_F(FlushTest, IsRefusedWhereItCannotBe) {
    Store store = open();
    must(store.put("a", "1"));
    must(store.visit("a", [&](const Entry&) { expect_error(store.flush(), ErrorCode::invalid_argument, "visit"); }));
    must(store.close());
    expect_error(store.flush(), ErrorCode::closed);
    options.read_only = true;
    store = open();
    expect_error(store.flush(), ErrorCode::read_only);
}

}  // namespace
}  // namespace zverse::test
