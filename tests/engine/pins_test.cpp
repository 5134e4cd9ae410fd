// Goal:    a named pin holds its version against the floor until it is let go, over restarts, kills and power cuts;
//          what can't be pinned is refused by name, and a call that failed has done nothing.
// Method:  stores left in every way between the calls; every file operation of a pin made to fail; the cold tier on a
//          disk that forgets.
#include <support/failing_file_io.h>
#include <support/file_tree.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/sim_file_io.h>
#include <support/temp_store.h>

#include <cold/cold_tier.h>
#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

using Pins = std::vector<std::pair<std::string, Version>>;
using engine::StoreAccess;

class PinsTest : public ::testing::Test {
protected:
    [[nodiscard]] Store open() const { return must(StoreAccess::open(path, options, internals)); }

    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals;
};

TEST_F(PinsTest, HoldTheFloorUntilTheyAreLetGo) {
    Store store = open();
    const Version one = must(store.put("key", "1"));
    EXPECT_EQ(must(store.pin("first", one)), one);
    const Version two = must(store.put("key", "2"));
    EXPECT_EQ(must(store.pin("second")), two) << "the latest is resolved";
    const Version three = must(store.put("key", "3"));
    EXPECT_EQ(must(store.pins()), (Pins{{"first", one}, {"second", two}}));
    EXPECT_EQ(StoreAccess::raise_floor(store, three), one);
    must(store.unpin("first"));
    EXPECT_EQ(must(store.pins()), (Pins{{"second", two}}));
    EXPECT_EQ(StoreAccess::raise_floor(store, three), two);
    must(store.unpin("second"));
    EXPECT_EQ(StoreAccess::raise_floor(store, three), three);
    EXPECT_EQ(must(store.pins()), Pins{});
}

TEST_F(PinsTest, SurviveHoweverTheStoreIsLeft) {
    const std::string odd("\0\xff\n\"", 4);
    Store store = open();
    const Version one = must(store.put("key", "1"));
    must(store.pin(odd, one));
    must(store.pin("gone", one));
    StoreAccess::abandon(store);
    store = open();
    must(store.unpin("gone"));
    const Version two = must(store.put("key", "2"));
    must(store.flush());
    must(store.pin("two", two));
    must(store.put("key", "3"));
    const Pins expected{{odd, one}, {"two", two}};
    for (const bool killed : {true, false, true}) {
        killed ? StoreAccess::abandon(store) : must(store.close());
        store = open();
        EXPECT_EQ(must(store.pins()), expected);
        EXPECT_EQ(StoreAccess::raise_floor(store, store.latest_version()), one) << "not loaded against the floor";
    }
    must(store.close());
    options.read_only = true;
    store = open();
    EXPECT_EQ(must(store.pins()), expected);
    expect_error(store.pin("new"), ErrorCode::read_only, "read-only");
    expect_error(store.unpin("two"), ErrorCode::read_only, "read-only");
}

TEST_F(PinsTest, WhatTheyNameSurvivesPowerLoss) {
    options.durability = Durability::process;
    options.sync.every = std::chrono::milliseconds(0);
    internals.boot_id = platform::BootId{1, 1};
    internals.stepped_worker = true;
    Store store = open();
    must(store.put("key", "pinned"));
    const Version pinned = must(store.pin("pin"));
    must(store.put("key", "lost"));
    StoreAccess::abandon(store);
    ++internals.boot_id->low;
    store = open();
    EXPECT_EQ(must(store.pins()), (Pins{{"pin", pinned}}));
    EXPECT_EQ(must(store.get("key", pinned)), "pinned");
    EXPECT_EQ(must(store.get("key")), "pinned");
}

