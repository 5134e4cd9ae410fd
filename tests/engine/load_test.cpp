// Goal:    a load gives every record the version it had; interrupted at any moment, it goes on with the version after
//          the newest one that is there, whatever the clock's limit; until it ends nobody else writes.
// Method:  the changes of a random store loaded into another one, which is abandoned as a kill would at random commits,
//          also under another boot id, and opened again; all reads of both compared.
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using engine::Internals;
using engine::Load;
using engine::StoreAccess;

struct Record {
    Version version;
    std::string key;
    std::optional<std::string> value;
    auto operator<=>(const Record&) const = default;
};

std::vector<Record> records_of(const Store& store, Version after) {
    std::vector<Record> records;
    Cursor cursor = must(store.changes({after, store.latest_version()}));
    while (must(cursor.next())) {
        const Entry& entry = cursor.entry();
        records.push_back({entry.version, std::string(entry.key),
                           entry.tombstone ? std::nullopt : std::optional(std::string(entry.value))});
    }
    return records;
}

std::vector<Record> state_of(const Store& store, Version as_of) {
    std::vector<Record> records;
    Cursor cursor = must(store.scan({}, as_of));
    while (must(cursor.next())) {
        records.push_back({cursor.entry().version, std::string(cursor.entry().key), std::string(cursor.entry().value)});
    }
    return records;
}

class LoadTest : public ::testing::Test {
protected:
    LoadTest() : random_(seed_.seed()), options_(small_options()) {}

    [[nodiscard]] Store open_to_load(Load load) const { return must(StoreAccess::open_to_load(copy_, options_, load)); }

    /// Random writes, batches and erases among them; leaps of versions where it is opened anew after a "kill".
    [[nodiscard]] std::vector<Record> make_source() {
        for (int life = 0; life < 3; ++life) {
            Store store = must(Store::open(source_, options_));
            for (int i = 0; i < 100; ++i) write_something(store);
            if (life == 1) {
                StoreAccess::abandon(store);
            } else {
                must(store.close());
            }
        }
        const Store store = must(Store::open(source_, options_));
        return records_of(store, 0);
    }

