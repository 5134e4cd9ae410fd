// Goal:    directories that are no store, belong to somebody else, can't be written or are full end in the right error,
//          and whatever lay there stays untouched.
// Method:  each kind of directory once; other users, read-only mounts and full disks in forked children.
#include <support/child_checks.h>
#include <support/child_process.h>
#include <support/confined.h>
#include <support/file_tree.h>
#include <support/results.h>
#include <support/temp_store.h>
#include <support/wait.h>

#include <engine/creation.h>
#include <engine/store_access.h>
#include <hot/ring.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace zverse::test {

namespace {

namespace fs = std::filesystem;

class BadDirectory : public ::testing::Test {
protected:
    void make_store() {
        Store store = must(Store::open(path, small_options()));
        must(store.put("key", "value"));
        must(store.close());
    }

    TempDirectory directory;
    fs::path path = directory / "store";
};

#define SKIP_UNLESS_CONFINED(confined) \
    if (!(confined).why_not.empty()) GTEST_SKIP() << (confined).why_not

TEST_F(BadDirectory, AMissingDirectoryIsCreatedWithItsParents) {
    Store store = must(Store::open(directory / "a" / "b" / "store", small_options()));
    must(store.put("key", "value"));
}

TEST_F(BadDirectory, AnEmptyDirectoryBecomesAStore) {
    fs::create_directory(path);
    make_store();
}

TEST_F(BadDirectory, ForeignFilesAreLeftAlone) {
    fs::create_directories(path / "sub");
    write_file(path / "thesis.txt", "three years of work");
    const FileTree before = read_tree(path);
    const Result<Store> opened = Store::open(path, small_options());
    expect_error(opened, ErrorCode::not_found, "thesis.txt");
    EXPECT_EQ(difference(before, read_tree(path)), "");
    Options options = small_options();
    options.create_if_missing = false;
    expect_error(Store::open(path, options), ErrorCode::not_found, path.string());
    EXPECT_EQ(difference(before, read_tree(path)), "");
}

TEST_F(BadDirectory, AFileIsNoDirectory) {
    write_file(path, "a file");
    expect_error(Store::open(path, small_options()), ErrorCode::invalid_argument, path.string());
    EXPECT_EQ(read_file(path), "a file");
    const Result<Store> below = Store::open(path / "below", small_options());
    expect_error(below, ErrorCode::io, path.string());
    EXPECT_EQ(below.has_value() ? 0 : below.error().os_errno(), ENOTDIR);
}

TEST_F(BadDirectory, AnEmptyPathIsRefused) {
    expect_error(Store::open("", small_options()), ErrorCode::invalid_argument);
}

TEST_F(BadDirectory, RingsMayLiveElsewhere) {
    Options options = small_options();
    options.shards = 3;
    options.hot_paths = {directory / "device0", directory / "device1"};
    Store store = must(Store::open(path, options));
    const Version version = must(store.put("key", "value"));
    must(store.close());
    EXPECT_FALSE(fs::is_empty(directory / "device0"));
    EXPECT_FALSE(fs::is_empty(directory / "device1"));
    Options plain = small_options();
    plain.shards = 0;
    store = must(Store::open(path, plain));  // the store remembers where
    EXPECT_EQ(must(store.get("key", version)), "value");
    must(store.close());
    fs::rename(directory / "device1", directory / "moved");
    expect_error(Store::open(path, plain), ErrorCode::corrupt, "device1");
    EXPECT_FALSE(fs::exists(directory / "device1"));
    options.hot_paths = {directory / "device0", directory / "moved"};
    store = must(Store::open(path, options));  // devices may be mounted elsewhere
    EXPECT_EQ(must(store.get("key", version)), "value");
}

TEST_F(BadDirectory, RingsThatAreLookedForInTheWrongPlaceAreAMistakeInTheOptions) {
    Options options = small_options();
    options.shards = 2;
    options.hot_paths = {directory / "device0", directory / "device1"};
    Store store = must(Store::open(path, options));
    must(store.put("key", "value"));
    must(store.close());
    Options wrong = options;
    wrong.hot_paths = {directory / "device1", directory / "device0"};
    const Result<Store> swapped = Store::open(path, wrong);
    expect_error(swapped, ErrorCode::invalid_argument, "hot_paths");
    expect_error(swapped, ErrorCode::invalid_argument, (directory / "device1" / "ring-0").string());
    expect_error(swapped, ErrorCode::invalid_argument, (directory / "device0" / "ring-0").string());
    wrong.hot_paths = {directory / "typo"};
    expect_error(Store::open(path, wrong), ErrorCode::invalid_argument, (directory / "typo" / "ring-0").string());
    EXPECT_FALSE(fs::exists(directory / "typo"));
    fs::remove(directory / "device0" / "ring-0");  // neither here nor there: no mistake in the options
    expect_error(Store::open(path, wrong), ErrorCode::corrupt, "ring-0");
}

// ---- Rings that are not ours to touch, and creations that were interrupted.

TEST_F(BadDirectory, RingsWithoutASuperblockAreNeverTouched) {
    make_store();
    fs::rename(path / "SUPERBLOCK", directory / "kept");
    const FileTree before = read_tree(path);
    for (const bool create : {true, false}) {
        for (const bool read_only : {true, false}) {
            Options options = small_options();
            options.create_if_missing = create;
            options.read_only = read_only;
            expect_error(Store::open(path, options), ErrorCode::corrupt, (path / "hot" / "ring-0").string());
            options.hot_paths = {directory / "elsewhere"};
            expect_error(Store::open(path, options), ErrorCode::corrupt, (path / "hot" / "ring-0").string());
            EXPECT_EQ(difference(before, read_tree(path)), "");
        }
    }
    EXPECT_FALSE(fs::exists(directory / "elsewhere"));
    fs::rename(directory / "kept", path / "SUPERBLOCK");
    EXPECT_EQ(must(must(Store::open(path, small_options())).get("key")), "value");
}

TEST_F(BadDirectory, RingsOfAnotherStoreAreLeftAlone) {
    Options options = small_options();
    options.shards = 2;
    options.hot_paths = {directory / "device0", directory / "device1"};
    Store store = must(Store::open(path, options));
    must(store.put("key", "value"));
    must(store.close());
    const FileTree before = read_tree(directory.path());
    Options other = options;
    other.hot_paths = {directory / "new", directory / "device1"};  // only its second ring is taken
    for (const Options& each : {options, other}) {
        expect_error(Store::open(directory / "other", each), ErrorCode::invalid_argument, "device");
        expect_error(Store::open(directory / "other", each), ErrorCode::invalid_argument, "device");
        fs::remove_all(directory / "other");
        EXPECT_EQ(difference(before, read_tree(directory.path())), "");
    }
    EXPECT_EQ(must(must(Store::open(path, options)).get("key")), "value");
}

/// What creating a store of two rings may leave, whenever it is interrupted.
class InterruptedCreation : public BadDirectory {
protected:
    InterruptedCreation() {
        fields.shards = 2;
        fields.ring_bytes = std::uint64_t{1} << 20;
        fields.store[0] = 11, fields.store[1] = 12;
        fields.secret = {13, 14};
        fs::create_directories(path / "hot");
        must(engine::Superblock::create(*io, path / "SUPERBLOCK.creating", fields));
    }
    [[nodiscard]] static Options two_shards() {
        Options options = small_options();
        options.shards = 2;
        return options;
    }
    /// A ring as it is just before the store is there.
    [[nodiscard]] std::string fresh(unsigned shard) const {
        const auto area = hot::fresh_headers({{11, 12}, shard, ""}, fields.ring_bytes);
        std::string bytes(reinterpret_cast<const char*>(area.data()), area.size());
        bytes.resize(hot::kHeaderAreaBytes + fields.ring_bytes);
        return bytes;
    }
    void expect_a_new_store(const std::string& what) {
        auto store = Store::open(path, two_shards());
        ASSERT_TRUE(store.has_value()) << what << ": " << describe(store.error());
        EXPECT_FALSE(must(must(store->changes({})).next())) << what << ": a new store is empty";
        must(store->put("key", "value"));
        must(store->close());
        EXPECT_FALSE(fs::exists(path / "SUPERBLOCK.creating")) << what;
        EXPECT_EQ(must(must(Store::open(path, two_shards())).get("key")), "value") << what;
    }
    void expect_refused(const std::string& what) {
        FileTree before = read_tree(path);
        expect_error(Store::open(path, two_shards()), ErrorCode::corrupt, "ring-");
        FileTree after = read_tree(path);
        before.erase("LOCK");
        after.erase("LOCK");
        EXPECT_EQ(difference(before, after), "") << what;
    }

