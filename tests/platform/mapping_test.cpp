// Goal:    a mapping is where and what it says: aligned, writable through to the file, of the granularity the medium
//          has or the test forced, and honest about huge pages.
// Method:  files on the disk's file system and on tmpfs; libpmem2's own override stands in for real media.
#include <platform/file_io.h>
#include <platform/mapping.h>
#include <platform/mapping_facts.h>

#include <support/results.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <zverse_config.h>

namespace zverse::platform {
namespace {

using test::expect_error;
using test::must;

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

bool aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % (2 * kMegabyte) == 0; }

class MappingTest : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        std::string name = std::string(GetParam()) + "/zverse-mapping-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) GTEST_SKIP() << GetParam() << ": " << std::strerror(errno);
        directory = name;
    }
    void TearDown() override {
        unsetenv("PMEM2_FORCE_GRANULARITY");
        std::error_code ignored;
        if (!directory.empty()) std::filesystem::remove_all(directory, ignored);
    }
    /// A request for the whole of a new file.
    MappingRequest of_new_file(std::size_t bytes) {
        file = must(io->create_zeroed(directory / "ring", bytes));
        MappingRequest request;
        request.path = file->path();
        request.descriptor = file->descriptor();
        request.bytes = bytes;
        return request;
    }
    std::string file_text(std::size_t bytes, std::uint64_t offset) {
        std::string text(bytes, '?');
        must(file->read_exact(std::as_writable_bytes(std::span(text)), offset));
        return text;
    }

    std::filesystem::path directory;
    std::unique_ptr<FileIo> io = make_posix_file_io();
    std::unique_ptr<File> file;
};

TEST_P(MappingTest, IsAlignedSharedAndSynced) {
    for (const std::size_t bytes : {2 * kMegabyte, 5 * kMegabyte + 4096}) {
        const Mapping mapping = must(Mapping::map(of_new_file(bytes)));
        ASSERT_EQ(mapping.bytes().size(), bytes);
        EXPECT_TRUE(aligned(mapping.bytes().data()));
        EXPECT_TRUE(std::ranges::all_of(mapping.bytes(), [](std::byte b) { return b == std::byte{0}; }));
        std::memcpy(mapping.bytes().data() + bytes - 3, "end", 3);
        must(mapping.domain().sync(mapping.bytes().data() + bytes - 3, 3));
        EXPECT_EQ(file_text(3, bytes - 3), "end");
        file.reset();
        EXPECT_EQ(std::memcmp(mapping.bytes().data() + bytes - 3, "end", 3), 0) << "the mapping outlives the File";
        std::filesystem::remove(directory / "ring");
    }
}

TEST_P(MappingTest, OrdinaryFilesHavePageGranularityAndSayWhy) {
    const Mapping mapping = must(Mapping::map(of_new_file(2 * kMegabyte)));
    if (mapping.found() != Granularity::page) GTEST_SKIP() << GetParam() << " is persistent memory";
    EXPECT_EQ(mapping.used(), Granularity::page);
    EXPECT_FALSE(mapping.dax());
    EXPECT_FALSE(mapping.why_not().empty());
    std::printf("%s: %s\n", GetParam(), mapping.why_not().c_str());
    EXPECT_EQ(mapping.domain().granularity(), Granularity::page);
    EXPECT_EQ(mapping.domain().flush_kind(), FlushKind::none);
}

TEST_P(MappingTest, GranularityIsForced) {
    MappingRequest request = of_new_file(2 * kMegabyte);
    for (const auto& [name, granularity, flush] : {std::tuple{"byte", Granularity::byte, FlushKind::none},
                                                   std::tuple{"cache_line", Granularity::cache_line, best_flush_kind()},
                                                   std::tuple{"page", Granularity::page, FlushKind::none}}) {
        request.force_granularity = name;
        const Mapping mapping = must(Mapping::map(request));
        EXPECT_EQ(mapping.used(), granularity);
        EXPECT_EQ(mapping.domain().granularity(), granularity);
        EXPECT_EQ(mapping.domain().flush_kind(), flush);
        std::memcpy(mapping.bytes().data(), name, 4);
        mapping.domain().persist(mapping.bytes().data(), 4);
        EXPECT_EQ(file_text(4, 0), std::string(name, 4));
    }
    request.force_granularity = "line";
    expect_error(Mapping::map(request), ErrorCode::invalid_argument, "\"line\"");
}

