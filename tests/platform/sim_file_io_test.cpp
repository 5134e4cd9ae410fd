// Goal:    the simulator behaves like a file system while it has power, and loses exactly what it may when it has none.
// Method:  random operations beside the real FileIo, answers compared; and for each kind of loss, many cuts at one
//          moment: what was synced is in all of them, and each legal outcome of the rest is in some.
#include <support/sim_file_io.h>

#include <support/results.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <string>

#include <unistd.h>

namespace zverse::test {
namespace {

using platform::File;
using platform::FileIo;
using platform::OpenMode;

constexpr std::size_t kSector = SimFileIo::kSectorBytes;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string contents(FileIo& io, const std::string& path) {
    auto file = must(io.open(path, OpenMode::read));
    std::string text(must(file->size()), '?');
    must(file->read_exact(std::as_writable_bytes(std::span(text)), 0));
    return text;
}

std::string sectors(char letter, std::size_t count) { return std::string(count * kSector, letter); }

/// A file with two synced sectors 'a', and its name synced.
std::unique_ptr<File> durable_file(SimFileIo& io) {
    auto file = must(io.open("/file", OpenMode::create));
    must(file->write(bytes_of(sectors('a', 2)), 0));
    must(file->sync());
    must(io.sync_directory("/"));
    return file;
}

/// What `look` sees after each of many cuts.
template <class Look>
auto after_cuts(const SimFileIo& io, Look&& look) {
    std::set<decltype(look(std::declval<SimFileIo&>()))> seen;
    for (std::uint64_t seed = 0; seed < 200; ++seed) seen.insert(look(*io.crash(seed)));
    return seen;
}

TEST(SimCrash, WhatIsSyncedSurvives) {
    SimFileIo io;
    durable_file(io);
    EXPECT_EQ(io.doubts(), 0U);
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }),
              std::set<std::string>{sectors('a', 2)});
}

TEST(SimCrash, UnsyncedWritesTearAtSectors) {
    SimFileIo io;
    auto file = durable_file(io);
    must(file->write(bytes_of(sectors('b', 2)), 0));
    EXPECT_EQ(io.doubts(), 2U);
    const std::string a = sectors('a', 1), b = sectors('b', 1);
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }),
              (std::set<std::string>{a + a, a + b, b + a, b + b}));
    EXPECT_EQ(contents(io, "/file"), b + b) << "with power, nothing is lost";
    must(file->sync());
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }), std::set<std::string>{b + b});
}

TEST(SimCrash, OlderContentsMaySurviveNewerOnes) {
    SimFileIo io;
    auto file = durable_file(io);
    must(file->write(bytes_of(sectors('b', 1)), 0));
    must(file->write(bytes_of("ccc"), 10));
    std::string mixed = sectors('b', 1);
    mixed.replace(10, 3, "ccc");
    const std::string rest = sectors('a', 1);
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }),
              (std::set<std::string>{sectors('a', 2), sectors('b', 1) + rest, mixed + rest}));
}

TEST(SimCrash, SizeAndDataAreIndependent) {
    SimFileIo io;
    auto file = durable_file(io);
    must(file->truncate(0));
    must(file->sync());
    must(file->write(bytes_of("data"), 0));
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }),
              (std::set<std::string>{"", std::string(4, '\0'), "data"}));
}

TEST(SimCrash, NamesNeedTheirDirectorySynced) {
    SimFileIo io;
    must(io.create_directories("/d"));
    auto file = must(io.open("/d/new", OpenMode::create));
    must(file->write(bytes_of("x"), 0));
    must(file->sync());
    const auto there = [](SimFileIo& after) { return must(after.exists("/d/new")); };
    EXPECT_EQ(after_cuts(io, there), (std::set<bool>{false, true})) << "syncing a file does not sync its name";
    must(io.sync_directory("/"));
    EXPECT_EQ(after_cuts(io, there), (std::set<bool>{false, true})) << "another directory";
    must(io.sync_directory("/d"));
    EXPECT_EQ(after_cuts(io, there), std::set<bool>{true});
    must(io.remove("/d/new"));
    EXPECT_EQ(after_cuts(io, there), (std::set<bool>{false, true}));
    must(io.sync_directory("/d"));
    EXPECT_EQ(after_cuts(io, there), std::set<bool>{false});
}

TEST(SimCrash, SyncedNameOfUnsyncedFileMayBeEmpty) {
    SimFileIo io;
    auto file = must(io.open("/file", OpenMode::create));
    must(file->write(bytes_of("x"), 0));
    must(io.sync_directory("/"));
    EXPECT_TRUE(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }).contains(""));
}

