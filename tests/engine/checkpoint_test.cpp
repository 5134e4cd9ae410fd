// Goal:    a checkpoint is a whole store of its own with all that was written before the call, whatever goes on beside
//          it; a call that fails, or a process that dies, leaves no store there or all of it, and this one unharmed.
// Method:  every read of both stores compared; each file operation made to fail, once and from there on, which is how a
//          death looks to the files; writers and merges beside it. Power cuts: cold/cold_copy_test.
#include <support/failing_file_io.h>
#include <support/file_tree.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>

#include <engine/store_access.h>
#include <engine/superblock.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using engine::StoreAccess;

class CheckpointTest : public ::testing::Test {
protected:
    [[nodiscard]] Store open(const fs::path& where) const { return must(StoreAccess::open(where, options, internals)); }
    [[nodiscard]] Store open_copy() const {
        Options of_copy = options;
        of_copy.create_if_missing = false;
        of_copy.shards = 0;
        of_copy.ring_bytes = 0;
        of_copy.hot_paths.clear();
        return must(Store::open(copy, of_copy));
    }
    void write_some(Store& store, int count = 100) {
        for (int i = 0; i < count; ++i) {
            const std::string key = "key" + std::to_string(random.below(60));
            if (random.one_in(6)) {
                must(store.erase(key));
            } else {
                must(store.put(key, random.bytes(random.below(random.one_in(20) ? 9000 : 200))));
            }
        }
    }
    void fill(Store& store) {
        for (int round = 0; round < 6; ++round) {
            write_some(store);
            if (round != 3) must(store.flush());
        }
    }
    /// Every record up to a version.
    static std::vector<std::string> changes(const Store& store, Version upto) {
        std::vector<std::string> records;
        Cursor cursor = must(store.changes({store.floor(), upto}));
        while (must(cursor.next())) {
            const Entry& entry = cursor.entry();
            records.push_back(std::to_string(entry.version) + (entry.tombstone ? "!" : "=") + std::string(entry.key) +
                              ":" + std::string(entry.value));
        }
        return records;
    }
    static std::vector<std::string> scan(const Store& store, Version as_of) {
        std::vector<std::string> records;
        auto opened = store.scan({}, as_of);
        if (!opened) return {to_string(opened.error().code())};
        Cursor cursor = std::move(*opened);
        while (must(cursor.next())) {
            records.push_back(std::string(cursor.entry().key) + "=" + std::string(cursor.entry().value));
        }
        return records;
    }
    void expect_equal(const Store& store, const Store& other, Version upto) {
        EXPECT_TRUE(changes(store, upto) == changes(other, upto)) << "as of " << upto;
        for (Version version = 1; version <= upto; version += 1 + upto / 7) {
            EXPECT_TRUE(scan(store, version) == scan(other, version)) << "as of " << version;
        }
        EXPECT_TRUE(scan(store, upto) == scan(other, upto));
        EXPECT_TRUE(must(other.verify()).clean());
    }
    [[nodiscard]] static bool holds_store(const fs::path& where) { return fs::exists(where / "SUPERBLOCK"); }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    fs::path path = directory / "store";
    fs::path copy = directory / "new" / "copy";
    Options options = small_options();
    engine::Internals internals;
};

TEST_F(CheckpointTest, HoldsEverythingAndGoesItsOwnWay) {
    options.shards = 2;
    Store store = open(path);
    fill(store);
    const Version pinned = must(store.pin("pin"));
    write_some(store);  // stays in the rings
    must(store.put("last", "word"));
    const Version latest = store.latest_version();
    must(store.checkpoint(copy));
    Store other = open_copy();
    expect_equal(store, other, latest);
    EXPECT_EQ(must(other.pins()), must(store.pins()));
    EXPECT_EQ(must(other.get("last", latest)), "word");
    EXPECT_EQ(must(other.version_at(std::chrono::system_clock::now() - std::chrono::hours(-1))),
              other.latest_version());
    // Neither sees the other, and no version comes to mean two things.
    const Version here = must(store.put("own", "here"));
    const Version there = must(other.put("own", "there"));
    EXPECT_LT(here, there);
    EXPECT_EQ(must(store.get("own")), "here");
    EXPECT_EQ(must(other.get("own")), "there");
    expect_error(other.get("own", here), ErrorCode::version_unknown);
    write_some(other);
    must(other.flush());
    EXPECT_EQ(StoreAccess::raise_floor(store, store.latest_version()), pinned);
    must(store.unpin("pin"));
    EXPECT_EQ(StoreAccess::raise_floor(other, here), pinned) << "the pin of the copy is a name only";
    const std::vector<std::string> before = scan(other, kLatest);
    for (const fs::directory_entry& entry : fs::directory_iterator(copy / "cold")) {
        fs::remove(path / "cold" / entry.path().filename());  // they share bytes, not names
    }
    must(other.close());
    other = open_copy();
    EXPECT_TRUE(scan(other, kLatest) == before);
    EXPECT_TRUE(must(other.verify()).clean());
}