TEST_P(MappingTest, BelievesLibpmem2) {
    if (ZVERSE_HAVE_PMEM2 == 0) GTEST_SKIP() << "built without libpmem2";
    MappingRequest request = of_new_file(6 * kMegabyte);
    for (const auto& [name, granularity] :
         {std::pair{"BYTE", Granularity::byte}, std::pair{"CACHE_LINE", Granularity::cache_line},
          std::pair{"PAGE", Granularity::page}}) {
        setenv("PMEM2_FORCE_GRANULARITY", name, 1);
        for (const bool private_copy : {false, true}) {
            request.private_copy = private_copy;
            const Mapping mapping = must(Mapping::map(request));
            EXPECT_EQ(mapping.found(), granularity) << name;
            EXPECT_EQ(mapping.used(), granularity) << name;
            EXPECT_EQ(mapping.why_not().empty(), granularity == Granularity::byte);
            EXPECT_TRUE(aligned(mapping.bytes().data())) << name;
            EXPECT_FALSE(mapping.dax()) << "forced, and no DAX: MAP_SYNC is read back from the kernel";
            ASSERT_EQ(mapping.bytes().size(), request.bytes);
            const std::byte letter{static_cast<unsigned char>(private_copy ? 'p' : name[0])};
            mapping.bytes()[77] = letter;
            must(mapping.domain().sync(mapping.bytes().data() + 77, 1));
            EXPECT_EQ(file_text(1, 77), std::string(name, 1)) << "the shared mapping's letter, not the copy's";
        }
    }
}

TEST_P(MappingTest, ForcedDownFromWhatLibpmem2Found) {
    if (ZVERSE_HAVE_PMEM2 == 0) GTEST_SKIP() << "built without libpmem2";
    setenv("PMEM2_FORCE_GRANULARITY", "BYTE", 1);
    MappingRequest request = of_new_file(2 * kMegabyte);
    request.force_granularity = "page";
    const Mapping mapping = must(Mapping::map(request));
    EXPECT_EQ(mapping.found(), Granularity::byte);
    EXPECT_EQ(mapping.used(), Granularity::page);
    must(mapping.domain().sync(mapping.bytes().data() + 4097, 100));
}

TEST_P(MappingTest, PrivateCopyOfAReadOnlyFileChangesNothing) {
    MappingRequest request = of_new_file(3 * kMegabyte);
    file = must(io->open(directory / "ring", OpenMode::read));
    request.descriptor = file->descriptor();
    expect_error(Mapping::map(request), ErrorCode::io, (directory / "ring").string());
    request.private_copy = true;
    const Mapping mapping = must(Mapping::map(request));
    std::memset(mapping.bytes().data(), 'x', mapping.bytes().size());
    must(mapping.domain().sync(mapping.bytes().data(), mapping.bytes().size()));
    EXPECT_EQ(file_text(1, 0), std::string(1, '\0'));
    EXPECT_EQ(file_text(1, 3 * kMegabyte - 1), std::string(1, '\0'));
}

TEST_P(MappingTest, EveryPageIsFaultedIn) {
    if (test::kSanitized) GTEST_SKIP() << "the sanitizer's own memory faults, too";
    const Mapping mapping = must(Mapping::map(of_new_file(4 * kMegabyte)));
    rusage before = {}, after = {};
    getrusage(RUSAGE_SELF, &before);
    unsigned sum = 0;
    for (std::size_t at = 0; at < mapping.bytes().size(); at += 4096)
        sum += std::to_integer<unsigned>(mapping.bytes()[at]);
    getrusage(RUSAGE_SELF, &after);
    EXPECT_EQ(sum, 0U);
    EXPECT_LT(after.ru_minflt - before.ru_minflt, 20) << "1024 pages were to be there already";
}

TEST_P(MappingTest, SaysTheTruthAboutHugePages) {
    MappingRequest request = of_new_file(8 * kMegabyte);
    request.force_granularity = "cache_line";
    const Mapping mapping = must(Mapping::map(request));
    const MappingFacts facts = mapping_facts(mapping.bytes().data());
    EXPECT_EQ(mapping.huge_pages(), facts.huge_bytes >= 4 * kMegabyte);
    EXPECT_EQ(mapping.huge_pages(), mapping.huge_why_not().empty());
    std::printf("%s: %zu KiB of 8192 by huge pages %s\n", GetParam(), facts.huge_bytes / 1024,
                mapping.huge_why_not().c_str());
}

/// What this process caused to be written to media so far.
std::uint64_t bytes_written() {
    std::ifstream io("/proc/self/io");
    for (std::string name; io >> name;) {
        std::uint64_t value = 0;
        io >> value;
        if (name == "write_bytes:") return value;
    }
    return 0;
}

/// Bytes that a sync of one changed line writes, on average over lines all over the mapping.
std::uint64_t bytes_per_sync(const Mapping& mapping) {
    constexpr std::uint64_t kSyncs = 16;
    const std::uint64_t before = bytes_written();
    for (std::uint64_t i = 0; i < kSyncs; ++i) {
        std::byte* line = mapping.bytes().data() + i * (mapping.bytes().size() / kSyncs);
        line[0] ^= std::byte{1};
        must(mapping.domain().sync(line, 64));
    }
    return (bytes_written() - before) / kSyncs;
}