TEST(SimCrash, RenameIsOldOrNewNeverNeither) {
    SimFileIo io;
    durable_file(io);
    auto next = must(io.open("/next", OpenMode::create));
    must(next->write(bytes_of("new"), 0));
    must(next->sync());
    must(io.sync_directory("/"));
    must(io.rename("/next", "/file"));
    const auto look = [](SimFileIo& after) {
        return contents(after, "/file") + (must(after.exists("/next")) ? "+next" : "");
    };
    EXPECT_EQ(after_cuts(io, look), (std::set<std::string>{sectors('a', 2) + "+next", "new"}));
    must(io.sync_directory("/"));
    EXPECT_EQ(after_cuts(io, look), std::set<std::string>{"new"});
}

TEST(SimCrash, ALinkIsThereOnceItsDirectoryIsSynced) {
    SimFileIo io;
    must(io.create_directories("/d"));
    auto file = must(io.open("/file", OpenMode::create));
    must(file->write(bytes_of("content"), 0));
    must(file->sync());
    must(io.sync_directory("/"));
    must(io.link("/file", "/d/other"));
    EXPECT_FALSE(must(io.crash([](std::size_t) { return std::size_t{0}; })->exists("/d/other")));
    must(io.sync_directory("/d"));
    must(io.remove("/file"));
    must(io.sync_directory("/"));
    const auto after = io.crash([](std::size_t) { return std::size_t{0}; });
    EXPECT_FALSE(must(after->exists("/file")));
    EXPECT_EQ(must(must(after->open("/d/other", OpenMode::read))->size()), 7U);
}

TEST(SimCrash, DirectoriesAreDurableWhenMade) {
    SimFileIo io;
    must(io.create_directories("/a/b/c"));
    EXPECT_EQ(io.doubts(), 0U);
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return must(after.exists("/a/b/c")); }), std::set<bool>{true});
}

TEST(SimCrash, ACutIsRepeatableAndLeavesTheDiskAlone) {
    SimFileIo io;
    auto file = durable_file(io);
    must(file->write(bytes_of(sectors('b', 2)), 0));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        EXPECT_EQ(contents(*io.crash(seed), "/file"), contents(*io.crash(seed), "/file"));
    }
    const auto after = io.crash([](std::size_t) { return std::size_t{0}; });
    EXPECT_EQ(contents(*after, "/file"), sectors('a', 2));
    must(must(after->open("/file", OpenMode::read_write))->write(bytes_of("z"), 0));
    EXPECT_EQ(contents(io, "/file"), sectors('b', 2));
    EXPECT_EQ(contents(*io.crash([](std::size_t options) { return options - 1; }), "/file"), sectors('b', 2));
}

TEST(SimFailure, ASyncAfterAFailedOneProvesNothing) {
    SimFileIo io;
    auto file = durable_file(io);
    must(file->write(bytes_of(sectors('b', 1)), 0));
    io.fail_call(1, EIO);
    expect_error(file->sync(), ErrorCode::io, "fdatasync of /file");
    must(file->write(bytes_of(sectors('c', 1)), kSector));
    must(file->sync());
    const std::string a = sectors('a', 1), b = sectors('b', 1), c = sectors('c', 1);
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }),
              (std::set<std::string>{a + c, b + c}));
    must(file->write(bytes_of(sectors('b', 1)), 0));
    must(file->sync());
    EXPECT_EQ(after_cuts(io, [](SimFileIo& after) { return contents(after, "/file"); }), std::set<std::string>{b + c})
        << "written once more and synced, it is durable";
}

/// A little program of file operations; what it would do first fails it.
Result<void> scenario(SimFileIo& io) {
    if (auto made = io.create_directories("/s/t"); !made) return made;
    auto file = io.create_zeroed("/s/t/tmp", 3 * kSector);
    if (!file) return std::unexpected(file.error());
    if (auto done = (*file)->write(bytes_of(sectors('x', 3)), 0); !done) return done;
    if (auto done = (*file)->sync(); !done) return done;
    if (auto size = (*file)->size(); !size) return std::unexpected(size.error());
    std::array<std::byte, 4> four;
    if (auto got = (*file)->read_some(four, 0); !got) return std::unexpected(got.error());
    if (auto done = (*file)->truncate(kSector); !done) return done;
    if (auto done = io.rename("/s/t/tmp", "/s/t/file"); !done) return done;
    if (auto done = io.sync_directory("/s/t"); !done) return done;
    if (auto names = io.list("/s/t"); !names) return std::unexpected(names.error());
    if (auto there = io.exists("/s/t/file"); !there) return std::unexpected(there.error());
    auto again = io.open("/s/t/file", OpenMode::read);
    if (!again) return std::unexpected(again.error());
    return io.remove("/s/t/file");
}

