// Goal:    every limit of the API is checked, one step beyond it is refused with the right code and a sentence that
//          names argument and limit, and the limit itself is accepted.
// Method:  each call at its limit and one past it.
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <hot/layout.h>
#include <platform/compression.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {

namespace {

using namespace std::chrono_literals;

/// invalid_argument, naming the argument; `limit` as digits, which the message may group with commas.
template <class T>
void expect_refused(const Result<T>& result, std::string_view argument, std::string_view limit = {},
                    std::source_location where = std::source_location::current()) {
    expect_error(result, ErrorCode::invalid_argument, argument, where);
    if (result.has_value() || limit.empty()) return;
    std::string message = result.error().message();
    std::erase(message, ',');
    if (message.find(limit) == std::string::npos) {
        ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
            << "the message does not name the limit " << limit << ": " << result.error().message();
    }
}

// ---- Options.

struct BadOption {
    const char* name;
    const char* limit;
    std::function<void(Options&)> set;
};

const std::vector<BadOption>& bad_options() {
    static const std::vector<BadOption> options = {
        {"ring_bytes", "1", [](Options& o) { o.ring_bytes = (1 << 20) + 1; }},
        {"ring_bytes", "1", [](Options& o) { o.ring_bytes = 3 << 20; }},
        {"ring_bytes", "1", [](Options& o) { o.ring_bytes = 512 << 10; }},
        {"ring_bytes", "64", [](Options& o) { o.ring_bytes = std::uint64_t{128} << 30; }},
        {"shards", "1024", [](Options& o) { o.shards = 1025; }},
        {"workers", "256", [](Options& o) { o.workers = 257; }},
        {"hot_paths", "64", [](Options& o) { o.hot_paths.assign(65, "/dev/shm/zverse-never"); }},
        {"memory_bytes_max", "16", [](Options& o) { o.memory_bytes_max = (16 << 20) - 1; }},
        {"value_bytes_max", "", [](Options& o) { o.value_bytes_max = 1 << 18; }},
        {"value_bytes_max", "", [](Options& o) { o.value_bytes_max = std::uint64_t{1} << 40; }},
        {"write_timeout", "", [](Options& o) { o.write_timeout = 1h + 1ms; }},
        {"write_timeout", "", [](Options& o) { o.write_timeout = -1ms; }},
        {"sync.every", "", [](Options& o) { o.sync.every = 1h + 1ms; }},
        {"sync.every", "", [](Options& o) { o.sync.every = -1ms; }},
        {"retention.max_age", "0", [](Options& o) { o.retention.max_age = -1s; }},
        {"cold_reads", "not a known kind", [](Options& o) { o.cold_reads = static_cast<ColdReads>(7); }},
        {"curve", "48 letters k and v", [](Options& o) { o.curve = "vvx"; }},
        {"curve", "48 letters k and v", [](Options& o) { o.curve = std::string(49, 'k'); }},
        {"compression", "", [](Options& o) { o.compression = static_cast<Compression>(2); }},
        {"force_kernel", "", [](Options& o) { o.force_kernel = "mmx"; }},
        {"force_io", "", [](Options& o) { o.force_io = "aio"; }},
        {"force_granularity", "", [](Options& o) { o.force_granularity = "sector"; }},
    };
    return options;
}

TEST(BadOptions, AreRefusedByName) {
    for (const BadOption& bad : bad_options()) {
        const TempDirectory directory;
        Options options = small_options();
        bad.set(options);
        SCOPED_TRACE(bad.name);
        expect_refused(Store::open(directory / "store", options), bad.name, bad.limit);
        EXPECT_FALSE(std::filesystem::exists(directory / "store")) << "a refused open created something";
    }
}

TEST(BadOptions, CompressionIsRefusedWhereThereIsNone) {
    const TempDirectory directory;
    Options options = small_options();
    options.compression = Compression::history;
    const auto store = Store::open(directory / "store", options);
    if (platform::has_compression()) {
        EXPECT_TRUE(store.has_value());
    } else {
        expect_refused(store, "compression", "zstd");
    }
}

TEST(BadOptions, TheLimitsThemselvesAreAccepted) {
    const TempDirectory directory;
    Options options = small_options();
    options.workers = 256;
    options.memory_bytes_max = 16 << 20;
    options.write_timeout = 1h;
    options.sync.every = 1h;
    options.value_bytes_max = 1;
    Store store = must(Store::open(directory / "store", options));
    must(store.put("key", "v"));
    expect_refused(store.put("key", "vv"), "value", "1");
}

TEST(BadOptions, AForcedKernelThisCpuLacksIsRefused) {
    const TempDirectory directory;
    Options options = small_options();
#if defined(__aarch64__)
    options.force_kernel = "avx2";
#else
    options.force_kernel = "neon";
#endif
    expect_refused(Store::open(directory / "store", options), options.force_kernel);
}

TEST(BadOptions, WhatIsFixedAtCreationStays) {
    const TempDirectory directory;
    Options options = small_options();
    options.shards = 2;
    must(must(Store::open(directory / "store", options)).close());
    Options other = options;
    other.shards = 3;
    expect_refused(Store::open(directory / "store", other), "shards", "2");
    other = options;
    other.ring_bytes = 2 << 20;
    expect_refused(Store::open(directory / "store", other), "ring_bytes");
    other = options;
    other.shards = 0;
    other.ring_bytes = 0;
    Store store = must(Store::open(directory / "store", other));
    must(store.put("key", "value"));
}

TEST(BadOptions, MissingAndExistingStores) {
    const TempDirectory directory;
    Options options = small_options();
    options.create_if_missing = false;
    expect_error(Store::open(directory / "store", options), ErrorCode::not_found, "store");
    EXPECT_FALSE(std::filesystem::exists(directory / "store"));
    options.create_if_missing = true;
    options.error_if_exists = true;
    must(must(Store::open(directory / "store", options)).close());
    expect_error(Store::open(directory / "store", options), ErrorCode::exists, "store");
    options.error_if_exists = false;
    options.create_if_missing = false;
    must(must(Store::open(directory / "store", options)).close());
}

// ---- Keys, values, batches, versions, ranges.

class BadInput : public ::testing::Test {
protected:
    static engine::Internals internals() {
        engine::Internals internals;
        internals.stepped_worker = true;  // no time frame moves latest_version() in between
        return internals;
    }
    static constexpr std::uint64_t kFrameMax = (1 << 20) / 4;

