// Goal:    class process: what was called durable is there after a power cut, whatever the store went through before,
//          and what the cut took is said to be unknown, up to the last version that may have been handed out.
// Method:  stores left in every way, opened under another boot id, which is how a power cut looks; a cut that also
//          took a header copy is a flipped bit.
#include <support/file_tree.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <engine/superblock.h>
#include <hot/layout.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace zverse::test {

namespace {

namespace fs = std::filesystem;

class PowerCut : public ::testing::Test {
protected:
    PowerCut() {
        options.durability = Durability::process;
        options.sync.every = std::chrono::milliseconds(0);
        internals.boot_id = platform::BootId{1, 1};
        internals.stepped_worker = true;
    }
    [[nodiscard]] Store open() const { return must(engine::StoreAccess::open(path, options, internals)); }
    void cut_power() { ++internals.boot_id->low; }

    TempDirectory directory;
    fs::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals;
};

TEST_F(PowerCut, WhatWasCalledDurableAfterAKillIsThere) {
    Store store = open();
    must(store.put("key", "value"));
    engine::StoreAccess::abandon(store);
    store = open();
    const Version shown = store.latest_version();
    must(store.wait_durable(shown));
    EXPECT_EQ(store.durable_version(), shown);
    EXPECT_EQ(must(store.get("key", shown)), "value");
    engine::StoreAccess::abandon(store);
    cut_power();
    store = open();
    EXPECT_EQ(must(store.get("key", shown)), "value");
}

TEST_F(PowerCut, WhatWasCalledDurableAfterAnotherClassIsThere) {
    options.durability = Durability::power;
    Store store = open();
    must(store.put("key", "value"));
    engine::StoreAccess::abandon(store);
    options.durability = Durability::process;
    store = open();
    const Version shown = store.durable_version();
    engine::StoreAccess::abandon(store);
    cut_power();
    store = open();
    EXPECT_EQ(must(store.get("key", shown)), "value");
}

TEST_F(PowerCut, WhatItTookIsUnknownUpToTheLastVersionHandedOut) {
    Store store = open();
    const Version kept = must(store.put("key", "kept"));
    must(store.sync());
    const Version taken = must(store.put("key", "taken"));
    engine::StoreAccess::abandon(store);
    const auto io = platform::make_posix_file_io();
    const Version limit =
        must(engine::Superblock::open(*io, path / "SUPERBLOCK", platform::OpenMode::read)).fields().clock_limit;
    cut_power();
    for (const bool read_only : {true, false}) {
        options.read_only = read_only;
        store = open();
        EXPECT_EQ(must(store.get("key", kept)), "kept");
        for (const Version lost : {taken, (taken + limit) / 2, limit - 1, limit}) {
            expect_error(store.get("key", lost), ErrorCode::version_unknown, std::to_string(lost));
        }
        EXPECT_GT(store.latest_version(), limit) << "a version that was handed out must not come to mean another state";
        EXPECT_EQ(must(store.get("key", store.latest_version())), "kept");
        must(store.close());
    }
}

/// Without a boot id nobody can say that the machine went on.
TEST_F(PowerCut, IsAssumedWhereTheBootIsUnknown) {
    internals.boot_id = platform::BootId{};
    Store store = open();
    must(store.put("key", "kept"));
    must(store.sync());
    const Version taken = must(store.put("key", "taken"));
    engine::StoreAccess::abandon(store);
    store = open();
    EXPECT_EQ(must(store.get("key")), "kept");
    expect_error(store.get("key", taken), ErrorCode::version_unknown);
}

/// In both copies of every ring's header: where the mark is in one place only, one flipped bit there takes it away.
TEST_F(PowerCut, FindsTheMarkOfAClosedStoreInEveryHeaderCopy) {
    options.shards = 2;
    options.sharding = Sharding::by_key;
    Version written = 0;
    for (int session = 0; session < 3; ++session) {
        Store store = open();
        written = must(store.put("key", std::to_string(session)));
        must(store.close());
        for (const char* name : {"ring-0", "ring-1"}) {
            std::ifstream ring(path / "hot" / name, std::ios::binary);
            for (const std::uint64_t copy : {std::uint64_t{0}, hot::kHeaderCopyBytes}) {
                hot::RingHeader header{};
                ring.seekg(static_cast<std::streamoff>(copy));
                ASSERT_TRUE(ring.read(reinterpret_cast<char*>(&header), sizeof(header)));
                EXPECT_GE(header.durable, written) << name << ", copy at " << copy << ", session " << session;
            }
        }
    }
}

/// Once a store was closed, the mark that decides what a power cut took is in more than one place.
class PowerCutAfterClose : public PowerCut, public ::testing::WithParamInterface<const char*> {};

TEST_P(PowerCutAfterClose, LosesNothingToAFlippedBitInARingHeader) {
    constexpr unsigned kShards = 2;
    options.shards = kShards;
    options.sharding = Sharding::by_key;
    Version written = 0;
    for (int session = 0; session < 2; ++session) {
        Store store = open();
        for (int i = 0; i < 20; ++i) written = must(store.put("key" + std::to_string(i), std::to_string(session)));
        must(store.close());
    }
    {
        Store store = open();  // the last session writes to one ring
        written = must(store.put(GetParam(), "2"));
        must(store.close());
    }
    cut_power();
    options.read_only = true;
    for (unsigned shard = 0; shard < kShards; ++shard) {
        const fs::path ring = path / "hot" / ("ring-" + std::to_string(shard));
        for (std::uint64_t bit = 0; bit < 2 * sizeof(hot::RingHeader) * 8; bit += 29) {
            const bool second = bit >= sizeof(hot::RingHeader) * 8;
            const std::uint64_t place = second ? bit + 8 * (hot::kHeaderCopyBytes - sizeof(hot::RingHeader)) : bit;
            flip_bit(ring, place);
            const Store store = open();
            for (int i = 0; i < 20; ++i) {
                const std::string key = "key" + std::to_string(i);
                ASSERT_EQ(must(store.get(key, written)), key == GetParam() ? "2" : "1") << ring << " bit " << place;
            }
            flip_bit(ring, place);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Keys, PowerCutAfterClose, ::testing::Values("key0", "key1", "key2", "key3", "key4", "key5"));

}  // namespace

}  // namespace zverse::test
