// Goal:    zverse-fsck's level paranoid finds it when a store answers something else than its files hold, and finds
//          nothing in stores that answer rightly.
// Method:  records are gathered from one state of a store, and the one that answers is in its place by then.
#include "store_check_fixture.h"

#include <support/failing_file_io.h>

#include <tools/fsck/answers_check.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

class AnswersTest : public StoreCheckTest {
protected:
    struct Compared {
        tools::AnswersSeen seen;
        std::vector<Finding> findings;
        [[nodiscard]] bool tells(const std::string& what) const {
            return std::ranges::any_of(findings, [&](const Finding& each) {
                return each.code == codes::kAnswer && each.what.find(what) != std::string::npos;
            });
        }
    };
    [[nodiscard]] Compared compare(platform::FileIo& files) const {
        tools::AnswersRequest asked;
        asked.store = path;
        asked.memory_bytes = std::uint64_t{32} << 20;
        platform::Audit audit;
        Compared compared;
        compared.seen = must(tools::check_answers(files, asked, audit)).value();
        compared.findings = audit.take().findings;
        return compared;
    }
    /// The files are those from before `change`, the answers those from after it.
    [[nodiscard]] Compared compare_with(const std::function<void(Store&)>& change) {
        const fs::path changed = directory / "changed", before = directory / "before";
        fs::copy(path, changed, fs::copy_options::recursive);
        {
            Options at_changed = options;
            at_changed.hot_paths = {changed / "hot"};
            Store store = must(StoreAccess::open(changed, at_changed, internals));
            change(store);
            must(store.close());
        }
        const auto failures = std::make_shared<Failures>();
        FailingFileIo counting(platform::make_posix_file_io(), failures);
        static_cast<void>(compare(counting));
        const std::uint64_t last = failures->calls;
        failures->calls = 0;
        failures->before_call = [&](const fs::path&) {
            if (failures->calls != last) return;
            fs::rename(path, before);
            fs::rename(changed, path);
        };
        Compared compared = compare(counting);
        fs::rename(path, directory / ("done" + std::to_string(++turns_)));
        fs::rename(before, path);
        return compared;
    }

private:
    int turns_ = 0;
};

TEST_F(AnswersTest, AStoreThatAnswersRightlyIsClean) {
    const CheckReport report = check(CheckLevel::paranoid);
    expect_clean(report, "paranoid");
    ASSERT_TRUE(report.answers.has_value());
    EXPECT_GT(report.answers->keys, 90U);
    EXPECT_GT(report.answers->records, 300U);
}

