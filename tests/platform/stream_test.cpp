// Goal:    a stream leaves exactly its bytes, or says what it could not write; by io_uring with direct writes as by
//          pwrite, on a disk as in memory. Nothing of it stays behind, whatever became of it.
// Method:  streams of every interesting length; writes that fail by a limit on the size of files, which cuts the one
//          across it short; file systems and processes that refuse direct writes, rings and locked memory; descriptors
//          and mappings counted before and after. What the page cache holds proves whether writes were direct.
#include <platform/posix_stream.h>
#include <platform/stream_writer.h>

#include <support/child_checks.h>
#include <support/confined.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

namespace zverse::platform {
namespace {

using test::ChildChecks;
using test::expect_error;
using test::must;
using Next = StreamWriter::Next;

constexpr std::size_t kHead = kStreamBlockBytes;
constexpr std::size_t kPiece = PosixStream::kBufferBytes;
const std::string kHeadText(kHead, 'h');

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string contents(const std::filesystem::path& path) {
    std::string text(std::filesystem::file_size(path), '?');
    std::ifstream(path, std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
}

/// Bytes that differ from block to block.
std::string pattern(std::size_t bytes) {
    std::string text(bytes, '\0');
    test::Random random(bytes);
    for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
        const std::uint64_t word = random.next();
        std::memcpy(text.data() + i, &word, 8);
    }
    return text;
}

Result<void> write_stream(FileIo& io, const std::filesystem::path& path, std::string_view body, Next next = Next::rest,
                          std::size_t part = 100'001) {
    auto writer = StreamWriter::create(io, path, kHead);
    if (!writer) return std::unexpected(std::move(writer.error()));
    for (; !body.empty(); body.remove_prefix(std::min(part, body.size()))) {
        if (auto done = writer->append(bytes_of(body.substr(0, part))); !done) return done;
    }
    return writer->finish(bytes_of(kHeadText), next);
}

/// Lets no file of this process grow beyond `bytes`: the write across it is cut short, the next one fails with EFBIG.
class FileSizeLimit {
public:
    explicit FileSizeLimit(std::uint64_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int);
};

/// Lets this process open no further descriptor.
class NoDescriptors {
public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit none{3, before_.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

struct Kind {
    const char* io;
    const char* directory;
};

class StreamTest : public ::testing::TestWithParam<Kind> {
protected:
    void SetUp() override {
        auto choice = make_file_io(GetParam().io);
        if (!choice) GTEST_SKIP() << "NOT TESTED: " << choice.error().message();
        io = std::move(choice->io);
        std::string name = std::string(GetParam().directory) + "/zverse-stream-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) GTEST_SKIP() << "NOT TESTED: no directory in " << GetParam().directory;
        directory = name;
    }
    void TearDown() override {
        std::error_code ignored;
        if (!directory.empty()) std::filesystem::remove_all(directory, ignored);
    }

    [[nodiscard]] bool uring() const { return std::string(GetParam().io) == "uring"; }
    /// Why the latest stream was not written by direct writes through io_uring; empty when it was.
    [[nodiscard]] std::string not_direct() const { return io->stream_method().why_not; }

    std::unique_ptr<FileIo> io;
    std::filesystem::path directory;
};

TEST_P(StreamTest, HoldsExactlyItsBytes) {
    const auto path = directory / "file";
    // The first piece ends at kPiece - kHead: up to there no ring is made.
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, kHead - 1, kHead, kHead + 1, kPiece - kHead - 1, kPiece - kHead,
          kPiece - kHead + 1, 4 * kPiece - kHead, 4 * kPiece + 5 * kHead, 17 * kPiece - 1, 20 * kPiece + 77}) {
        const std::string body = pattern(bytes);
        must(write_stream(*io, path, body, bytes % 2 == 0 ? Next::reads : Next::rest));
        ASSERT_TRUE(contents(path) == kHeadText + body) << bytes;
        must(io->remove(path));
    }
    std::printf("%s in %s: %s %s\n", GetParam().io, GetParam().directory, io->stream_method().used.c_str(),
                not_direct().c_str());
}

TEST_P(StreamTest, KnowsItsPlaceAndPads) {
    auto writer = must(StreamWriter::create(*io, directory / "file", kHead));
    EXPECT_EQ(writer.position(), kHead);
    EXPECT_EQ(writer.path(), directory / "file");
    must(writer.append(bytes_of("abc")));
    EXPECT_EQ(writer.position(), kHead + 3);
    must(writer.pad(256));
    must(writer.pad(256));
    EXPECT_EQ(writer.position(), kHead + 256);
    must(writer.append(bytes_of(pattern(kPiece))));
    EXPECT_EQ(writer.position(), kHead + 256 + kPiece);
    must(writer.finish(bytes_of(kHeadText)));
    EXPECT_TRUE(contents(directory / "file") == kHeadText + "abc" + std::string(253, '\0') + pattern(kPiece));
}

TEST_P(StreamTest, IsANewFile) {
    must(write_stream(*io, directory / "file", "body"));
    const auto twice = StreamWriter::create(*io, directory / "file", kHead);
    EXPECT_FALSE(twice.has_value());
    EXPECT_EQ(twice.error().os_errno(), EEXIST);
    EXPECT_EQ(contents(directory / "file"), kHeadText + "body");
    EXPECT_EQ(StreamWriter::create(*io, directory / "none" / "file", kHead).error().os_errno(), ENOENT);
}

TEST_P(StreamTest, OutlivesItsIo) {
    auto writer = must(StreamWriter::create(*io, directory / "file", kHead));
    io.reset();
    const std::string body = pattern(3 * kPiece);
    must(writer.append(bytes_of(body)));
    must(writer.finish(bytes_of(kHeadText)));
    EXPECT_TRUE(contents(directory / "file") == kHeadText + body);
}

/// Whether all pages (or none) of a file are in the page cache.
struct Cached {
    std::size_t pages = 0, resident = 0;
};

Cached cached(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const auto bytes = static_cast<std::size_t>(lseek(file, 0, SEEK_END));
    void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    std::vector<unsigned char> pages((bytes + 4095) / 4096);
    EXPECT_EQ(mincore(mapped, bytes, pages.data()), 0);
    munmap(mapped, bytes);
    close(file);
    Cached result{pages.size(), 0};
    for (const unsigned char page : pages) result.resident += page & 1U;
    return result;
}

TEST_P(StreamTest, DirectWritesPassThePageCacheBy) {
    const std::string body = pattern(20 * kPiece);
    must(write_stream(*io, directory / "file", body));
    if (uring() && !not_direct().empty()) {
        GTEST_SKIP() << "NOT TESTED: NO DIRECT WRITES IN " << GetParam().directory << ": " << not_direct();
    }
    const bool memory = std::string(GetParam().directory) == "/dev/shm";
    const Cached after = cached(directory / "file");
    EXPECT_EQ(after.resident, memory ? after.pages : 0) << "of " << after.pages << ": written directly, or let go";

    // Asked for, they come; the disk needs a moment.
    must(write_stream(*io, directory / "soon", body, Next::reads));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Cached soon;
    do {
        std::this_thread::yield();
        soon = cached(directory / "soon");
    } while (soon.resident < soon.pages && std::chrono::steady_clock::now() < end);
    EXPECT_EQ(soon.resident, soon.pages);
}

TEST_P(StreamTest, AFailedPieceIsTold) {
    const std::string body = pattern(12 * kPiece);
    // Pieces end at multiples of their size. Limits in the middle of a block, at blocks, and where a piece begins; in
    // the first one, among others, in the last.
    for (const std::uint64_t limit : {2 * kHead, kPiece + 5 * kHead, 5 * kPiece, 6 * kPiece + 700, 12 * kPiece}) {
        const auto path = directory / std::to_string(limit);
        const std::uint64_t piece = std::max<std::uint64_t>(limit / kPiece * kPiece, kHead);
        Result<void> written;
        {
            const FileSizeLimit low(limit);
            written = write_stream(*io, path, body);
        }
        expect_error(written, ErrorCode::io, " in " + path.string());
        if (written) continue;
        EXPECT_EQ(written.error().os_errno(), EFBIG);
        // Or one of those behind it, which were in flight with it.
        bool named = false;
        for (std::uint64_t at = piece, n = 0; n < 4; ++n) {
            const std::uint64_t end = std::min((at / kPiece + 1) * kPiece, kHead + body.size());
            const std::string what =
                "write of " + std::to_string(end - at) + " bytes at " + std::to_string(at) + " in ";
            at = end;
            named = named || written.error().message().find(what) != std::string::npos;
        }
        EXPECT_TRUE(named) << piece << ": " << written.error().message();
        const std::string left = contents(path);
        ASSERT_GE(left.size(), piece) << "pieces before the one that failed";
        EXPECT_TRUE(left.substr(kHead, piece - kHead) == body.substr(0, piece - kHead));
        EXPECT_EQ(left.substr(0, kHead), std::string(kHead, '\0')) << "the head of a file that is not whole";
    }
}

TEST_P(StreamTest, AFailureIsToldAgain) {
    auto file = must(io->create_stream(directory / "file"));
    const FileSizeLimit low(3 * kPiece);
    std::uint64_t offset = 0;
    Result<void> sent;
    for (; sent && offset < 6 * kPiece; offset += kPiece) {
        auto buffer = file->buffer();
        if (!buffer) break;
        sent = file->send(kPiece, offset);
    }
    const auto first = file->sync(offset);
    expect_error(first, ErrorCode::io, "write of " + std::to_string(kPiece) + " bytes at ");
    ASSERT_FALSE(first.has_value());
    const std::string what = first.error().message();
    expect_error(file->wait(), ErrorCode::io, what);
    expect_error(file->buffer(), ErrorCode::io, what);
    expect_error(file->send(kPiece, 0), ErrorCode::io, what);
    expect_error(file->sync(0), ErrorCode::io, what);
}

TEST_P(StreamTest, SyncAloneTellsOfWhatIsInFlight) {
    auto file = must(io->create_stream(directory / "file"));
    const FileSizeLimit low(kHead);
    (void)must(file->buffer());
    (void)file->send(kPiece, 0);
    expect_error(file->sync(kPiece), ErrorCode::io, "write of");
}

TEST_P(StreamTest, DestroyedEarlyItsPiecesHaveLanded) {
    const std::string body = pattern(3 * kPiece);  // with the head, three pieces end here
    for (int round = 0; round < 20; ++round) {
        const auto path = directory / "file";
        {
            auto writer = must(StreamWriter::create(*io, path, kHead));
            must(writer.append(bytes_of(body.substr(kHead))));
        }
        ASSERT_TRUE(contents(path).substr(kHead) == body.substr(kHead))
            << "pieces were in flight when their buffers went";
        must(io->remove(path));
    }
}

std::size_t descriptors() {
    const std::filesystem::directory_iterator open("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

std::size_t status_kilobytes(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":")) return std::stoul(line.substr(name.size() + 1));
    }
    return 0;
}

TEST_P(StreamTest, NothingStaysBehind) {
    const std::string body = pattern(6 * kPiece);
    const auto one_of_each = [&](const std::string& name) {
        must(write_stream(*io, directory / (name + "whole"), body));
        {
            auto abandoned = must(StreamWriter::create(*io, directory / (name + "abandoned"), kHead));
            must(abandoned.append(bytes_of(body)));
        }
        const FileSizeLimit low(3 * kPiece);
        EXPECT_FALSE(write_stream(*io, directory / (name + "failed"), body).has_value());
    };
    one_of_each("first");
    const std::size_t files = descriptors(), memory = status_kilobytes("VmSize"), pinned = status_kilobytes("VmPin");
    for (int i = 0; i < 10; ++i) one_of_each(std::to_string(i));
    EXPECT_EQ(descriptors(), files);
    EXPECT_EQ(status_kilobytes("VmPin"), pinned);
    // What the C library keeps for itself is less than one stream's buffers.
    EXPECT_LT(status_kilobytes("VmSize"), memory + 1024);
}

TEST_P(StreamTest, StreamsOfManyThreads) {
    const auto work = [&](int which) {
        const std::string body = pattern(7 * kPiece + static_cast<std::size_t>(which));
        for (int round = 0; round < 4; ++round) {
            const auto path = directory / (std::to_string(which) + "-" + std::to_string(round));
            must(write_stream(*io, path, body));
            ASSERT_TRUE(contents(path) == kHeadText + body);
        }
    };
    std::vector<std::jthread> threads;
    for (int which = 0; which < 4; ++which) threads.emplace_back(work, which);
}

TEST_P(StreamTest, AFullDiskIsFull) {
    const std::string body = pattern(12 * kPiece);
    const auto confined = test::run_on_small_disk(directory, 4 * kPiece, [&] {
        ChildChecks check;
        check.fails(write_stream(*io, directory / "file", body), ErrorCode::full, (directory / "file").string(),
                    "a stream larger than the disk");
        must(io->remove(directory / "file"));
        check.that(write_stream(*io, directory / "file", body.substr(0, 2 * kPiece)).has_value(), "a smaller one fits");
        return check.failures();
    });
    if (!confined.why_not.empty()) GTEST_SKIP() << "NOT TESTED: " << confined.why_not;
    EXPECT_EQ(confined.status, 0);
}

constexpr Kind kKinds[] = {{"posix", "/tmp"}, {"posix", "/dev/shm"}, {"uring", "/tmp"}, {"uring", "/dev/shm"}};
INSTANTIATE_TEST_SUITE_P(Every, StreamTest, ::testing::ValuesIn(kKinds), [](const auto& one) {
    return std::string(one.param.io) + (std::string(one.param.directory) == "/tmp" ? "OnDisk" : "InMemory");
});

class RefusedStreamTest : public StreamTest {
protected:
    void SetUp() override {
        StreamTest::SetUp();
        if (!io) return;
        must(write_stream(*io, directory / "probe", body));
        if (!not_direct().empty()) GTEST_SKIP() << "NOT TESTED: NO DIRECT WRITES HERE ANYWAY: " << not_direct();
    }
    const std::string body = pattern(6 * kPiece + 9);
};

TEST_P(RefusedStreamTest, WithoutARingItGoesOnByPwrite) {
    auto writer = must(StreamWriter::create(*io, directory / "file", kHead));
    {
        const NoDescriptors none;
        must(writer.append(bytes_of(body)));
    }
    must(writer.finish(bytes_of(kHeadText)));
    EXPECT_TRUE(contents(directory / "file") == kHeadText + body);
    EXPECT_EQ(io->stream_method().used, "pwrite");
    EXPECT_NE(not_direct().find("io_uring_queue_init"), std::string::npos) << not_direct();
}

TEST_P(RefusedStreamTest, WithoutLockedMemoryItGoesOnByPwrite) {
    must(io->create_directories(directory / "open"));
    std::filesystem::permissions(directory, std::filesystem::perms::all);
    const auto confined = test::run_as_nobody([&] {
        const rlimit little{kPiece, kPiece};
        setrlimit(RLIMIT_MEMLOCK, &little);
        ChildChecks check;
        check.that(write_stream(*io, directory / "file", body).has_value(), "the stream is written");
        check.that(contents(directory / "file") == kHeadText + body, "its bytes");
        check.that(io->stream_method().used == "pwrite", "by pwrite");
        check.that(not_direct().find("io_uring_register_buffers") != std::string::npos, "and why");
        return check.failures();
    });
    if (!confined.why_not.empty()) GTEST_SKIP() << "NOT TESTED: " << confined.why_not;
    EXPECT_EQ(confined.status, 0);
}

TEST_P(RefusedStreamTest, WithoutDirectWritesItGoesOnByPwrite) {
    // ramfs knows no direct writes.
    const auto mounted = directory / "ramfs";
    must(io->create_directories(mounted));
    if (mount("ramfs", mounted.c_str(), "ramfs", 0, nullptr) != 0) {
        GTEST_SKIP() << "NOT TESTED: no ramfs can be mounted here: " << std::strerror(errno);
    }
    const auto written = write_stream(*io, mounted / "file", body);
    const std::string left = contents(mounted / "file");
    EXPECT_EQ(umount(mounted.c_str()), 0);
    must(written);
    EXPECT_TRUE(left == kHeadText + body);
    EXPECT_EQ(io->stream_method().used, "pwrite");
    EXPECT_NE(not_direct().find("O_DIRECT"), std::string::npos) << not_direct();
}

TEST_P(RefusedStreamTest, RefusedInTheMiddleItGoesOnThroughThePageCache) {
    // Cut at a limit that is not at a block, the direct write across it is refused as misaligned.
    auto writer = must(StreamWriter::create(*io, directory / "file", kHead));
    {
        const FileSizeLimit odd(2 * kPiece + 100);
        (void)writer.append(bytes_of(pattern(2 * kPiece)));
        expect_error(writer.finish(bytes_of(kHeadText)), ErrorCode::io, "File too large");
    }
    EXPECT_NE(not_direct().find("takes no direct writes"), std::string::npos) << not_direct();
    EXPECT_EQ(std::filesystem::file_size(directory / "file"), 2 * kPiece + 100) << "the page cache took the rest of it";
}

constexpr Kind kRefused[] = {{"uring", "/tmp"}};
INSTANTIATE_TEST_SUITE_P(Uring, RefusedStreamTest, ::testing::ValuesIn(kRefused), [](const auto&) { return "OnDisk"; });

}  // namespace
}  // namespace zverse::platform