TEST_F(CheckpointTest, LinksSegmentsOrCopiesThem) {
    const auto failures = std::make_shared<Failures>();
    internals.flush_by_hand = true;  // a merge would replace segments while they are compared
    internals.wrap_io = failing_io(failures);
    Store store = open(path);
    fill(store);
    for (const bool links : {true, false}) {
        copy = directory / (links ? "linked" : "copied");
        failures->links_fail = !links;
        const Version latest = store.latest_version();
        must(store.checkpoint(copy));
        std::size_t segments = 0;
        for (const fs::directory_entry& entry : fs::directory_iterator(copy / "cold")) {
            EXPECT_EQ(fs::hard_link_count(entry.path()), links ? 2U : 1U);
            EXPECT_TRUE(read_file(entry.path()) == read_file(path / "cold" / entry.path().filename()));
            ++segments;
        }
        EXPECT_GT(segments, 1U);
        expect_equal(store, open_copy(), latest);
    }
}

TEST_F(CheckpointTest, GoesToAnotherFileSystem) {
    const TempDirectory disk(TempDirectory::Place::disk);
    Store store = open(path);
    fill(store);
    copy = disk / "copy";
    const Version latest = store.latest_version();
    must(store.checkpoint(copy));
    expect_equal(store, open_copy(), latest);
}

TEST_F(CheckpointTest, OfACopyAndOfAnEmptyStore) {
    Store store = open(path);
    must(store.checkpoint(copy));
    Store other = open_copy();
    EXPECT_EQ(scan(other, kLatest), std::vector<std::string>{});
    const Version version = must(other.put("key", "value"));
    const fs::path second = directory / "second";
    fs::create_directory(second);
    must(other.checkpoint(second));
    copy = second;
    Store third = open_copy();
    EXPECT_EQ(must(third.get("key", version)), "value");
    expect_equal(other, third, version);
}

TEST_F(CheckpointTest, KeepsClassAndLostWindows) {
    options.durability = Durability::process;
    options.sync.every = std::chrono::milliseconds(0);
    internals.boot_id = platform::BootId{1, 1};
    internals.stepped_worker = true;
    Store store = open(path);
    const Version kept = must(store.put("key", "kept"));
    must(store.sync());
    const Version lost = must(store.put("key", "lost"));
    StoreAccess::abandon(store);
    ++internals.boot_id->low;
    store = open(path);
    const Version written = must(store.put("key", "written"));
    must(store.checkpoint(copy));
    const auto io = platform::make_posix_file_io();
    const Version begin =
        must(engine::Superblock::open(*io, copy / "SUPERBLOCK", platform::OpenMode::read)).fields().clock_limit;
    const Store other = open_copy();
    EXPECT_EQ(other.latest_version(), begin) << "another boot: nothing of the copy is lost";
    EXPECT_EQ(must(other.get("key", kept)), "kept");
    expect_error(other.get("key", lost), ErrorCode::version_unknown);
    EXPECT_EQ(must(other.get("key", written)), "written");
    EXPECT_EQ(must(other.get("key")), "written");
}

TEST_F(CheckpointTest, HasItsRingsForItself) {
    options.hot_paths = {directory / "device-a", directory / "device-b"};
    options.shards = 2;
    Store store = open(path);
    fill(store);
    const Version latest = store.latest_version();
    must(store.checkpoint(copy));
    EXPECT_TRUE(fs::exists(copy / "hot" / "ring-0") && fs::exists(copy / "hot" / "ring-1"));
    Store other = open_copy();
    must(other.put("own", "there"));
    expect_equal(store, other, latest);
}

TEST_F(CheckpointTest, IsRefusedWhereSomethingIs) {
    Store store = open(path);
    must(store.put("key", "value"));
    expect_error(store.checkpoint(""), ErrorCode::invalid_argument, "empty");
    for (const char* inside : {"copy", "cold/copy", "hot/../copy"}) {
        expect_error(store.checkpoint(path / inside), ErrorCode::invalid_argument, "lies in the store");
    }
    expect_error(store.checkpoint(path), ErrorCode::exists, path.string());
    fs::create_directories(copy);
    write_file(copy / "notes", "mine");
    expect_error(store.checkpoint(copy), ErrorCode::exists, "notes");
    EXPECT_EQ(read_tree(copy), (FileTree{{"notes", "mine"}}));
    fs::remove(copy / "notes");
    fs::create_directories(copy / "photos" / "2020");
    expect_error(store.checkpoint(copy), ErrorCode::exists, "photos");
    fs::remove_all(copy);
    write_file(copy, "a file");
    expect_error(store.checkpoint(copy), ErrorCode::exists, "not a directory");
    fs::remove(copy);
    must(store.visit(
        "key", [&](const Entry&) { expect_error(store.checkpoint(copy), ErrorCode::invalid_argument, "visit"); }));
    EXPECT_FALSE(fs::exists(copy));
    must(store.checkpoint(copy));
    expect_error(store.checkpoint(copy), ErrorCode::exists);
    must(store.close());
    expect_error(store.checkpoint(directory / "closed"), ErrorCode::closed);
    options.read_only = true;
    store = open(path);
    expect_error(store.checkpoint(directory / "read-only"), ErrorCode::read_only, "opened read-only");
}

