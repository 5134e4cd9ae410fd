// Goal:    directories that are no store, belong to somebody else, can't be written or are full end in the right error,
//          and whatever lay there stays untouched.
// Method:  each kind of directory once; other users, read-only mounts and full disks in forked children.
#include <support/child_checks.h>
#include <support/child_process.h>
#include <support/confined.h>
#include <support/file_tree.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
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
