// Goal:    both FileIo implementations do the same, and say exactly what failed.
// Method:  one parameterized suite over "posix" and "uring"; a full disk is a small tmpfs of our own.
#include <platform/file_io.h>

#include <support/results.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zverse::platform {
namespace {

using test::expect_error;
using test::must;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string read_text(File& file, std::size_t bytes, std::uint64_t offset) {
    std::string text(bytes, '?');
    const std::size_t got = must(file.read_some(std::as_writable_bytes(std::span(text)), offset));
    text.resize(got);
    return text;
}

class FileIoTest : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        auto choice = make_file_io(GetParam());
        if (!choice) GTEST_SKIP() << choice.error().message();
        io = std::move(choice->io);
        char name[] = "/tmp/zverse-file-io-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        directory = name;
    }
    void TearDown() override {
        std::error_code ignored;
        if (!directory.empty()) std::filesystem::remove_all(directory, ignored);
    }

    std::unique_ptr<FileIo> io;
    std::filesystem::path directory;
};

TEST_P(FileIoTest, WritesReadsAndGrows) {
    EXPECT_STREQ(io->name(), GetParam());
    const auto path = directory / "file";
    auto file = must(io->open(path, OpenMode::create));
    EXPECT_EQ(file->path(), path);
    EXPECT_GE(file->descriptor(), 0);
    must(file->write(bytes_of("hello"), 3));
    must(file->sync());
    EXPECT_EQ(must(file->size()), 8U);
    EXPECT_EQ(read_text(*file, 100, 0), std::string("\0\0\0hello", 8)) << "a short read at the end is no error";
    EXPECT_EQ(read_text(*file, 100, 8), "");
    EXPECT_EQ(read_text(*file, 100, 1000), "");
    must(file->truncate(4));
    EXPECT_EQ(must(file->size()), 4U);
    must(file->truncate(10));
    EXPECT_EQ(read_text(*file, 100, 3), std::string("h\0\0\0\0\0\0", 7));

    auto again = must(io->open(path, OpenMode::read));
    EXPECT_EQ(read_text(*again, 1, 3), "h");
    io.reset();
    EXPECT_EQ(read_text(*again, 1, 3), "h") << "a File outlives its FileIo";
}

TEST_P(FileIoTest, LargeTransfersAreWhole) {
    const test::SeedScope seed;
    const std::string text = test::Random(seed.seed()).bytes((std::size_t{5} << 20) + 123);
    auto file = must(io->open(directory / "large", OpenMode::create));
    must(file->write(bytes_of(text), 7));
    std::string back(text.size(), '?');
    must(file->read_exact(std::as_writable_bytes(std::span(back)), 7));
    EXPECT_TRUE(back == text);
}

TEST_P(FileIoTest, ReadExactNamesTheEnd) {
    auto file = must(io->open(directory / "short", OpenMode::create));
    must(file->write(bytes_of("12345"), 0));
    std::array<std::byte, 4> four;
    must(file->read_exact(four, 1));
    expect_error(file->read_exact(four, 2), ErrorCode::corrupt, "ends at 5");
    expect_error(file->read_exact(four, 100), ErrorCode::corrupt, "short");
}

TEST_P(FileIoTest, CreateZeroedReallyAllocates) {
    const std::uint64_t bytes = (std::uint64_t{3} << 20) + 4096;
    auto file = must(io->create_zeroed(directory / "ring", bytes));
    EXPECT_EQ(must(file->size()), bytes);
    struct stat status = {};
    ASSERT_EQ(fstat(file->descriptor(), &status), 0);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, bytes) << "sparse";
    EXPECT_EQ(lseek(file->descriptor(), 0, SEEK_HOLE), static_cast<off_t>(bytes)) << "unwritten extents count as holes";
    const std::string zeros = read_text(*file, bytes, 0);
    EXPECT_EQ(zeros.size(), bytes);
    EXPECT_EQ(std::ranges::count(zeros, '\0'), static_cast<std::ptrdiff_t>(bytes));
    auto empty = must(io->create_zeroed(directory / "empty", 0));
    EXPECT_EQ(must(empty->size()), 0U);
}

TEST_P(FileIoTest, CreateZeroedLeavesNothingBehind) {
    expect_error(io->create_zeroed(directory / "none" / "ring", 4096), ErrorCode::io, "none");
    // A limit on file sizes fails the write in the middle, without needing a full disk.
    rlimit before = {};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{1 << 20, before.rlim_max};
    struct sigaction ignore = {}, previous = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &ignore, &previous);
    setrlimit(RLIMIT_FSIZE, &small);
    const auto failed = io->create_zeroed(directory / "ring", 4 << 20);
    setrlimit(RLIMIT_FSIZE, &before);
    sigaction(SIGXFSZ, &previous, nullptr);
    expect_error(failed, ErrorCode::io, "ring");
    EXPECT_EQ(failed.error().os_errno(), EFBIG);
    EXPECT_FALSE(must(io->exists(directory / "ring")));
    // A file that was there before is no leftover of ours.
    must(io->open(directory / "mine", OpenMode::create));
    expect_error(io->create_zeroed(directory / "mine", 4096), ErrorCode::io, "mine");
    EXPECT_TRUE(must(io->exists(directory / "mine")));
}