TEST(SimFailure, EachCallCanFail) {
    SimFileIo counting;
    must(scenario(counting));
    ASSERT_EQ(counting.calls(), 15U);
    ASSERT_EQ(counting.failures(), 0U);
    for (const auto& [number, code] : {std::pair{EIO, ErrorCode::io}, std::pair{ENOSPC, ErrorCode::full}}) {
        for (std::uint64_t nth = 1; nth <= counting.calls(); ++nth) {
            SimFileIo io;
            io.fail_call(nth, number);
            const auto result = scenario(io);
            ASSERT_FALSE(result.has_value()) << "call " << nth;
            EXPECT_EQ(result.error().os_errno(), number) << "call " << nth;
            const bool sync = result.error().message().find("fdatasync") != std::string::npos;
            EXPECT_EQ(result.error().code(), sync ? ErrorCode::io : code) << result.error().message();
            EXPECT_EQ(io.calls(), nth) << "the scenario stops at its first failure";
            EXPECT_EQ(io.failures(), 1U);
            EXPECT_NE(result.error().message().find("/s/t"), std::string::npos) << result.error().message();
        }
    }
    SimFileIo late;
    late.fail_call(16, EIO);
    must(scenario(late));
}

TEST(SimFailure, CanLast) {
    SimFileIo io;
    auto file = durable_file(io);
    io.fail_call(2, EIO, true);
    must(file->sync());
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(file->sync().has_value());
    EXPECT_EQ(io.failures(), 5U);
    io.fail_no_more();
    must(file->sync());
}

TEST(SimFailure, AFailedWriteMayBeHalfDone) {
    SimFileIo io;
    auto file = durable_file(io);
    io.fail_call(1, ENOSPC);
    expect_error(file->write(bytes_of(sectors('b', 2)), 0), ErrorCode::full, "write of 1024 bytes at 0 in /file");
    EXPECT_EQ(contents(io, "/file"), sectors('b', 1) + sectors('a', 1));
}

TEST(SimFailure, CreateZeroedLeavesNothingBehind) {
    for (const std::uint64_t nth : {1U, 2U, 3U}) {
        SimFileIo io;
        io.fail_call(nth, ENOSPC);
        EXPECT_FALSE(io.create_zeroed("/ring", 4096).has_value());
        EXPECT_TRUE(must(io.list("/")).empty());
    }
}

/// Runs the same random operations on two FileIos and compares every answer.
class Twins {
public:
    Twins(FileIo& real, std::filesystem::path real_root, FileIo& sim, std::uint64_t seed)
        : real_(real), real_root_(std::move(real_root)), sim_(sim), random_(seed) {
        must(sim_.create_directories(kSimRoot));
    }

    void step() {
        switch (random_.below(13)) {
            case 0:
            case 1: open(); break;
            case 2:
            case 3:
            case 4: write(); break;
            case 5:
            case 6: read(); break;
            case 7: truncate(); break;
            case 8: rename(); break;
            case 9: remove(); break;
            case 10: directories(); break;
            case 11: link(); break;
            default: look(); break;
        }
    }

private:
    static constexpr const char* kSimRoot = "/sim";
    struct Pair {
        std::unique_ptr<File> real, sim;
    };

    std::string any_file() {
        static constexpr std::array kNames{"a", "b", "d/x", "d/y", "d/e/z", "a/below", "none/x"};
        return kNames[random_.below(kNames.size())];
    }
    std::string any_directory() {
        static constexpr std::array kNames{"", "d", "d/e", "a", "a/below", "none"};
        return kNames[random_.below(kNames.size())];
    }
    template <class T>
    bool compare(const Result<T>& real, const Result<T>& sim, const std::string& what) {
        EXPECT_EQ(real.has_value(), sim.has_value())
            << what << ": " << (real ? describe(sim.error()) : describe(real.error()));
        if (real && sim) return true;
        if (!real && !sim) {
            EXPECT_EQ(real.error().os_errno(), sim.error().os_errno()) << what;
            EXPECT_EQ(real.error().code(), sim.error().code()) << what;
        }
        return false;
    }

