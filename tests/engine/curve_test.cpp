// Goal:    histories are stored along the curve that the options fix, or along one that suits what was asked; what is
//          asked of the latest state, of the rings, or by gets has no say; and the figures tell all of it.
// Method:  a store flushed by hand: queries of one kind, then a flush, then a look at what was chosen.
#include <engine/store_access.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using engine::StoreAccess;

class CurveTest : public ::testing::Test {
protected:
    void open() { store.emplace(must(StoreAccess::open(path, options, internals))); }

    /// A stripe whose history has some dozens of blocks.
    void write_stripe() {
        for (int i = 0; i < 5000; ++i) {
            const std::string key = "key" + std::to_string(random.below(100));
            const std::string value = random.bytes(100);
            model[key][must(store->put(key, value))] = value;
        }
        must(store->flush());
    }

    static void exhaust(Result<Cursor> cursor) {
        Cursor all = must(std::move(cursor));
        while (must(all.next())) {}
    }
    void ask_histories(int count) {
        for (int i = 0; i < count; ++i) exhaust(store->history("key" + std::to_string(i % 100)));
    }
    void ask_changes(int count) {
        for (int i = 0; i < count; ++i) {
            const Version after = random.below(store->latest_version() - 20);
            exhaust(store->changes({after, after + 20}));
        }
    }

    /// For the last stripe; every fourth flush merges, and what it makes is small.
    [[nodiscard]] cold::CurveChoice last_choice() const {
        cold::CurveChoice last;
        for (const cold::CurveChoice& each : StoreAccess::curve_choices(*store)) {
            if (each.blocks > 20) last = each;
        }
        return last;
    }
    [[nodiscard]] double observed(const char* kind) const {
        return store->stats().value("zverse_history_queries{kind=\"" + std::string(kind) + "\"}").value_or(-1);
    }

    /// Every key as of some versions, its history, and changes.
    void check() {
        for (int i = 0; i < 300; ++i) {
            const Version v = random.between(1, store->latest_version());
            const std::string key = "key" + std::to_string(random.below(100));
            const auto behind = model[key].upper_bound(v);
            const auto expected =
                behind == model[key].begin() ? std::nullopt : std::optional(std::prev(behind)->second);
            ASSERT_EQ(must(store->get(key, v)), expected) << key << " as of " << v;
        }
        for (const auto& [key, versions] : model) {
            Cursor cursor = must(store->history(key));
            for (auto each = versions.rbegin(); each != versions.rend(); ++each) {
                ASSERT_TRUE(must(cursor.next())) << key;
                ASSERT_EQ(cursor.entry().version, each->first) << key;
            }
            ASSERT_FALSE(must(cursor.next())) << key;
        }
    }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals{.flush_by_hand = true};
    std::optional<Store> store;
    std::map<std::string, std::map<Version, std::string>> model;
};

TEST_F(CurveTest, WithoutQueriesItIsTheDefault) {
    open();
    write_stripe();
    EXPECT_EQ(last_choice().curve.name(), "vvk..");
    EXPECT_FALSE(last_choice().adapted);
    EXPECT_EQ(store->stats().value("zverse_curve_choices_total{curve=\"vvk..\"}"), 1);
    EXPECT_EQ(store->stats().value("zverse_curve_expected_blocks{curve=\"chosen\"}"), std::nullopt);
    check();
}

TEST_F(CurveTest, ItFollowsWhatIsAsked) {
    open();
    write_stripe();
    ask_histories(63);
    write_stripe();
    EXPECT_FALSE(last_choice().adapted) << "too few to go by";
    ask_histories(100);
    write_stripe();
    EXPECT_EQ(last_choice().rule, "k");
    EXPECT_DOUBLE_EQ(last_choice().shares[0], 1);
    EXPECT_LT(last_choice().expected, last_choice().expected_by_default);
    check();
    ask_changes(3000);
    write_stripe();
    cold::CurveChoice choice = last_choice();
    EXPECT_GE(choice.curve.version_bits(), 3U) << choice.rule;
    EXPECT_GT(choice.shares[2], 0.5);
    check();
    choice = StoreAccess::curve_choices(*store).back();
    const Stats stats = store->stats();
    EXPECT_EQ(stats.value("zverse_curve_expected_blocks{curve=\"chosen\"}"), choice.expected);
    EXPECT_EQ(stats.value("zverse_curve_expected_blocks{curve=\"default\"}"), choice.expected_by_default);
    EXPECT_EQ(stats.value("zverse_curve_choices_total{curve=\"k..\"}"), 1);
    EXPECT_TRUE(must(store->verify()).clean());
}

TEST_F(CurveTest, OnlyHistoryThatSettledHasASay) {
    open();
    write_stripe();
    const Version cut = store->latest_version();
    std::vector<Version> hot;
    for (int i = 0; i < 20; ++i) hot.push_back(must(store->put("key1", "hot")));
    for (int i = 0; i < 10; ++i) {
        exhaust(store->scan({}));
        exhaust(store->scan({}, hot.front()));
        exhaust(store->changes({cut, kLatest}));
        exhaust(store->history("key1", {cut, kLatest}));
        must(store->get("key1", cut - 100));
        // Asked for, and never looked at; or found in the rings before history was reached.
        (void)must(store->history("key1"));
        (void)must(store->scan({}, cut - 1));
        exhaust(store->history("key1", {}, {.limit = 10}));
    }
    EXPECT_EQ(observed("history"), 0);
    EXPECT_EQ(observed("as_of"), 0);
    EXPECT_EQ(observed("changes"), 0);
    exhaust(store->history("key1"));
    exhaust(store->history("key1", {}, {.reverse = true, .limit = 1}));
    exhaust(store->scan({}, cut - 100));
    exhaust(store->changes({cut - 100, kLatest}));
    EXPECT_EQ(observed("history"), 2);
    EXPECT_EQ(observed("as_of"), 1);
    EXPECT_EQ(observed("changes"), 1);
}

TEST_F(CurveTest, AFixedRuleWinsAndMayChange) {
    for (const char* rule : {"kv", "v", "k", "vvvk"}) {
        options.curve = rule;
        open();
        for (int i = 0; i < 2 && !model.empty(); ++i) ask_histories(100);
        write_stripe();
        EXPECT_EQ(last_choice().rule, rule);
        EXPECT_EQ(last_choice().curve.name(), std::string(rule) + "..");
        EXPECT_FALSE(last_choice().adapted);
        check();
        must(store->close());
    }
    open();
    check();
    std::set<std::string> shown;
    for (const Stats::Metric& metric : store->stats().metrics()) {
        if (metric.name == "zverse_level_components" && metric.labels.find("history") != std::string::npos) {
            shown.insert(metric.labels);
        }
    }
    EXPECT_GE(shown.size(), 1U);
    EXPECT_TRUE(must(store->verify()).clean());
}

TEST_F(CurveTest, FamiliesOfFiguresStayTogether) {
    options.curve = "";
    internals.curve_queries_min = 1;
    open();
    write_stripe();
    ask_histories(10);
    write_stripe();
    ask_changes(1000);
    write_stripe();
    std::set<std::string> families;
    std::string last;
    for (const Stats::Metric& metric : store->stats().metrics()) {
        if (metric.name == last) continue;
        EXPECT_TRUE(families.insert(metric.name).second) << metric.name << " comes twice";
        last = metric.name;
    }
    EXPECT_TRUE(families.contains("zverse_curve_choices_total"));
    EXPECT_TRUE(families.contains("zverse_curve_expected_blocks"));
}

}  // namespace
}  // namespace zverse::test