TEST_F(PinsTest, AreRefusedByName) {
    Store store = open();
    const Version one = must(store.put("key", "1"));
    must(store.pin("taken", one));
    expect_error(store.pin("taken"), ErrorCode::exists, "\"taken\"");
    expect_error(store.unpin("unknown"), ErrorCode::not_found, "\"unknown\"");
    expect_error(store.pin(""), ErrorCode::invalid_argument, "255");
    expect_error(store.pin(std::string(256, 'n')), ErrorCode::invalid_argument, "256");
    expect_error(store.unpin(std::string(256, 'n')), ErrorCode::invalid_argument, "256");
    must(store.pin(std::string(255, 'n')));
    expect_error(store.pin("future", store.latest_version() + 1), ErrorCode::version_unknown);
    must(store.visit("key", [&](const Entry&) {
        expect_error(store.pin("inside"), ErrorCode::invalid_argument, "visit");
        expect_error(store.unpin("taken"), ErrorCode::invalid_argument, "visit");
    }));
    must(store.unpin("taken"));
    must(store.unpin(std::string(255, 'n')));
    const Version two = must(store.put("key", "2"));
    ASSERT_EQ(StoreAccess::raise_floor(store, two), two);
    const auto late = store.pin("late", one);
    expect_error(late, ErrorCode::version_too_old);
    EXPECT_EQ(late.error().version(), two);
    EXPECT_EQ(must(store.pins()), Pins{});
    must(store.close());
    expect_error(store.pin("closed"), ErrorCode::closed);
    expect_error(store.unpin("closed"), ErrorCode::closed);
    expect_error(store.pins(), ErrorCode::closed);
}

/// Cursors, snapshots and transactions hold what they show; what comes after the floor has moved is refused.
TEST_F(PinsTest, TheFloorAndOtherReaders) {
    Store store = open();
    const Version one = must(store.put("key", "1"));
    const Version two = must(store.put("key", "2"));
    {
        Cursor changes = must(store.changes({one, kLatest}));
        Snapshot snapshot = store.snapshot();
        EXPECT_EQ(snapshot.version(), two);
        const Version three = must(store.put("key", "3"));
        EXPECT_EQ(StoreAccess::raise_floor(store, three), one) << "changes need what was superseded after their begin";
        changes = must(store.changes({three, kLatest}));
        EXPECT_EQ(StoreAccess::raise_floor(store, three), two);
        const auto scan = store.scan({}, one);
        expect_error(scan, ErrorCode::version_too_old);
        EXPECT_EQ(scan.error().version(), two);
        expect_error(store.changes({one, kLatest}), ErrorCode::version_too_old);
        Cursor held = must(store.scan({}, two));
        snapshot = store.snapshot();
        EXPECT_EQ(StoreAccess::raise_floor(store, three), two) << "a scan holds its version";
        Cursor history = must(store.history("key"));
        held = must(store.scan({}));
        EXPECT_EQ(StoreAccess::raise_floor(store, three), two) << "a history holds what is kept";
        const Transaction transaction = store.begin();
        history = must(store.history("key", {three, kLatest}));
        const Version four = must(store.put("key", "4"));
        EXPECT_EQ(StoreAccess::raise_floor(store, four), three);
    }
    EXPECT_EQ(StoreAccess::raise_floor(store, store.latest_version()), store.latest_version());
}

/// From its announcement on, before a view has it.
TEST_F(PinsTest, WhatIsNotBelowTheFloorCanBeRead) {
    Store store = open();
    must(store.put("key", "1"));
    const Version two = must(store.put("key", "2"));
    must(store.put("key", "3"));
    ASSERT_EQ(StoreAccess::raise_floor(store, two), two);
    const Version floor = store.floor(), latest = store.latest_version();
    EXPECT_EQ(floor, two);
    for (Version version = floor; version <= latest; ++version) {
        must(store.get("key", version));
        must(store.scan({}, version));
        must(store.changes({version, kLatest}));
        must(store.pin("pin" + std::to_string(version), version));
    }
    const auto below = store.changes({floor - 1, kLatest});
    expect_error(below, ErrorCode::version_too_old);
    EXPECT_EQ(below.error().version(), floor);
    for (const bool reverse : {false, true}) {
        Cursor history = must(store.history("key", {}, {.reverse = reverse}));
        for (const char* value : {reverse ? "2" : "3", reverse ? "3" : "2"}) {
            ASSERT_TRUE(must(history.next()));
            EXPECT_EQ(history.entry().value, value) << "what the rings have of what was before is not shown";
        }
        EXPECT_FALSE(must(history.next()));
    }
}