TEST_P(FileIoTest, OpenModesAreKept) {
    const auto path = directory / "file";
    const auto missing = io->open(path, OpenMode::read);
    expect_error(missing, ErrorCode::io, path.string());
    EXPECT_EQ(missing.error().os_errno(), ENOENT);
    expect_error(io->open(path, OpenMode::read_write), ErrorCode::io);
    must(io->open(path, OpenMode::create));
    const auto twice = io->open(path, OpenMode::create);
    expect_error(twice, ErrorCode::io);
    EXPECT_EQ(twice.error().os_errno(), EEXIST);
    auto reader = must(io->open(path, OpenMode::read));
    const auto refused = reader->write(bytes_of("x"), 77);
    expect_error(refused, ErrorCode::io, "write of 1 bytes at 77 in " + path.string());
    EXPECT_EQ(refused.error().os_errno(), EBADF);
    EXPECT_NE(fcntl(reader->descriptor(), F_GETFD) & FD_CLOEXEC, 0) << "a child must not keep the store open";
    EXPECT_EQ(fcntl(reader->descriptor(), F_GETFL) & O_NONBLOCK, 0) << "io_uring would answer EAGAIN for ever on pmem";
}

TEST_P(FileIoTest, NonsenseOffsetsAreErrors) {
    auto file = must(io->open(directory / "file", OpenMode::create));
    must(file->write(bytes_of("x"), 0));
    std::array<std::byte, 1> one;
    expect_error(file->read_some(one, ~std::uint64_t{0}), ErrorCode::io);
    expect_error(file->write(one, ~std::uint64_t{0}), ErrorCode::io);
}

TEST_P(FileIoTest, NamesAndDirectories) {
    const auto deep = directory / "a" / "b" / "c";
    EXPECT_TRUE(must(io->list(deep)).empty());
    EXPECT_FALSE(must(io->exists(deep)));
    must(io->create_directories(deep));
    must(io->create_directories(deep / ""));
    EXPECT_TRUE(must(io->exists(deep)));
    must(io->create_directories(directory / "slash" / "ed" / ""));
    EXPECT_TRUE(std::filesystem::is_directory(directory / "slash" / "ed"));

    must(io->open(deep / "z", OpenMode::create));
    must(io->open(deep / "m", OpenMode::create));
    must(io->create_directories(deep / "sub"));
    EXPECT_EQ(must(io->list(deep)), (std::vector<std::string>{"m", "z"}));
    must(io->rename(deep / "z", deep / "a"));
    must(io->sync_directory(deep));
    EXPECT_EQ(must(io->list(deep)), (std::vector<std::string>{"a", "m"}));
    must(io->remove(deep / "a"));
    EXPECT_FALSE(must(io->exists(deep / "a")));

    expect_error(io->remove(deep / "a"), ErrorCode::io, (deep / "a").string());
    expect_error(io->rename(deep / "x", deep / "y"), ErrorCode::io, (deep / "y").string());
    expect_error(io->sync_directory(deep / "x"), ErrorCode::io);
    const auto in_the_way = io->create_directories(deep / "m");
    expect_error(in_the_way, ErrorCode::io);
    EXPECT_EQ(in_the_way.error().os_errno(), ENOTDIR);
    expect_error(io->create_directories(deep / "m" / "below"), ErrorCode::io);
    EXPECT_FALSE(must(io->exists(deep / "m" / "below")));
    expect_error(io->list(deep / "m"), ErrorCode::io);
}

TEST_P(FileIoTest, LinksAreNamesOfTheSameFile) {
    const std::filesystem::path file = directory / "linked", other = directory / "other";
    (void)must(io->open(file, OpenMode::create));
    must(io->link(file, other));
    EXPECT_EQ(std::filesystem::hard_link_count(file), 2U);
    EXPECT_TRUE(std::filesystem::equivalent(file, other));
    const auto taken = io->link(file, other);
    expect_error(taken, ErrorCode::io, other.string());
    EXPECT_EQ(taken.error().os_errno(), EEXIST);
    must(io->remove(file));
    EXPECT_TRUE(must(io->exists(other)));
    const auto gone = io->link(file, directory / "third");
    expect_error(gone, ErrorCode::io, file.string());
    EXPECT_EQ(gone.error().os_errno(), ENOENT);
}

TEST_P(FileIoTest, FindsWhatADirectoryHolds) {
    const std::filesystem::path place = directory / "place";
    EXPECT_EQ(must(platform::find_content(place, "LOCK")), std::nullopt) << "there is no such directory";
    must(io->create_directories(place / "empty"));
    must(io->open(place / "LOCK", OpenMode::create));
    EXPECT_EQ(must(platform::find_content(place, "LOCK")), std::nullopt);
    EXPECT_EQ(must(platform::find_content(place, "")), "LOCK");
    must(io->open(place / "empty" / "not", OpenMode::create));
    EXPECT_EQ(must(platform::find_content(place, "LOCK")), "empty");
    expect_error(platform::find_content(place / "LOCK", ""), ErrorCode::io);
}