/// Whatever fails, once or for ever.
TEST_F(CheckpointTest, ACallThatFailsLeavesNoHalfStore) {
    const auto failures = std::make_shared<Failures>();
    internals.wrap_io = failing_io(failures);
    internals.stepped_worker = true;
    Store store = open(path);
    fill(store);
    const Version latest = store.latest_version();
    std::uint64_t failed = 0;
    const std::uint64_t step = kSanitized ? 9 : 1;
    for (const bool links : {true, false}) {
        for (const auto& [number, for_ever] : {std::pair(EIO, false), std::pair(ENOSPC, false), std::pair(EIO, true)}) {
            for (std::uint64_t nth = 1;; nth += step) {
                fs::remove_all(copy);
                failures->links_fail = !links;
                failures->fail_call(nth, number, for_ever);
                const std::uint64_t before = failures->calls;
                const auto done = store.checkpoint(copy);
                const bool reached = failures->calls >= before + nth;
                failures->fail_no_more();
                if (!reached) {
                    must(done);
                    break;
                }
                ++failed;
                if (!done) {
                    EXPECT_EQ(done.error().code(), number == ENOSPC ? ErrorCode::full : ErrorCode::io)
                        << "call " << nth << ": " << describe(done.error());
                }
                // From then on all failed: nothing could be taken back.
                EXPECT_TRUE(done || for_ever || !holds_store(copy)) << "call " << nth;
                if (holds_store(copy)) {
                    expect_equal(store, open_copy(), latest);
                } else if (!for_ever) {
                    must(store.checkpoint(copy));  // what a failed call leaves is no hindrance
                } else if (fs::exists(copy)) {
                    Options creating = options;
                    const auto created = Store::open(copy, creating);
                    // Where nothing but segments is left, that is as good as an empty directory.
                    if (created) {
                        EXPECT_EQ(scan(*created, kLatest), std::vector<std::string>{});
                    } else {
                        EXPECT_EQ(created.error().code(), ErrorCode::not_found) << describe(created.error());
                    }
                }
                if (HasFailure()) return;
            }
        }
    }
    EXPECT_GT(failed, kSanitized ? 15U : 150U);
    failures->links_fail = false;
    fs::remove_all(copy);
    must(store.checkpoint(copy));
    expect_equal(store, open_copy(), latest);
    EXPECT_TRUE(must(store.verify()).clean());
}

TEST_F(CheckpointTest, HasAllThatReturnedBeforeWhileOthersWrite) {
    options.sharding = Sharding::by_core;
    options.shards = 2;
    options.write_timeout = std::chrono::milliseconds(20'000);
    Store store = open(path);
    std::atomic<std::uint64_t> number = 0;
    std::map<std::string, std::string> newest;
    Companion writer([&] {
        const std::uint64_t next = number + 1;
        WriteBatch batch;
        batch.put("a", std::to_string(next));
        batch.put("b" + std::to_string(next % 50), std::to_string(next));
        must(store.write(batch));
        number = next;
        if (next % 50 == 0) must(store.pin("pin" + std::to_string(next)));
        if (next % 200 == 0) must(store.flush());
    });
    for (int i = 0; i < (kSanitized ? 3 : 8); ++i) {
        copy = directory / ("copy" + std::to_string(i));
        const std::uint64_t before = number;
        const std::size_t pins = must(store.pins()).size();
        const Version latest = store.latest_version();
        must(store.checkpoint(copy));
        const Store other = open_copy();
        const auto a = must(other.get("a"));
        EXPECT_GE(a ? std::stoull(*a) : 0, before);
        if (a) {
            EXPECT_EQ(must(other.get("b" + std::to_string(std::stoull(*a) % 50))), a) << "half a batch";
        }
        EXPECT_GE(must(other.pins()).size(), pins);
        expect_equal(store, other, latest);
    }
    writer.finish();
    EXPECT_GT(number, 10U);
}

}  // namespace
}  // namespace zverse::test
