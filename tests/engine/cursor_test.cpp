// Goal:    scans, histories and changes show what include/zverse/store.h says, in that order. Read it as examples.
// Method:  one small store for each test, plain values.
#include <engine/api_fixture.h>
#include <support/results.h>

#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <string>

namespace zverse::test {

namespace {

using namespace std::string_literals;

TEST_F(ApiTest, ScansAreOrderedByUnsignedBytes) {
    for (const std::string& key : {"\xff"s, "b"s, "a"s, "\x80"s, "ab"s, "\0"s, "a\0"s}) put(key, "x");
    const Keys ordered = {"\0"s, "a", "a\0"s, "ab", "b", "\x80", "\xff"};
    EXPECT_EQ(keys(store.scan({})), ordered);
    EXPECT_EQ(keys(store.scan({}, kLatest, {.reverse = true})), Keys(ordered.rbegin(), ordered.rend()));
}

TEST_F(ApiTest, ScanRangesAreHalfOpen) {
    for (const char* key : {"a", "b", "c", "d"}) put(key, "x");
    EXPECT_EQ(keys(store.scan({"b", "d"})), (Keys{"b", "c"}));
    EXPECT_EQ(keys(store.scan({"b", ""})), (Keys{"b", "c", "d"}));
    EXPECT_EQ(keys(store.scan({"", "b"})), (Keys{"a"}));
    EXPECT_EQ(keys(store.scan({"b", "b"})), Keys{});
    expect_error(store.scan({"c", "b"}), ErrorCode::invalid_argument);
    EXPECT_EQ(keys(store.scan({"b", "d"}, kLatest, {.reverse = true})), (Keys{"c", "b"}));
    EXPECT_EQ(keys(store.scan({}, kLatest, {.limit = 3})), (Keys{"a", "b", "c"}));
    EXPECT_EQ(keys(store.scan({}, kLatest, {.reverse = true, .limit = 1})), (Keys{"d"}));
}

TEST_F(ApiTest, PrefixRangesHoldAllKeysWithThePrefix) {
    for (const std::string& key : {"a"s, "user"s, "user\xff\xff"s, "users"s, "uses"s, "\xff\xff"s, "\xff\xff\x01"s}) {
        put(key, "x");
    }
    EXPECT_EQ(keys(store.scan(prefix_range("user"))), (Keys{"user", "users", "user\xff\xff"}));
    EXPECT_EQ(keys(store.scan(prefix_range("\xff\xff"))), (Keys{"\xff\xff", "\xff\xff\x01"}));
    EXPECT_EQ(keys(store.scan(prefix_range(""))).size(), 7U);
    EXPECT_EQ(prefix_range("ab\xff").end, "ac");
    EXPECT_EQ(prefix_range("\xff").end, "");
}

TEST_F(ApiTest, KeysOnlyLeavesValuesOut) {
    const Version version = put("a", "1");
    EXPECT_EQ(all(store.scan({}, kLatest, {.keys_only = true})), Keys{at("a=@", version)});
    EXPECT_EQ(all(store.history("a", {}, {.keys_only = true})), Keys{at("a=@", version)});
    EXPECT_EQ(all(store.changes({}, {}, {.keys_only = true})), Keys{at("a=@", version)});
}

TEST_F(ApiTest, ACursorStaysAtItsVersion) {
    put("a", "old");
    put("b", "old");
    Cursor cursor = must(store.scan({}));
    ASSERT_TRUE(must(cursor.next()));
    put("b", "new");
    put("c", "new");
    must(store.erase("a"));
    ASSERT_TRUE(must(cursor.next()));
    EXPECT_EQ(cursor.entry().value, "old");
    EXPECT_FALSE(must(cursor.next()));
    EXPECT_EQ(keys(store.scan({})), (Keys{"b", "c"}));
}

// A key that is written again and again has a version for each; a scan must not look at them one by one.
TEST_F(ApiTest, ScansPassOverTheVersionsOfAKey) {
    constexpr int kVersions = 3000;
    put("a", "first");
    Version middle = 0;
    for (int i = 0; i < kVersions; ++i) {
        const Version version = put("b", std::to_string(i));
        if (i == kVersions / 2) middle = version;
        if (i % 700 == 0) static_cast<void>(keys(store.scan({})));  // which makes a run of what there is by now
    }
    put("c", "last");
    const auto looked_at = [&] { return store.stats().value("zverse_scan_ring_entries_total").value_or(0); };
    const double before = looked_at();
    const std::string newest = "b=" + std::to_string(kVersions - 1), old = "b=" + std::to_string(kVersions / 2);
    const auto shown = [&](Version as_of, bool reverse) {
        Cursor cursor = must(store.scan({}, as_of, {.reverse = reverse}));
        Keys entries;
        while (must(cursor.next())) {
            entries.push_back(std::string(cursor.entry().key) + "=" + std::string(cursor.entry().value));
        }
        return entries;
    };
    EXPECT_EQ(shown(kLatest, false), (Keys{"a=first", newest, "c=last"}));
    EXPECT_EQ(shown(kLatest, true), (Keys{"c=last", newest, "a=first"}));
    EXPECT_EQ(shown(middle, false), (Keys{"a=first", old}));
    EXPECT_EQ(shown(middle, true), (Keys{old, "a=first"}));
    EXPECT_LT(looked_at() - before, kVersions / 10) << "in four scans";
}

TEST_F(ApiTest, SeekMovesInBothDirections) {
    for (const char* key : {"b", "d", "f"}) put(key, "x");
    Cursor cursor = must(store.scan({}));
    ASSERT_TRUE(must(cursor.seek("c")));
    EXPECT_EQ(cursor.entry().key, "d");
    ASSERT_TRUE(must(cursor.next()));
    EXPECT_EQ(cursor.entry().key, "f");
    EXPECT_FALSE(must(cursor.next()));
    ASSERT_TRUE(must(cursor.seek("a"))) << "allowed after the end, and backwards";
    EXPECT_EQ(cursor.entry().key, "b");
    ASSERT_TRUE(must(cursor.seek("b")));
    EXPECT_EQ(cursor.entry().key, "b");
    EXPECT_FALSE(must(cursor.seek("g")));
    EXPECT_FALSE(must(cursor.next()));

    Cursor reversed = must(store.scan({}, kLatest, {.reverse = true}));
    ASSERT_TRUE(must(reversed.seek("e")));
    EXPECT_EQ(reversed.entry().key, "d");
    ASSERT_TRUE(must(reversed.next()));
    EXPECT_EQ(reversed.entry().key, "b");
    EXPECT_FALSE(must(reversed.seek("a")));
}

TEST_F(ApiTest, SeekStaysInsideTheRangeAndCountsTowardsTheLimit) {
    for (const char* key : {"a", "b", "c", "d"}) put(key, "x");
    Cursor inside = must(store.scan({"b", "d"}));
    ASSERT_TRUE(must(inside.seek("a")));
    EXPECT_EQ(inside.entry().key, "b");
    EXPECT_FALSE(must(inside.seek("d")));
    Cursor limited = must(store.scan({}, kLatest, {.limit = 2}));
    EXPECT_TRUE(must(limited.seek("c")));
    EXPECT_TRUE(must(limited.seek("a")));
    EXPECT_FALSE(must(limited.next()));
    EXPECT_FALSE(must(limited.seek("b")));
}

TEST_F(ApiTest, OnlyScansSeek) {
    put("a", "1");
    Cursor history = must(store.history("a"));
    expect_error(history.seek("a"), ErrorCode::invalid_argument);
    Cursor changes = must(store.changes({}));
    expect_error(changes.seek("a"), ErrorCode::invalid_argument);
}

TEST_F(ApiTest, HistoryShowsEveryRecordNewestFirst) {
    const Version one = put("a", "1");
    put("b", "x");
    const Version two = must(store.erase("a"));
    const Version three = put("a", "3");
    EXPECT_EQ(all(store.history("a")), (Keys{at("a=3@", three), at("a!", two), at("a=1@", one)}));
    EXPECT_EQ(all(store.history("a", {}, {.reverse = true})),
              (Keys{at("a=1@", one), at("a!", two), at("a=3@", three)}));
    EXPECT_EQ(all(store.history("a", {one, two})), Keys{at("a!", two)});
    EXPECT_EQ(all(store.history("a", {}, {.limit = 1})), Keys{at("a=3@", three)});
    EXPECT_EQ(all(store.history("nothing")), Keys{});
}

TEST_F(ApiTest, ChangesShowEveryRecordByVersion) {
    const Version one = put("b", "1");
    const Version two = put("a", "2");
    const Version three = must(store.erase("b"));
    EXPECT_EQ(all(store.changes({})), (Keys{at("b=1@", one), at("a=2@", two), at("b!", three)}));
    EXPECT_EQ(all(store.changes({one, two})), Keys{at("a=2@", two)});
    EXPECT_EQ(all(store.changes({}, {"b", "c"})), (Keys{at("b=1@", one), at("b!", three)}));
    EXPECT_EQ(all(store.changes({}, {}, {.reverse = true, .limit = 1})), Keys{at("b!", three)});
}

TEST_F(ApiTest, VersionRangesAreClippedAndReversedOnesRefused) {
    const Version one = put("a", "1");
    const Version two = put("a", "2");
    EXPECT_EQ(all(store.changes({one, two + 1'000'000})), Keys{at("a=2@", two)});
    EXPECT_EQ(all(store.changes({two + 1'000'000, kLatest})), Keys{});
    EXPECT_EQ(all(store.changes({one, one})), Keys{});
    EXPECT_EQ(all(store.history("a", {one, one})), Keys{});
    expect_error(store.changes({two, one}), ErrorCode::invalid_argument);
    expect_error(store.history("a", {two, one}), ErrorCode::invalid_argument);
    expect_error(store.changes({}, {"b", "a"}), ErrorCode::invalid_argument);
}

}  // namespace

}  // namespace zverse::test