    void write_something(Store& store) {
        WriteBatch batch;
        for (std::uint64_t count = random_.one_in(4) ? random_.between(2, 9) : 1; count > 0; --count) {
            const std::string key = "key" + std::to_string(random_.below(40));
            if (random_.one_in(5)) {
                batch.erase(key);
            } else {
                batch.put(key, random_.bytes(random_.below(random_.one_in(30) ? 20'000 : 100)));
            }
        }
        must(store.write(batch));
    }

    /// Commits what comes from `at` on, up to so many versions; where it got.
    static std::size_t load_from(Store& store, const std::vector<Record>& records, std::size_t at,
                                 std::uint64_t versions) {
        for (; versions > 0 && at < records.size(); --versions) {
            WriteBatch batch;
            const Version version = records[at].version;
            for (; at < records.size() && records[at].version == version; ++at) {
                if (records[at].value) {
                    batch.put(records[at].key, *records[at].value);
                } else {
                    batch.erase(records[at].key);
                }
            }
            auto loaded = StoreAccess::load_at(store, batch, version);
            if (!loaded && loaded.error().code() == ErrorCode::full) {
                must(store.flush());
                loaded = StoreAccess::load_at(store, batch, version);
            }
            must(std::move(loaded));
        }
        return at;
    }

    static std::size_t first_above(const std::vector<Record>& records, Version version) {
        return static_cast<std::size_t>(std::ranges::upper_bound(records, version, {}, &Record::version) -
                                        records.begin());
    }

    void expect_equal_stores(const Store& copy, Version floor) {
        const Store source = must(Store::open(source_, options_));
        EXPECT_EQ(records_of(copy, floor), records_of(source, floor));
        for (int i = 0; i < 30; ++i) {
            const Version as_of = random_.between(floor, source.latest_version());
            ASSERT_EQ(state_of(copy, as_of), state_of(source, as_of)) << "as of " << as_of;
        }
    }

    SeedScope seed_;
    Random random_;
    TempDirectory directory_;
    Options options_;
    std::filesystem::path source_ = directory_ / "source", copy_ = directory_ / "copy";
};

TEST_F(LoadTest, EveryRecordHasItsVersionAndTheNewestIsTheOneThatWasAskedFor) {
    const std::vector<Record> records = make_source();
    const Version until = records.back().version + 7;
    {
        Store store = open_to_load(Load::begin);
        EXPECT_FALSE(StoreAccess::resumed_load(store).has_value());
        load_from(store, records, 0, ~0ULL);
        EXPECT_EQ(store.latest_version(), records.back().version);
        must(StoreAccess::settle_load(store, until, 0));
        must(StoreAccess::end_load(store));
        WriteBatch batch;
        batch.put("key", "too late");
        expect_error(StoreAccess::load_at(store, batch, until + 1), ErrorCode::read_only, "has ended");
        must(store.close());
    }
    Store copy = must(Store::open(copy_, options_));
    EXPECT_EQ(copy.latest_version(), until);
    expect_equal_stores(copy, 0);
    EXPECT_EQ(must(copy.put("next", "")), until + 1);
    EXPECT_TRUE(must(copy.verify()).clean());
}

TEST_F(LoadTest, GoesOnBehindTheNewestVersionWhereverItWasKilled) {
    const std::vector<Record> records = make_source();
    std::size_t at = 0;
    for (int lives = 0; at < records.size(); ++lives) {
        options_.durability = random_.one_in(2) ? Durability::power : Durability::process;
        Store store = open_to_load(Load::resume);
        EXPECT_EQ(StoreAccess::resumed_load(store).has_value(), lives > 0);
        ASSERT_EQ(first_above(records, store.latest_version()), at) << "nothing is lost, and nothing is skipped";
        ASSERT_LE(store.durable_version(), store.latest_version()) << "what is to come is not called durable";
        at = load_from(store, records, at, random_.between(0, 60));
        if (random_.one_in(3)) must(store.flush());
        if (random_.one_in(3)) must(StoreAccess::step(store));
        if (random_.one_in(3)) {
            must(store.close());
        } else {
            StoreAccess::abandon(store);
        }
    }
    Store store = open_to_load(Load::resume);
    must(StoreAccess::settle_load(store, records.back().version, 0));
    must(StoreAccess::end_load(store));
    StoreAccess::abandon(store);
    const Store copy = must(Store::open(copy_, options_));
    EXPECT_EQ(copy.latest_version(), records.back().version) << "a kill right behind the end loses nothing";
    expect_equal_stores(copy, 0);
}

TEST_F(LoadTest, APowerCutTakesNothingThatWasSyncedAndLeavesNoWindow) {
    const std::vector<Record> records = make_source();
    options_.durability = Durability::process;
    options_.sync.every = std::chrono::milliseconds(0);
    Version durable = 0;
    {
        Store store = open_to_load(Load::begin);
        const std::size_t at = load_from(store, records, 0, 50);
        must(store.sync());
        durable = store.durable_version();
        load_from(store, records, at, 50);
        StoreAccess::abandon(store);
    }
    Internals other_boot;
    other_boot.load = Load::resume;
    other_boot.stepped_worker = true;
    other_boot.boot_id = platform::BootId{1, 2};
    Store store = must(StoreAccess::open(copy_, options_, other_boot));
    EXPECT_EQ(store.latest_version(), durable) << "what was not synced is loaded again";
    load_from(store, records, first_above(records, durable), ~0ULL);
    must(StoreAccess::end_load(store));
    expect_equal_stores(store, 0);
}

TEST_F(LoadTest, UntilItEndsOthersMayReadButNotWrite) {
    const std::vector<Record> records = make_source();
    {
        Store store = open_to_load(Load::begin);
        load_from(store, records, 0, 20);
        StoreAccess::abandon(store);
    }
    expect_error(Store::open(copy_, options_), ErrorCode::read_only, "--resume");
    expect_error(StoreAccess::open_to_load(copy_, options_, Load::begin), ErrorCode::read_only, "--resume");
    Options reading = options_;
    reading.read_only = true;
    reading.create_if_missing = false;
    const Version half = records[first_above(records, 0)].version;
    {
        const Store store = must(Store::open(copy_, reading));
        EXPECT_EQ(state_of(store, half), state_of(must(Store::open(source_, options_)), half));
        const std::size_t loaded = first_above(records, store.latest_version());
        EXPECT_EQ(records_of(store, 0).size(), loaded);
        EXPECT_LT(loaded, records.size());
    }
    Store store = open_to_load(Load::resume);
    must(StoreAccess::end_load(store));
    must(store.close());
    must(Store::open(copy_, options_));
}

TEST_F(LoadTest, TheFloorIsRaisedLastAndStays) {
    const std::vector<Record> records = make_source();
    const Version floor = records[records.size() / 2].version;
    Store store = open_to_load(Load::begin);
    load_from(store, records, 0, ~0ULL);
    EXPECT_EQ(store.floor(), 0u);
    must(StoreAccess::settle_load(store, records.back().version, floor));
    expect_error(store.get("key1", floor - 1), ErrorCode::version_too_old);
    must(StoreAccess::settle_load(store, records.back().version, floor));
    EXPECT_EQ(store.floor(), floor);
    expect_error(store.get("key1", floor - 1), ErrorCode::version_too_old);
    must(StoreAccess::end_load(store));
    must(store.close());
    const Store copy = must(Store::open(copy_, options_));
    EXPECT_EQ(copy.floor(), floor);
    expect_error(copy.get("key1", floor - 1), ErrorCode::version_too_old);
    expect_equal_stores(copy, floor);
}

TEST_F(LoadTest, AVersionThatWasTakenOrIsTooLargeIsRefused) {
    Store store = open_to_load(Load::begin);
    WriteBatch batch;
    batch.put("key", "value");
    must(StoreAccess::load_at(store, batch, 10));
    expect_error(StoreAccess::load_at(store, batch, 10), ErrorCode::invalid_argument, "version 10 was taken");
    expect_error(StoreAccess::load_at(store, batch, 9), ErrorCode::invalid_argument, "the newest is 10");
    expect_error(StoreAccess::load_at(store, batch, kVersionMax + 2), ErrorCode::invalid_argument, "2^58");
    must(StoreAccess::load_at(store, batch, Version{1} << 40));
    EXPECT_EQ(store.latest_version(), Version{1} << 40);
    must(store.close());
    Store ordinary = must(Store::open(directory_ / "ordinary", options_));
    expect_error(StoreAccess::load_at(ordinary, batch, 10), ErrorCode::invalid_argument, "not opened to be loaded");
    expect_error(StoreAccess::end_load(ordinary), ErrorCode::invalid_argument, "not opened to be loaded");
}

TEST_F(LoadTest, ALeapIsPersistedBeforeAnythingBehindItIsWritten) {
    const Version limit = Internals{}.clock_block;
    WriteBatch batch;
    batch.put("key", "value");
    for (const Version leap : {limit + 1, Version{1} << 40, kVersionMax - 1}) {  // up to the limit, and far beyond
        Store store = open_to_load(Load::resume);
        must(StoreAccess::load_at(store, batch, store.latest_version() + 1));
        must(StoreAccess::load_at(store, batch, leap));
        StoreAccess::abandon(store);
        EXPECT_EQ(open_to_load(Load::resume).latest_version(), leap);
    }
}

TEST_F(LoadTest, AVersionThatWasShownBeforeTheLoadIsNotTakenBack) {
    {
        Store store = must(Store::open(copy_, options_));
        must(store.put("key", "value"));
        StoreAccess::abandon(store);
    }
    Version shown = 0;
    {
        Store store = open_to_load(Load::begin);
        shown = store.latest_version();
        EXPECT_GT(shown, 1u) << "the clock's limit";
        StoreAccess::abandon(store);
    }
    EXPECT_EQ(open_to_load(Load::resume).latest_version(), shown);
}

TEST_F(LoadTest, AStoreThatIsLoadedTakesNoVersionForItself) {
    Store store = open_to_load(Load::begin);
    WriteBatch batch;
    for (Version version = 1; version < 3000; version += 2) {
        batch.clear();
        batch.put("key" + std::to_string(version % 7), std::string(1000, 'v'));
        must(StoreAccess::load_at(store, batch, version));
        while (must(StoreAccess::step(store))) {}
        ASSERT_EQ(store.latest_version(), version);
    }
    must(StoreAccess::end_load(store));
    must(store.close());
    EXPECT_EQ(must(Store::open(copy_, options_)).latest_version(), 2999u);
}

}  // namespace
}  // namespace zverse::test