TEST_P(FileIoTest, RelativeDirectoriesAreMade) {
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory);
    const auto made = io->create_directories("one/two");
    std::filesystem::current_path(before);
    must(made);
    EXPECT_TRUE(std::filesystem::is_directory(directory / "one" / "two"));
}

TEST_P(FileIoTest, UnwritablePathsAreErrors) {
    // /proc refuses root, too.
    expect_error(io->open("/proc/zverse", OpenMode::create), ErrorCode::io, "/proc/zverse");
    expect_error(io->create_directories("/proc/zverse/store"), ErrorCode::io, "/proc/zverse");
    auto full = must(io->open("/dev/full", OpenMode::read_write));
    const auto refused = full->write(bytes_of("x"), 0);
    expect_error(refused, ErrorCode::full, "/dev/full");
    EXPECT_EQ(refused.error().os_errno(), ENOSPC);
    std::array<std::byte, 8> data;
    auto folder = must(io->open("/tmp", OpenMode::read));
    const auto unreadable = folder->read_some(data, 0);
    expect_error(unreadable, ErrorCode::io, "read of 8 bytes at 0 in /tmp");
    EXPECT_EQ(unreadable.error().os_errno(), EISDIR);
}

TEST_P(FileIoTest, FailedSyncIsReported) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    auto file = must(io->open("/proc/self/fd/" + std::to_string(ends[1]), OpenMode::read_write));
    const auto synced = file->sync();  // a pipe can't be synced
    expect_error(synced, ErrorCode::io, "fdatasync");
    EXPECT_EQ(synced.error().os_errno(), EINVAL);
    close(ends[0]);
    close(ends[1]);
}

TEST_P(FileIoTest, FullDiskIsFullAndResumes) {
    const auto mount_point = directory / "small";
    std::filesystem::create_directory(mount_point);
    if (mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=2m") != 0) {
        GTEST_SKIP() << "no tmpfs of our own can be mounted here: " << std::strerror(errno);
    }
    {
        const auto refused = io->create_zeroed(mount_point / "ring", 4 << 20);
        expect_error(refused, ErrorCode::full, (mount_point / "ring").string());
        EXPECT_EQ(refused.error().os_errno(), ENOSPC);
        EXPECT_TRUE(must(io->list(mount_point)).empty()) << "nothing is left behind";

        auto file = must(io->create_zeroed(mount_point / "one", 1 << 20));
        const std::string two_megabytes(2 << 20, 'x');
        expect_error(file->write(bytes_of(two_megabytes), 1 << 20), ErrorCode::full);
        must(file->truncate(0));
        must(file->write(bytes_of("goes on"), 0));
        EXPECT_EQ(read_text(*file, 7, 0), "goes on");
    }
    EXPECT_EQ(umount(mount_point.c_str()), 0);
}

TEST_P(FileIoTest, ThreadsShareOneIo) {
    const auto work = [&](int which) {
        auto file = must(io->open(directory / std::to_string(which), OpenMode::create));
        for (int round = 0; round < 200; ++round) {
            const std::string text = std::to_string(which) + ":" + std::to_string(round) + ";";
            must(file->write(bytes_of(text), static_cast<std::uint64_t>(round) * 16));
            ASSERT_EQ(read_text(*file, text.size(), static_cast<std::uint64_t>(round) * 16), text);
        }
    };
    std::vector<std::jthread> threads;
    for (int which = 0; which < 4; ++which) threads.emplace_back(work, which);
}

INSTANTIATE_TEST_SUITE_P(Every, FileIoTest, ::testing::Values("posix", "uring"),
                         [](const auto& one) { return std::string(one.param); });

TEST(MakeFileIo, ForcingIsExactOrAnError) {
    EXPECT_STREQ(must(make_file_io("posix")).io->name(), "posix");
    expect_error(make_file_io("aio"), ErrorCode::invalid_argument, "aio");
    const FileIoChoice best = must(make_file_io(""));
    std::printf("FileIo chosen: %s %s\n", best.io->name(), best.why_not.c_str());
    EXPECT_EQ(std::string(best.io->name()) == "uring", best.why_not.empty());
    const auto uring = make_file_io("uring");
    if (uring) {
        EXPECT_STREQ(uring->io->name(), "uring");
    } else {
        expect_error(uring, ErrorCode::invalid_argument, best.why_not);
    }
}

TEST(MakeFileIo, WithoutDescriptorsFallsBackAndSaysWhy) {
    rlimit before = {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{3, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    auto choice = make_file_io("");
    const auto forced = make_file_io("uring");
    setrlimit(RLIMIT_NOFILE, &before);
    const FileIoChoice fallback = must(std::move(choice));
    EXPECT_STREQ(fallback.io->name(), "posix");
    EXPECT_FALSE(fallback.why_not.empty());
    expect_error(forced, ErrorCode::invalid_argument, fallback.why_not);
}

}  // namespace
}  // namespace zverse::platform