    void open() {
        const std::string name = any_file();
        const auto mode = static_cast<OpenMode>(random_.below(3));
        auto real = real_.open(real_root_ / name, mode);
        auto sim = sim_.open(std::filesystem::path(kSimRoot) / name, mode);
        if (compare(real, sim, "open " + name)) files_[random_.below(4)] = {std::move(*real), std::move(*sim)};
    }
    Pair* any_open() {
        const auto found = files_.find(random_.below(4));
        return found == files_.end() ? nullptr : &found->second;
    }
    void write() {
        Pair* file = any_open();
        if (file == nullptr) return;
        const std::string text = random_.bytes(random_.between(1, 3000));
        const std::uint64_t offset = random_.below(5000);
        compare(file->real->write(bytes_of(text), offset), file->sim->write(bytes_of(text), offset), "write");
    }
    void read() {
        Pair* file = any_open();
        if (file == nullptr) return;
        std::vector<std::byte> real(random_.below(9000)), sim(real.size());
        const std::uint64_t offset = random_.below(9000);
        const auto got = file->real->read_some(real, offset);
        if (compare(got, file->sim->read_some(sim, offset), "read")) {
            EXPECT_TRUE(real == sim);
        }
        EXPECT_EQ(must(file->real->size()), must(file->sim->size()));
    }
    void truncate() {
        Pair* file = any_open();
        if (file == nullptr) return;
        const std::uint64_t bytes = random_.below(8000);
        compare(file->real->truncate(bytes), file->sim->truncate(bytes), "truncate");
        compare(file->real->sync(), file->sim->sync(), "sync");
    }
    void rename() {
        const std::string from = any_file(), to = any_file();
        compare(real_.rename(real_root_ / from, real_root_ / to),
                sim_.rename(std::filesystem::path(kSimRoot) / from, std::filesystem::path(kSimRoot) / to),
                "rename " + from + " " + to);
    }
    void link() {
        const std::string from = any_file(), to = any_file();
        compare(real_.link(real_root_ / from, real_root_ / to),
                sim_.link(std::filesystem::path(kSimRoot) / from, std::filesystem::path(kSimRoot) / to),
                "link " + from + " " + to);
    }
    void remove() {
        const std::string name = any_file();
        compare(real_.remove(real_root_ / name), sim_.remove(std::filesystem::path(kSimRoot) / name), "remove " + name);
    }
    void directories() {
        // Below a file there can be no directory; where "a" is not there, it must not become one, because renaming
        // directories is nothing that the simulator does.
        const std::string name = must(real_.exists(real_root_ / "a")) ? "a/below" : "d/e";
        compare(real_.create_directories(real_root_ / name),
                sim_.create_directories(std::filesystem::path(kSimRoot) / name), "create_directories " + name);
    }
    void look() {
        const std::string directory = any_directory(), file = any_file();
        const auto real_list = real_.list(real_root_ / directory);
        const auto sim_list = sim_.list(std::filesystem::path(kSimRoot) / directory);
        if (compare(real_list, sim_list, "list " + directory)) {
            EXPECT_EQ(*real_list, *sim_list) << directory;
        }
        const auto real_there = real_.exists(real_root_ / file);
        const auto sim_there = sim_.exists(std::filesystem::path(kSimRoot) / file);
        if (compare(real_there, sim_there, "exists " + file)) {
            EXPECT_EQ(*real_there, *sim_there) << file;
        }
        compare(real_.sync_directory(real_root_ / directory),
                sim_.sync_directory(std::filesystem::path(kSimRoot) / directory), "sync_directory " + directory);
    }

    FileIo& real_;
    std::filesystem::path real_root_;
    FileIo& sim_;
    Random random_;
    std::map<std::uint64_t, Pair> files_;
};

TEST(SimFileSystem, AnswersLikeTheRealOne) {
    const SeedScope seed;
    const auto real = platform::make_posix_file_io();
    for (std::uint64_t round = 0; round < 40; ++round) {
        // In memory: the operations are compared, not the disk.
        char root[] = "/dev/shm/zverse-sim-XXXXXX";
        if (mkdtemp(root) == nullptr) GTEST_SKIP() << "no /dev/shm";
        SimFileIo sim;
        Twins twins(*real, root, sim, mix(seed.seed(), round));
        for (int step = 0; step < 400 && !::testing::Test::HasFailure(); ++step) twins.step();
        std::error_code ignored;
        std::filesystem::remove_all(root, ignored);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "round " << round;
    }
}

}  // namespace
}  // namespace zverse::test