    /// The largest value that fits a frame of its own with `key`.
    static std::uint64_t largest_value(std::string_view key) {
        std::uint64_t bytes = kFrameMax;
        while (hot::frame_bytes(hot::operation_bytes(key.size(), bytes)) > kFrameMax) --bytes;
        return bytes;
    }

    TempDirectory directory;
    Store store = must(engine::StoreAccess::open(directory / "store", small_options(), internals()));
};

TEST_F(BadInput, KeysOfEveryCall) {
    const std::string longest(kKeyBytesMax, 'k');
    const std::string too_long(kKeyBytesMax + 1, 'k');
    for (const std::string& key : {std::string(), too_long}) {
        SCOPED_TRACE("a key of " + std::to_string(key.size()) + " bytes");
        expect_refused(store.put(key, "v"), "key", "65535");
        expect_refused(store.erase(key), "key", "65535");
        expect_refused(store.put_if(key, "v", 0), "key", "65535");
        WriteBatch batch;
        batch.put("fine", "v");
        batch.put(key, "v");
        expect_refused(store.write(batch), "key", "65535");
        expect_refused(store.get(key), "key", "65535");
        std::string value;
        expect_refused(store.get_into(key, value), "key", "65535");
        expect_refused(store.visit(key, [](const Entry&) {}), "key", "65535");
        const std::string_view keys[] = {"fine", key};
        std::optional<std::string> values[2];
        expect_refused(store.multi_get(keys, values), "key", "65535");
        expect_refused(store.history(key), "key", "65535");
        Transaction transaction = store.begin();
        expect_refused(transaction.get(key), "key", "65535");
        transaction.put(key, "v");
        expect_refused(transaction.commit(), "key", "65535");
    }
    EXPECT_EQ(must(store.get("fine")), std::nullopt) << "part of a refused batch was applied";
    const Version version = must(store.put(longest, "v"));
    EXPECT_EQ(must(store.get(longest)), "v");
    EXPECT_GT(must(store.put_if(longest, "w", version)), version);
}

TEST_F(BadInput, ValuesUpToAQuarterOfARing) {
    for (const std::string& key : {std::string("k"), std::string(kKeyBytesMax, 'k')}) {
        const std::uint64_t largest = largest_value(key);
        const std::string value(largest, 'v');
        must(store.put(key, value));
        EXPECT_EQ(must(store.get(key)), value);
        expect_refused(store.put(key, value + "v"), "quarter", "262144");
        static_cast<void>(must(engine::StoreAccess::drain(store)));
    }
}

TEST_F(BadInput, BatchesUpToAQuarterOfARing) {
    // One operation fills the frame; one more, of any size, is too much.
    WriteBatch batch;
    batch.put("k", std::string(largest_value("k"), 'v'));
    must(store.write(batch));
    batch.erase("l");
    expect_refused(store.write(batch), "batch");
    EXPECT_FALSE(must(store.get("k"))->empty());
    expect_refused(store.write(WriteBatch()), "batch");
    Transaction transaction = store.begin();
    for (int i = 0; i < 5; ++i) transaction.put("k" + std::to_string(i), std::string(60 << 10, 'v'));
    expect_error(transaction.commit(), ErrorCode::invalid_argument);
}

TEST_F(BadInput, BatchesUpToAMillionOperations) {
    Options options = small_options();
    options.ring_bytes = 256 << 20;
    Store large = must(Store::open(directory / "large", options));
    WriteBatch batch;
    std::string key(4, '\0');
    for (std::uint64_t i = 0; i < kBatchOperationsMax; ++i) {
        for (std::size_t byte = 0; byte < 4; ++byte) key[byte] = static_cast<char>(i >> (8 * byte));
        batch.put(key, "");
    }
    const Version version = must(large.write(batch));
    Version found = 0;
    std::string value;
    EXPECT_TRUE(must(large.get_into(key, value, kLatest, &found)));
    EXPECT_EQ(found, version);
    Cursor changes = must(large.changes({}));
    std::uint64_t count = 0;
    while (must(changes.next())) ++count;
    EXPECT_EQ(count, kBatchOperationsMax);
    batch.put("one more", "");
    expect_refused(large.write(batch), "operations", "1048576");
}

TEST_F(BadInput, VersionsAboveTheLatestAreUnknown) {
    must(store.put("key", "value"));
    const Version unknown = store.latest_version() + 1;
    expect_error(store.get("key", unknown), ErrorCode::version_unknown, std::to_string(unknown));
    std::string value;
    expect_error(store.get_into("key", value, unknown), ErrorCode::version_unknown);
    expect_error(store.visit("key", [](const Entry&) {}, unknown), ErrorCode::version_unknown);
    const std::string_view keys[] = {"key"};
    std::optional<std::string> values[1];
    expect_error(store.multi_get(keys, values, unknown), ErrorCode::version_unknown);
    expect_error(store.scan({}, unknown), ErrorCode::version_unknown);
    expect_error(store.wait_durable(unknown), ErrorCode::version_unknown);
    expect_error(store.get("key", kLatest - 1), ErrorCode::version_unknown);
    EXPECT_EQ(must(store.get("key", unknown - 1)), "value");
}

TEST_F(BadInput, MultiGetSpansMustAgree) {
    const std::string_view keys[] = {"a", "b"};
    std::optional<std::string> values[1];
    expect_refused(store.multi_get(keys, values), "values");
}

TEST_F(BadInput, ReversedRanges) {
    must(store.put("key", "value"));
    expect_refused(store.scan({"b", "a"}), "range");
    expect_refused(store.changes({}, {"b", "a"}), "range");
    expect_refused(store.changes({2, 1}), "range");
    expect_refused(store.history("key", {2, 1}), "range");
    expect_refused(store.begin().scan({"b", "a"}), "range");
}

// ---- A full ring.

TEST_F(BadInput, AFullRingIsToldWithTheTimeAndTheOption) {
    Result<Version> written = store.put("key", std::string(100 << 10, 'v'));
    while (written.has_value()) written = store.put("key", std::string(100 << 10, 'v'));
    expect_error(written, ErrorCode::full, "write_timeout");
    WriteBatch batch;
    batch.put("a", std::string(100 << 10, 'v'));
    batch.put("b", std::string(100 << 10, 'v'));
    expect_error(store.write(batch), ErrorCode::full);
    expect_error(store.put_if("c", std::string(200 << 10, 'v'), 0), ErrorCode::full);
    Transaction transaction = store.begin();
    transaction.put("d", std::string(200 << 10, 'v'));
    expect_error(transaction.commit(), ErrorCode::full);
    for (const char* key : {"a", "b", "c", "d"}) EXPECT_EQ(must(store.get(key)), std::nullopt) << key;
    must(engine::StoreAccess::drain(store));
    must(store.put("key", "again"));
}

TEST_F(BadInput, AWriteInsideVisitNeverWaits) {
    must(store.close());
    Options options = small_options();
    options.write_timeout = 1h;  // a write that waited would hang the test
    store = must(Store::open(directory / "store", options));
    must(store.put("pinned", "value"));
    EXPECT_TRUE(must(store.visit("pinned", [&](const Entry&) {
        Result<Version> written = store.put("key", std::string(100 << 10, 'v'));
        while (written.has_value()) written = store.put("key", std::string(100 << 10, 'v'));
        expect_error(written, ErrorCode::full);
        EXPECT_EQ(must(store.get("key")), std::string(100 << 10, 'v'));
    })));
}

TEST_F(BadInput, CloseInsideVisitIsRefused) {
    must(store.put("pinned", "value"));
    EXPECT_TRUE(must(store.visit("pinned", [&](const Entry&) { expect_refused(store.close(), "visit"); })));
    must(store.put("still", "open"));
}

}  // namespace

}  // namespace zverse::test
