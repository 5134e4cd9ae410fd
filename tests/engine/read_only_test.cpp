// Goal:    a store opened read-only answers everything, changes not one byte, not even when it needs recovery, and
//          refuses every write.
// Method:  all files are compared before and after, over closed, killed and power-cut stores, in all granularities.
#include <support/file_tree.h>
#include <support/model_store.h>
#include <support/random.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <tuple>

namespace zverse::test {

namespace {

enum class End { closed, killed, power_cut };

class ReadOnlyTest : public ::testing::TestWithParam<std::tuple<const char*, Durability, End>> {
protected:
    static Options options() {
        Options options = small_options();
        options.shards = 2;
        options.force_granularity = std::get<0>(GetParam());
        options.durability = std::get<1>(GetParam());
        return options;
    }
    static Options read_only() {
        Options read_only = options();
        read_only.read_only = true;
        return read_only;
    }

    /// A store with some history, left as the parameter says.
    void fill() {
        Store store = must(engine::StoreAccess::open(path, options(), internals));
        Random random(11);
        for (int i = 0; i < 400; ++i) {
            const std::string key = "key" + std::to_string(random.below(40));
            std::optional<std::string> value;
            if (!random.one_in(9)) value = random.bytes(random.below(400));
            const Version version = must(value.has_value() ? store.put(key, *value) : store.erase(key));
            model.commit(version, {{key, value}});
        }
        must(store.sync());
        std::get<2>(GetParam()) == End::closed ? must(store.close()) : engine::StoreAccess::abandon(store);
        if (std::get<2>(GetParam()) == End::power_cut) internals.boot_id = platform::BootId{3, 4};
    }

    void compare(Store& store) {
        Cursor changes = must(store.changes({}));
        for (const ModelEntry& entry : model.changes({}, {}, false)) {
            ASSERT_TRUE(must(changes.next())) << "lost: " << describe(entry);
            ASSERT_TRUE(equal(changes.entry(), entry))
                << describe(changes.entry()) << " instead of " << describe(entry);
        }
        ASSERT_FALSE(must(changes.next()));
        Cursor scan = must(store.scan({}));
        for (const ModelEntry& entry : model.scan({}, kLatest, false)) {
            ASSERT_TRUE(must(scan.next())) << "lost: " << describe(entry);
            ASSERT_TRUE(equal(scan.entry(), entry)) << describe(scan.entry()) << " instead of " << describe(entry);
        }
        ASSERT_FALSE(must(scan.next()));
    }

    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    engine::Internals internals{.boot_id = platform::BootId{1, 2}};
    ModelStore model;
};

TEST_P(ReadOnlyTest, ReadsEverythingAndChangesNoByte) {
    fill();
    const FileTree before = read_tree(path);
    {
        Store store = must(engine::StoreAccess::open(path, read_only(), internals));
        compare(store);
        EXPECT_EQ(difference(before, read_tree(path)), "") << "while open";
        must(store.close());
    }
    EXPECT_EQ(difference(before, read_tree(path)), "") << "after close";
    // And it can still be opened for writing, with everything there.
    Store store = must(engine::StoreAccess::open(path, options(), internals));
    compare(store);
    EXPECT_GT(must(store.put("key", "value")), model.newest_version());
}

TEST_P(ReadOnlyTest, RefusesWrites) {
    fill();
    Store store = must(engine::StoreAccess::open(path, read_only(), internals));
    WriteBatch batch;
    batch.put("key", "value");
    expect_error(store.put("key", "value"), ErrorCode::read_only, "read");
    expect_error(store.erase("key"), ErrorCode::read_only);
    expect_error(store.write(batch), ErrorCode::read_only);
    expect_error(store.put_if("new", "value", 0), ErrorCode::read_only);
    Transaction transaction = store.begin();
    transaction.put("key", "value");
    expect_error(transaction.commit(), ErrorCode::read_only);
    Transaction reading = store.begin();
    EXPECT_EQ(must(reading.commit()), reading.snapshot_version()) << "a transaction without writes is a read";
    compare(store);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ReadOnlyTest,
                         ::testing::Combine(::testing::Values("byte", "cache_line", "page"),
                                            ::testing::Values(Durability::power, Durability::process),
                                            ::testing::Values(End::closed, End::killed, End::power_cut)));

TEST(ReadOnly, NothingIsCreated) {
    const TempDirectory directory;
    Options options = small_options();
    options.read_only = true;
    expect_error(Store::open(directory / "store", options), ErrorCode::not_found, "store");
    EXPECT_EQ(read_tree(directory.path()).size(), 0U);
    std::filesystem::create_directory(directory / "empty");
    expect_error(Store::open(directory / "empty", options), ErrorCode::not_found, "empty");
    EXPECT_EQ(read_tree(directory.path()).size(), 1U);
}

}  // namespace

}  // namespace zverse::test