TEST_F(PinsTest, AFailedCallLeavesAllAsItWas) {
    const auto failures = std::make_shared<Failures>();
    internals.wrap_io = failing_io(failures);
    internals.stepped_worker = true;
    Store store = open();
    const Version one = must(store.put("key", "1"));
    must(store.pin("kept", one));
    unsigned failed = 0;
    for (const int number : {EIO, ENOSPC}) {
        for (std::uint64_t nth = 1;; ++nth) {
            failures->fail_call(nth, number, nth % 2 == 0);
            const auto pinned = store.pin("new", one);
            failures->fail_no_more();
            if (pinned) break;
            ++failed;
            ASSERT_EQ(must(store.pins()), (Pins{{"kept", one}})) << "call " << nth;
            failures->fail_call(nth, number, false);
            if (!store.unpin("kept")) {
                ASSERT_EQ(must(store.pins()), (Pins{{"kept", one}})) << "call " << nth;
            } else {
                failures->fail_no_more();
                must(store.pin("kept", one));
            }
            failures->fail_no_more();
        }
        must(store.unpin("new"));
    }
    EXPECT_GE(failed, 4U);
    must(store.close());
    store = open();
    EXPECT_EQ(must(store.pins()), (Pins{{"kept", one}}));
}

TEST_F(PinsTest, APinThatCannotBeIsCorruption) {
    {
        Store store = open();
        must(store.put("key", "1"));
        must(store.close());
        std::uint64_t uuid[2];
        {
            const std::string superblock = read_file(path / "SUPERBLOCK");
            std::memcpy(uuid, superblock.data() + 32, sizeof(uuid));
        }
        const auto io = platform::make_posix_file_io();
        auto tier = must(cold::ColdTier::open(*io, path, uuid));
        must(tier->start_writing());
        cold::TreeChange change;
        change.others.pin("future", Version{1} << 50);
        must(tier->commit(change));
    }
    expect_error(StoreAccess::open(path, options, internals), ErrorCode::corrupt, "\"future\"");
}

/// In the manifest: what returned is there after every cut, what did not is there or not.
TEST(PinsCrash, EveryPowerCutLeavesWhatReturned) {
    const SeedScope seed;
    Random random(seed.seed());
    constexpr std::uint64_t kStore[2] = {5, 6};
    for (int round = 0; round < (kSanitized ? 20 : 200); ++round) {
        SimFileIo io;
        must(io.create_directories("/store"));
        must(io.sync_directory("/"));
        auto tier = must(cold::ColdTier::open(io, "/store", kStore));
        must(tier->start_writing());
        std::map<std::string, Version> known;
        io.fail_call(random.between(1, 60), EIO, true);
        std::map<std::string, Version> wanted;
        for (Version version = 1;; ++version) {
            const std::string name = "pin" + std::to_string(random.below(5));
            cold::TreeChange change;
            wanted = known;
            if (wanted.erase(name) != 0) {
                change.others.unpin(name);
            } else {
                wanted[name] = version;
                change.others.pin(name, version);
            }
            if (!tier->commit(change)) break;
            known = wanted;
        }
        for (int cut = 0; cut < 10; ++cut) {
            const auto disk = io.crash(random.next());
            const auto after = must(cold::ColdTier::open(*disk, "/store", kStore));
            const auto state = after->state();
            const auto& pins = state->pins;
            ASSERT_TRUE(pins == known || pins == wanted) << "round " << round;
        }
    }
}

}  // namespace
}  // namespace zverse::test