TEST_F(AnswersTest, ManyShapesOfStoresAreClean) {
    for (int shape = 0; shape < (kSanitized ? 6 : 24) && !HasFailure(); ++shape) {
        path = directory / ("shape" + std::to_string(shape));
        options.sharding = random.one_in(2) ? Sharding::by_key : Sharding::by_core;
        options.shards = options.sharding == Sharding::by_key ? 2 : 1;
        if (random.one_in(3)) options.retention.max_versions_behind = 50;
        Store store = must(StoreAccess::open(path, options, internals));
        const std::uint64_t keys = 1 + random.below(200), rounds = random.below(8);
        for (std::uint64_t round = 0; round <= rounds; ++round) {
            for (std::uint64_t i = random.below(300); i > 0; --i) {
                const std::string key = "key" + std::to_string(random.below(keys));
                const std::uint64_t what = random.below(20);
                if (what == 0) {
                    must(store.erase(key));
                } else if (what == 1) {
                    WriteBatch batch;  // the last one of a key counts
                    for (int j = 0; j < 5; ++j) batch.put("key" + std::to_string(random.below(3)), random.bytes(9));
                    batch.erase(key);
                    must(store.write(batch));
                } else {
                    must(store.put(key, random.bytes(random.one_in(40) ? 6'000 : random.below(50))));
                }
            }
            if (random.one_in(2)) must(store.flush());
            if (random.one_in(3)) must(store.compact());
            if (random.one_in(3)) must(store.pin("pin" + std::to_string(round)));
        }
        must(store.close());
        const CheckReport report = check(CheckLevel::paranoid);
        expect_clean(report, path.string());
        EXPECT_TRUE(report.answers.has_value());
    }
}

TEST_F(AnswersTest, WhatAnErasureEndedAndRetentionForgotIsNoDifference) {
    path = directory / "forgotten";
    const auto write_all = [](Store& store, const std::string& value) {
        for (int i = 0; i < 50; ++i) must(store.put("key" + std::to_string(i), value));
        must(store.flush());
    };
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 200; ++i) must(store.put("gone" + std::to_string(i), "value"));
    write_all(store, "first");
    for (int i = 0; i < 200; ++i) must(store.erase("gone" + std::to_string(i)));
    must(store.pin("holds the floor"));
    for (int i = 0; i < 3; ++i) write_all(store, "next");
    must(store.close());
    options.retention.max_versions_behind = 1;
    store = must(StoreAccess::open(path, options, internals));
    for (int round = 0; round < 12; ++round) {
        write_all(store, "later" + std::to_string(round));
        while (must(StoreAccess::step(store))) {}
    }
    must(store.close());
    expect_clean(check(CheckLevel::paranoid), "erased at the floor");
}

TEST_F(AnswersTest, VersionsThatAPowerCutTookAreNotAskedFor) {
    path = directory / "lost";
    options.durability = Durability::process;
    internals.boot_id = platform::BootId{1, 1};
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 100; ++i) must(store.put("key" + std::to_string(i), "value"));
    StoreAccess::abandon(store);
    internals.boot_id = platform::BootId{1, 2};
    store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 10; ++i) must(store.put("after" + std::to_string(i), "value"));
    must(store.close());
    const CheckReport report = check(CheckLevel::paranoid);
    expect_clean(report, "a window");
    EXPECT_TRUE(report.failures.empty()) << report.failures.front().message();
    ASSERT_TRUE(report.answers.has_value());
    EXPECT_GE(report.answers->keys, 10U);
}

TEST_F(AnswersTest, ValuesThatChangedPlacesAreFoundByScansToo) {
    const Compared swapped = compare_with([](Store& store) {
        WriteBatch batch;  // of keys that had one version
        batch.put("key1", must(store.get("key2")).value_or("2"));
        batch.put("key2", must(store.get("key1")).value_or("1"));
        must(store.write(batch));
    });
    EXPECT_TRUE(swapped.tells("a scan as of"));
}

TEST_F(AnswersTest, OtherAnswersAreFound) {
    const Compared erased = compare_with([](Store& store) { must(store.erase("large")); });
    EXPECT_TRUE(erased.tells("get of large as of"));
    EXPECT_TRUE(erased.tells("the history of large"));
    EXPECT_TRUE(erased.tells("a scan as of"));
    EXPECT_TRUE(erased.tells("the changes after"));
    EXPECT_EQ(compare_with([](Store&) {}).findings.size(), 0U);
    // Of a key that the files do not have only those calls can tell that are not asked for a key.
    const Compared added = compare_with([](Store& store) { must(store.put("nobody asks for it", "value")); });
    EXPECT_TRUE(added.tells("a scan as of version " + std::to_string(kLatest) + " has"));
    EXPECT_TRUE(added.tells("the changes after"));
    EXPECT_FALSE(added.tells("get of"));
}

TEST_F(AnswersTest, OnlyAWholeStoreThatWasClosedIsAsked) {
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.put("one", "more"));
    StoreAccess::abandon(store);
    const CheckReport killed = check(CheckLevel::paranoid);
    expect_clean(killed, "killed");
    EXPECT_FALSE(killed.answers.has_value());
    must(must(StoreAccess::open(path, options, internals)).close());
    EXPECT_TRUE(check(CheckLevel::paranoid).answers.has_value());
    flip_bit(segments().front(), 8 * 4200);
    EXPECT_FALSE(check(CheckLevel::paranoid).answers.has_value());
}

}  // namespace
}  // namespace zverse::test