    std::unique_ptr<platform::FileIo> io = platform::make_posix_file_io();
    engine::SuperblockFields fields;
};

class InterruptedCreationStates : public InterruptedCreation, public ::testing::WithParamInterface<int> {};

TEST_P(InterruptedCreationStates, StartsOver) {
    const std::string whole = fresh(0);
    std::string torn = whole;
    for (std::size_t i = 0; i < hot::kHeaderCopyBytes; i += 16) torn.replace(i, 8, 8, '\0');
    const std::string zeros(whole.size(), '\0');
    const std::vector<std::optional<std::string>> firsts = {std::nullopt, "",   zeros.substr(0, 5000), zeros, whole,
                                                            torn,         whole};
    const auto state = static_cast<std::size_t>(GetParam());
    if (firsts[state]) write_file(path / "hot" / "ring-0", *firsts[state]);
    if (state + 1 == firsts.size()) write_file(path / "hot" / "ring-1", fresh(1));
    expect_a_new_store("state " + std::to_string(state));
}

INSTANTIATE_TEST_SUITE_P(Rings, InterruptedCreationStates, ::testing::Range(0, 7));

TEST_F(InterruptedCreation, OfItsFirstFileStartsOver) {
    fs::remove(path / "hot");
    const std::string superblock = read_file(path / "SUPERBLOCK.creating");
    for (const std::string& left : {std::string(), superblock.substr(0, 1000), std::string(superblock.size(), '\0')}) {
        write_file(path / "SUPERBLOCK.creating", left);
        expect_a_new_store(std::to_string(left.size()) + " bytes");
        fs::remove_all(path);
        fs::create_directory(path);
    }
}

TEST_F(InterruptedCreation, RemovesNoRingThatItCannotHaveLeft) {
    make_store();
    fs::rename(path / "hot" / "ring-0", directory / "ring-0");
    const std::string used = read_file(directory / "ring-0");
    fs::remove_all(path);
    fs::create_directories(path / "hot");
    must(engine::Superblock::create(*io, path / "SUPERBLOCK.creating", fields));
    std::string data = fresh(1);
    data[hot::kHeaderAreaBytes + 4096] = 'x';
    const std::vector<std::string> rings = {used, data, fresh(0), fresh(1) + std::string(1, '\0')};
    for (const std::string& ring : rings) {
        write_file(path / "hot" / "ring-0", fresh(0));
        write_file(path / "hot" / "ring-1", ring);
        expect_refused("ring " + std::to_string(&ring - rings.data()));
    }
    write_file(path / "SUPERBLOCK.creating", "");  // then it had no ring yet
    expect_refused("SUPERBLOCK.creating is empty");
}

/// The rename that ends a creation came undone, and data was written meanwhile: it must not be taken for unfinished.
TEST_F(BadDirectory, AUsedStoreIsNotStartedOver) {
    make_store();
    fs::rename(path / "SUPERBLOCK", path / "SUPERBLOCK.creating");
    const FileTree before = read_tree(path);
    expect_error(Store::open(path, small_options()), ErrorCode::corrupt, "ring-0");
    EXPECT_EQ(difference(before, read_tree(path)), "");
    fs::rename(path / "SUPERBLOCK.creating", path / "SUPERBLOCK");
    EXPECT_EQ(must(must(Store::open(path, small_options())).get("key")), "value");
}

// ---- One opening at a time.

TEST_F(BadDirectory, TwoOpeningsInOneProcess) {
    Store store = must(Store::open(path, small_options()));
    expect_error(Store::open(path, small_options()), ErrorCode::locked, std::to_string(::getpid()));
    Options read_only = small_options();
    read_only.read_only = true;
    expect_error(Store::open(path, read_only), ErrorCode::locked, std::to_string(::getpid()));
    must(store.put("key", "value"));
    must(store.close());
    must(must(Store::open(path, small_options())).close());
    {
        Store abandoned = must(Store::open(path, small_options()));
        engine::StoreAccess::abandon(abandoned);
        must(must(Store::open(path, small_options())).close());
    }
}

TEST_F(BadDirectory, TwoProcesses) {
    Store store = must(Store::open(path, small_options()));
    must(store.put("key", "value"));
    const std::string pid = std::to_string(::getpid());
    // The program again, not a fork: this process has a store's threads.
    ChildProcess child({"--open-store", path.string()});
    std::string told;
    while (!child.ended()) told += child.read(10'000);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_TRUE(told.starts_with("locked")) << told;
    EXPECT_NE(told.find(pid), std::string::npos) << "the holder's pid " << pid << " is not in: " << told;
    must(store.close());
    ChildProcess second({"--open-store", path.string()});
    told.clear();
    while (!second.ended()) told += second.read(10'000);
    EXPECT_EQ(told, "opened");
}

// ---- Directories that can't be written.

TEST_F(BadDirectory, NobodyMayNotCreateHere) {
    const Confined child = run_as_nobody([&] {
        ChildChecks check;
        const Result<Store> opened = Store::open(path, small_options());
        check.fails(opened, ErrorCode::io, path.string(), "creating without the right to");
        check.that(!opened.has_value() && opened.error().os_errno() == EACCES, "os_errno() is not EACCES");
        return check.failures();
    });
    SKIP_UNLESS_CONFINED(child);
    EXPECT_EQ(child.status, 0);
}

TEST_F(BadDirectory, NobodyMayNotWriteSomebodysStore) {
    make_store();
    fs::permissions(directory.path(), fs::perms::others_exec | fs::perms::others_read, fs::perm_options::add);
    const FileTree before = read_tree(path);
    const Confined child = run_as_nobody([&] {
        ChildChecks check;
        const Result<Store> opened = Store::open(path, small_options());
        check.fails(opened, ErrorCode::io, path.string(), "opening without the right to");
        check.that(!opened.has_value() && opened.error().os_errno() == EACCES, "os_errno() is not EACCES");
        return check.failures();
    });
    SKIP_UNLESS_CONFINED(child);
    EXPECT_EQ(child.status, 0);
    EXPECT_EQ(difference(before, read_tree(path)), "");
}

TEST_F(BadDirectory, AReadOnlyMountIsReadButNotWritten) {
    make_store();
    const Confined child = run_on_read_only_mount(directory.path(), [&] {
        ChildChecks check;
        const Result<Store> writing = Store::open(path, small_options());
        check.fails(writing, ErrorCode::io, path.string(), "opening for writing");
        check.that(!writing.has_value() && writing.error().os_errno() == EROFS, "os_errno() is not EROFS");
        Options options = small_options();
        options.read_only = true;
        Store store = must(Store::open(path, options));
        check.that(must(store.get("key")) == "value", "reading from a read-only mount");
        return check.failures();
    });
    SKIP_UNLESS_CONFINED(child);
    EXPECT_EQ(child.status, 0);
}

// ---- Full disks.

TEST_F(BadDirectory, CreationOnTooSmallADiskIsFullAndLeavesNothing) {
    fs::create_directory(path);
    const Confined child = run_on_small_disk(path, 3 << 20, [&] {
        ChildChecks check;
        Options options = small_options();
        options.shards = 4;
        check.fails(Store::open(path / "store", options), ErrorCode::full, (path / "store").string(), "4 MiB on 3 MiB");
        std::uintmax_t left = 0;
        for (const auto& entry : fs::recursive_directory_iterator(path)) {
            if (entry.is_regular_file()) left += entry.file_size();
        }
        check.that(left < 64 << 10, "a failed creation left its rings behind");
        options.shards = 2;
        Store store = must(Store::open(path / "store", options));
        must(store.put("key", "value"));
        return check.failures();
    });
    SKIP_UNLESS_CONFINED(child);
    EXPECT_EQ(child.status, 0);
}

TEST_F(BadDirectory, AStoreLivesOnWhenItsDiskIsFull) {
    fs::create_directory(path);
    const Confined child = run_on_small_disk(path, 3 << 20, [&] {
        ChildChecks check;
        std::optional<Store> store = must(Store::open(path / "store", small_options()));
        {
            std::ofstream other(path / "other", std::ios::binary);
            while (other.write(std::string(4096, 'x').data(), 4096).flush()) {}
        }
        // The rings were allocated at creation: writing, dying and recovering need no space.
        must(store->put("a", "1"));
        must(store->sync());
        engine::StoreAccess::abandon(*store);
        store = must(Store::open(path / "store", small_options()));
        check.that(must(store->get("a")) == "1", "recovery on a full disk");
        must(store->put("b", "2"));
        must(store->close());
        store = must(Store::open(path / "store", small_options()));
        check.that(must(store->get("b")) == "2", "reopening on a full disk");
        return check.failures();
    });
    SKIP_UNLESS_CONFINED(child);
    EXPECT_EQ(child.status, 0);
}

/// Not even for a block of the manifest is there room: what is forgotten has to make it.
TEST_F(BadDirectory, PinsAndRetentionGoOnWhenTheDiskIsFull) {
    fs::create_directory(path);
    const Confined child = run_on_small_disk(path, 16 << 20, [&] {
        ChildChecks check;
        Options options = small_options();
        {
            Store store = must(Store::open(path / "store", options));
            for (int round = 0; round < 8; ++round) {
                // The first half is history when it settles.
                for (int i = 0; i < 600; ++i) must(store.put("key" + std::to_string(i % 300), std::string(500, 'v')));
                must(store.flush());
            }
            must(store.close());
        }
        {
            std::ofstream other(path / "other", std::ios::binary);
            while (other.write(std::string(4096, 'x').data(), 4096).flush()) {}
        }
        {
            Store store = must(Store::open(path / "store", options));
            // More edits than fit into what its last block has left.
            for (int i = 0; i < 100; ++i) {
                check.that(store.pin("a pin of the night").has_value(), "a pin on a full disk");
                must(store.unpin("a pin of the night"));
            }
            must(store.close());
        }
        const std::uintmax_t before = fs::space(path).available;
        options.retention.max_versions_behind = 0;
        Store store = must(Store::open(path / "store", options));
        for (int i = 0; i < 300; ++i) {
            check.that(must(store.get("key" + std::to_string(i))) == std::string(500, 'v'), "a get on a full disk");
        }
        const auto freed = [&] { return fs::space(path).available > before + (256 << 10); };
        wait_until(freed);
        check.that(freed(), "retention frees nothing on a full disk");
        return check.failures();
    });
    SKIP_UNLESS_CONFINED(child);
    EXPECT_EQ(child.status, 0);
}

/// The other process of TwoProcesses: tells what became of opening the store.
int open_and_tell(const char* path) {
    Options options = small_options();
    options.create_if_missing = false;
    const Result<Store> store = Store::open(path, options);
    const std::string told = store.has_value() ? "opened" : describe(store.error());
    return ::write(ChildProcess::kPipe, told.data(), told.size()) == static_cast<ssize_t>(told.size()) ? 0 : 1;
}

}  // namespace

}  // namespace zverse::test

int main(int argc, char** argv) {
    if (argc == 3 && std::string(argv[1]) == "--open-store") return zverse::test::open_and_tell(argv[2]);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
