// Goal:    Every member of zverse_options arrives in Options, and the defaults of C are those of C++. A struct that has
//          grown is read from callers who know less of it, and from those who know more.
// Method:  each member gets a value that no other has; the checks of the engine are not asked.
#include <c_api/options.h>
#include <c_api/sized_struct.h>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace zverse::c_api {
namespace {

zverse_options defaults() {
    Call call(nullptr);
    return read_options(call, nullptr);
}

TEST(COptions, DefaultsAreThoseOfTheStore) {
    const Options ours = to_options(defaults());
    const Options theirs;
    EXPECT_EQ(ours.create_if_missing, theirs.create_if_missing);
    EXPECT_EQ(ours.error_if_exists, theirs.error_if_exists);
    EXPECT_EQ(ours.read_only, theirs.read_only);
    EXPECT_EQ(ours.durability, theirs.durability);
    EXPECT_EQ(ours.sync.every, theirs.sync.every);
    EXPECT_EQ(ours.sync.every_writes, theirs.sync.every_writes);
    EXPECT_EQ(ours.hot_paths, theirs.hot_paths);
    EXPECT_EQ(ours.ring_bytes, theirs.ring_bytes);
    EXPECT_EQ(ours.shards, theirs.shards);
    EXPECT_EQ(ours.sharding, theirs.sharding);
    EXPECT_EQ(ours.workers, theirs.workers);
    EXPECT_EQ(ours.compression, theirs.compression);
    EXPECT_EQ(ours.curve, theirs.curve);
    EXPECT_EQ(ours.cold_reads, theirs.cold_reads);
    EXPECT_EQ(ours.retention.max_age, theirs.retention.max_age);
    EXPECT_EQ(ours.retention.max_versions_behind, theirs.retention.max_versions_behind);
    EXPECT_EQ(ours.value_bytes_max, theirs.value_bytes_max);
    EXPECT_EQ(ours.memory_bytes_max, theirs.memory_bytes_max);
    EXPECT_EQ(ours.background_bytes_per_second, theirs.background_bytes_per_second);
    EXPECT_EQ(ours.write_timeout, theirs.write_timeout);
    EXPECT_EQ(ours.force_kernel, theirs.force_kernel);
    EXPECT_EQ(ours.force_io, theirs.force_io);
    EXPECT_EQ(ours.force_granularity, theirs.force_granularity);
}

TEST(COptions, NumbersArrive) {
    zverse_options from = defaults();
    from.create_if_missing = 0;
    from.error_if_exists = 1;
    from.read_only = 1;
    from.durability = ZVERSE_PROCESS;
    from.sync_every_ms = 11;
    from.sync_every_writes = 12;
    from.ring_bytes = 13;
    from.shards = 14;
    from.sharding = ZVERSE_BY_KEY;
    from.workers = 15;
    from.compression = ZVERSE_COMPRESS_HISTORY;
    from.cold_reads = ZVERSE_COPIED;
    from.retention_max_age_s = 16;
    from.retention_max_versions_behind = 17;
    from.value_bytes_max = 18;
    from.memory_bytes_max = 19;
    from.background_bytes_per_second = 20;
    from.write_timeout_ms = 21;
    const Options to = to_options(from);
    EXPECT_FALSE(to.create_if_missing);
    EXPECT_TRUE(to.error_if_exists);
    EXPECT_TRUE(to.read_only);
    EXPECT_EQ(to.durability, Durability::process);
    EXPECT_EQ(to.sync.every.count(), 11);
    EXPECT_EQ(to.sync.every_writes, 12U);
    EXPECT_EQ(to.ring_bytes, 13U);
    EXPECT_EQ(to.shards, 14U);
    EXPECT_EQ(to.sharding, Sharding::by_key);
    EXPECT_EQ(to.workers, 15U);
    EXPECT_EQ(to.compression, Compression::history);
    EXPECT_EQ(to.cold_reads, ColdReads::copied);
    EXPECT_EQ(to.retention.max_age, std::chrono::seconds(16));
    EXPECT_EQ(to.retention.max_versions_behind, 17U);
    EXPECT_EQ(to.value_bytes_max, 18U);
    EXPECT_EQ(to.memory_bytes_max, 19U);
    EXPECT_EQ(to.background_bytes_per_second, 20U);
    EXPECT_EQ(to.write_timeout.count(), 21);
}

TEST(COptions, TextsArrive) {
    const std::array<const char*, 2> paths{"/first", "/second"};
    zverse_options from = defaults();
    from.hot_paths = paths.data();
    from.hot_paths_count = paths.size();
    from.curve = "kv";
    from.force_kernel = "scalar";
    from.force_io = "posix";
    from.force_granularity = "page";
    const Options to = to_options(from);
    EXPECT_EQ(to.hot_paths, (std::vector<std::filesystem::path>{"/first", "/second"}));
    EXPECT_EQ(to.curve, "kv");
    EXPECT_EQ(to.force_kernel, "scalar");
    EXPECT_EQ(to.force_io, "posix");
    EXPECT_EQ(to.force_granularity, "page");
}

TEST(COptions, WhatNoDurationHoldsBecomesTheLongest) {
    zverse_options from = defaults();
    from.write_timeout_ms = UINT64_MAX;
    from.sync_every_ms = UINT64_MAX - 1;
    from.retention_max_age_s = UINT64_MAX - 1;
    const Options to = to_options(from);
    EXPECT_EQ(to.write_timeout.count(), INT64_MAX);
    EXPECT_EQ(to.sync.every.count(), INT64_MAX);
    EXPECT_EQ(to.retention.max_age, std::chrono::seconds(INT64_MAX));
}

struct Grown {
    std::size_t struct_bytes;
    std::uint64_t old_member, new_member;
};
constexpr std::size_t kFirstEdition = 16;

TEST(SizedStruct, OlderCallersLeaveWhatIsNewAsItWas) {
    const Grown theirs{kFirstEdition, 1, 99};  // to them there is nothing where 99 lies
    Grown ours{sizeof ours, 7, 8};
    ASSERT_TRUE(read_struct(theirs, kFirstEdition, ours));
    EXPECT_EQ(ours.old_member, 1U);
    EXPECT_EQ(ours.new_member, 8U);
}

TEST(SizedStruct, NewerCallersMustNotAskForWhatIsUnknown) {
    struct {
        Grown known;
        std::uint64_t later;
    } theirs{{sizeof theirs, 1, 2}, 0};
    Grown ours{};
    ASSERT_TRUE(read_struct(theirs.known, kFirstEdition, ours));
    EXPECT_EQ(ours.new_member, 2U);
    theirs.later = std::uint64_t{1} << 63;
    EXPECT_FALSE(read_struct(theirs.known, kFirstEdition, ours));
}

TEST(SizedStruct, SizesThatWereNeverSetAreRefused) {
    Grown ours{};
    for (const std::size_t size : {std::size_t{0}, kFirstEdition - 1, kStructBytesMax + 1, SIZE_MAX}) {
        EXPECT_FALSE(read_struct(Grown{size, 1, 2}, kFirstEdition, ours)) << size;
    }
}

}  // namespace
}  // namespace zverse::c_api