TEST_P(MappingTest, ASyncWritesThePagesThatChanged) {
    constexpr std::size_t kBytes = 8 * kMegabyte;
    MappingRequest request = of_new_file(kBytes);
    Mapping fresh = must(Mapping::map(request));
    if (fresh.used() != Granularity::page) GTEST_SKIP() << GetParam() << " is persistent memory";
    const std::uint64_t when_new = bytes_per_sync(fresh);
    fresh = Mapping();
    // As after a boot: nothing of it is in the page cache.
    ASSERT_EQ(posix_fadvise(file->descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
    const Mapping again = must(Mapping::map(request));
    const std::uint64_t when_read = bytes_per_sync(again);
    std::printf("%s: a sync of one line writes %lu bytes of a new file, %lu of one read again\n", GetParam(), when_new,
                when_read);
    EXPECT_LE(when_new, 16'384U) << "create_zeroed() left large pieces in the page cache";
    EXPECT_LE(when_read, 16'384U) << "mapping read large pieces into the page cache";
}

TEST_P(MappingTest, MovesAndEmpties) {
    Mapping first = must(Mapping::map(of_new_file(kMegabyte)));
    const void* where = first.bytes().data();
    Mapping second = std::move(first);
    EXPECT_EQ(second.bytes().data(), where);
    EXPECT_TRUE(first.bytes().empty());  // NOLINT(bugprone-use-after-move): that it is empty is the contract
    EXPECT_FALSE(second.huge_pages());
    EXPECT_FALSE(second.huge_why_not().empty());
    second = Mapping();
    EXPECT_FALSE(mapping_facts(where).known) << "unmapped";
}

TEST_P(MappingTest, ShortAndBrokenFilesAreErrors) {
    MappingRequest request = of_new_file(kMegabyte);
    request.bytes = kMegabyte + 1;
    expect_error(Mapping::map(request), ErrorCode::corrupt, "ends at 1048576");
    request.bytes = 0;
    expect_error(Mapping::map(request), ErrorCode::invalid_argument, "ring");
    request.bytes = kMegabyte;
    request.descriptor = -1;
    const auto bad = Mapping::map(request);
    expect_error(bad, ErrorCode::io, "ring");
    EXPECT_EQ(bad.error().os_errno(), EBADF);
    auto folder = must(io->open(directory, OpenMode::read));
    request.descriptor = folder->descriptor();
    request.bytes = 1;
    EXPECT_FALSE(Mapping::map(request).has_value()) << "a directory can't be mapped";
}

TEST_P(MappingTest, NoAddressSpaceIsFull) {
    if (test::kSanitized) GTEST_SKIP() << "sanitizers need all the address space";
    const MappingRequest request = of_new_file(64 * kMegabyte);
    rlimit before = {};
    ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
    const rlimit little{32 * kMegabyte, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_AS, &little), 0);
    const auto mapped = Mapping::map(request);
    const auto allocated = AnonymousMemory::allocate(64 * kMegabyte);
    setrlimit(RLIMIT_AS, &before);
    expect_error(mapped, ErrorCode::full);
    EXPECT_EQ(mapped.error().os_errno(), ENOMEM);
    expect_error(allocated, ErrorCode::full);
}

INSTANTIATE_TEST_SUITE_P(On, MappingTest, ::testing::Values("/tmp", "/dev/shm"), [](const auto& one) {
    return std::string(one.param) == "/tmp" ? std::string("tmp") : std::string("shm");
});

TEST(AnonymousMemoryTest, IsZeroedAlignedAndOwned) {
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, std::size_t{5000}, 2 * kMegabyte, 7 * kMegabyte + 3}) {
        AnonymousMemory memory = must(AnonymousMemory::allocate(bytes));
        ASSERT_EQ(memory.bytes().size(), bytes);
        EXPECT_TRUE(std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{0}; }));
        std::ranges::fill(memory.bytes(), std::byte{7});
        EXPECT_TRUE(bytes < 2 * kMegabyte || aligned(memory.bytes().data()));
        const void* where = memory.bytes().data();
        AnonymousMemory moved = std::move(memory);
        EXPECT_EQ(moved.bytes().data(), where);
        EXPECT_TRUE(memory.bytes().empty());  // NOLINT(bugprone-use-after-move)
        moved = AnonymousMemory();
        EXPECT_TRUE(bytes < 2 * kMegabyte || !mapping_facts(where).known) << "unmapped";
    }
}

TEST(AnonymousMemoryTest, TooMuchIsFull) {
    expect_error(AnonymousMemory::allocate(~std::size_t{0}), ErrorCode::full);
    expect_error(AnonymousMemory::allocate(std::size_t{1} << 62), ErrorCode::full);
}

}  // namespace
}  // namespace zverse::platform
