// Goal:    flush() reaches every line of its range and no other, for every kernel this CPU has; copies are exact;
//          sync() reports what the operating system says.
// Method:  a flush of an inaccessible page faults like a load, so pages without permission around the range show
//          which lines a real kernel touches; the simulated kind is watched by a recorder.
#include <platform/flush_kernels.h>
#include <platform/persist_domain.h>

#include "fault_guard.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace zverse::platform {
namespace {

constexpr std::array kRealKinds{FlushKind::clwb, FlushKind::clflushopt, FlushKind::clflush, FlushKind::dc_cvap,
                                FlushKind::dc_civac};

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

/// Three pages, of which the outer two forbid every access.
class FencedPage {
public:
    FencedPage() {
        void* all = mmap(nullptr, 3 * page_bytes(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) std::abort();
        base_ = static_cast<std::byte*>(all);
        mprotect(begin(), page_bytes(), PROT_READ | PROT_WRITE);
        std::memset(begin(), 0x5A, page_bytes());
    }
    FencedPage(const FencedPage&) = delete;
    FencedPage& operator=(const FencedPage&) = delete;
    ~FencedPage() { munmap(base_, 3 * page_bytes()); }

    [[nodiscard]] std::byte* begin() const { return base_ + page_bytes(); }
    [[nodiscard]] std::byte* end() const { return begin() + page_bytes(); }

private:
    std::byte* base_ = nullptr;
};

struct Event {
    enum class What { flush, drain, sync } what;
    const void* address;
    std::size_t bytes;
    friend bool operator==(const Event&, const Event&) = default;
};

class Recorder : public PersistObserver {
public:
    void on_flush(const void* address, std::size_t bytes) noexcept override {
        events.push_back({Event::What::flush, address, bytes});
    }
    void on_drain() noexcept override { events.push_back({Event::What::drain, nullptr, 0}); }
    Result<void> on_sync(const void* address, std::size_t bytes) noexcept override {
        events.push_back({Event::What::sync, address, bytes});
        if (fail_sync) return std::unexpected(Error(ErrorCode::io, "simulated sync failure", EIO));
        return {};
    }

    std::vector<Event> events;
    bool fail_sync = false;
};

/// Calls check(domain, kind) for each real flush kind of this CPU, in the test's own assertions.
template <class Check>
void for_each_real_kind(Check&& check) {
    std::string ran;
    for (const FlushKind kind : kRealKinds) {
        if (!flush_kind_supported(kind)) continue;
        SCOPED_TRACE(to_string(kind));
        ran += std::string(ran.empty() ? "" : ", ") + to_string(kind);
        check(PersistDomain(Granularity::cache_line, kind));
    }
    std::printf("flush kinds run: %s\n", ran.empty() ? "none" : ran.c_str());
    EXPECT_EQ(ran.empty(), best_flush_kind() == FlushKind::none);
}

TEST(FlushKinds, BestIsSupportedAndNamed) {
    EXPECT_TRUE(flush_kind_supported(best_flush_kind()));
    EXPECT_TRUE(flush_kind_supported(FlushKind::none));
    EXPECT_FALSE(flush_kind_supported(FlushKind::simulated));
    EXPECT_STREQ(to_string(FlushKind::clwb), "clwb");
    EXPECT_STREQ(to_string(FlushKind::dc_civac), "dc_civac");
    EXPECT_STREQ(to_string(FlushKind::simulated), "simulated");
#if defined(__x86_64__)
    EXPECT_TRUE(flush_kind_supported(FlushKind::clflush)) << "every x86-64 CPU has clflush";
#elif defined(__aarch64__)
    EXPECT_TRUE(flush_kind_supported(FlushKind::dc_civac));
#endif
}

TEST(Flush, StaysInsideItsRangeForEveryStartAndLength) {
    const FencedPage page;
    for_each_real_kind([&](const PersistDomain& domain) {
        for (std::size_t start = 0; start < kCacheLineBytes; ++start) {
            for (std::size_t length = 0; length <= 3 * kCacheLineBytes; ++length) {
                const auto fault = testing::fault_of([&] {
                    domain.flush(page.begin() + start, length);
                    domain.flush(page.end() - start - length, length);
                    domain.drain();
                });
                ASSERT_FALSE(fault.has_value()) << "start " << start << ", length " << length;
            }
        }
    });
}

#if defined(__x86_64__)  // dc civac under qemu-user does not check permissions

TEST(Flush, ReachesTheLastLineFromEveryStartOffset) {
    const FencedPage page;
    for_each_real_kind([&](const PersistDomain& domain) {
        for (std::size_t start = 1; start <= 3 * kCacheLineBytes; ++start) {
            // One byte beyond the page: stepping 64 bytes from an unaligned start would miss its line.
            const auto fault = testing::fault_of([&] { domain.flush(page.end() - start, start + 1); });
            ASSERT_TRUE(fault.has_value()) << "range ending 1 byte after the page, starting " << start << " before";
            ASSERT_EQ(*fault, reinterpret_cast<std::uintptr_t>(page.end()));
        }
    });
}

TEST(Flush, ReachesTheFirstLineWhateverItsOffset) {
    const FencedPage page;
    for_each_real_kind([&](const PersistDomain& domain) {
        for (std::size_t before = 1; before <= kCacheLineBytes; ++before) {
            const auto fault = testing::fault_of([&] { domain.flush(page.begin() - before, before + 1); });
            ASSERT_TRUE(fault.has_value()) << before;
            ASSERT_LT(*fault, reinterpret_cast<std::uintptr_t>(page.begin()));
        }
    });
}

#endif

TEST(Flush, NoneTouchesNothing) {
    const FencedPage page;
    const PersistDomain domain(Granularity::byte, FlushKind::none);
    EXPECT_FALSE(testing::fault_of([&] { domain.flush(page.begin() - 64, 4096 + 128); }).has_value());
}

TEST(Simulated, TellsTheObserverEachFlushAndDrainAsItWasAsked) {
    Recorder recorder;
    const PersistDomain domain(Granularity::cache_line, recorder);
    alignas(64) std::array<std::byte, 512> memory{};
    for (std::size_t start = 0; start < 64; ++start) {
        for (const std::size_t length :
             {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, std::size_t{128}, std::size_t{129}}) {
            recorder.events.clear();
            domain.persist(memory.data() + start, length);
            const std::vector<Event> expected{{Event::What::flush, memory.data() + start, length},
                                              {Event::What::drain, nullptr, 0}};
            ASSERT_EQ(recorder.events, expected) << "start " << start << ", length " << length;
        }
    }
    recorder.events.clear();
    domain.flush(memory.data(), 0);
    EXPECT_TRUE(recorder.events.empty()) << "an empty range has no line";
}

TEST(Simulated, SyncIsTheObserversAnswer) {
    for (const Granularity granularity : {Granularity::byte, Granularity::cache_line, Granularity::page}) {
        Recorder recorder;
        const PersistDomain domain(granularity, recorder);
        int word = 0;
        EXPECT_TRUE(domain.sync(&word, sizeof word).has_value());
        recorder.fail_sync = true;
        const auto failed = domain.sync(&word, sizeof word);
        ASSERT_FALSE(failed.has_value());
        EXPECT_EQ(failed.error().os_errno(), EIO);
        EXPECT_EQ(recorder.events.size(), 2U);
    }
}

TEST(CopyFlushed, SimulatedCopiesThenFlushesTheWholeTarget) {
    Recorder recorder;
    const PersistDomain domain(Granularity::cache_line, recorder);
    alignas(64) std::array<char, 2048> target{};
    std::array<char, 2048> source{};
    source.fill('s');
    domain.copy_flushed(target.data(), source.data(), 1500);
    EXPECT_EQ(std::string(target.data(), 1500), std::string(1500, 's'));
    EXPECT_EQ(target[1500], '\0');
    // Whole lines and the ragged rest are two flushes; no drain: that is the caller's.
    const std::vector<Event> expected{{Event::What::flush, target.data(), 1472},
                                      {Event::What::flush, target.data() + 1472, 28}};
    EXPECT_EQ(recorder.events, expected);
}

/// Copies every length around line borders from every source offset, and checks target and its surroundings.
template <class Copy>
void expect_exact_copies(const std::vector<std::size_t>& lengths, Copy&& copy) {
    constexpr std::size_t kGuard = 64;
    std::vector<std::byte> source(8192 + 64);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i * 131 + (i >> 8));
    const FencedPage page;  // line-aligned
    for (const std::size_t length : lengths) {
        ASSERT_LE(length + 2 * kGuard, page_bytes());
        for (std::size_t offset = 0; offset < 64; ++offset) {
            std::memset(page.begin(), 0xEE, length + 2 * kGuard);
            copy(page.begin() + kGuard, source.data() + offset, length);
            ASSERT_EQ(std::memcmp(page.begin() + kGuard, source.data() + offset, length), 0)
                << "length " << length << ", source offset " << offset;
            for (std::size_t i = 0; i < kGuard; ++i) {
                ASSERT_EQ(page.begin()[i], std::byte{0xEE}) << "before the target, length " << length;
                ASSERT_EQ(page.begin()[kGuard + length + i], std::byte{0xEE}) << "after the target, length " << length;
            }
        }
    }
}

std::vector<std::size_t> lengths_around_lines() {
    std::vector<std::size_t> lengths;
    for (std::size_t lines = 0; lines <= 20; ++lines) {
        for (const std::size_t extra : {0U, 1U, 8U, 63U}) lengths.push_back(lines * 64 + extra);
    }
    return lengths;
}

TEST(CopyFlushed, IsExactOnEveryRealDomain) {
    std::vector<PersistDomain> domains{{Granularity::page, FlushKind::none}, {Granularity::byte, FlushKind::none}};
    for (const FlushKind kind : kRealKinds) {
        if (flush_kind_supported(kind)) domains.emplace_back(Granularity::cache_line, kind);
    }
    for (const PersistDomain& domain : domains) {
        SCOPED_TRACE(std::string(to_string(domain.granularity())) + "/" + to_string(domain.flush_kind()));
        expect_exact_copies(lengths_around_lines(), [&](void* target, const void* source, std::size_t bytes) {
            domain.copy_flushed(target, source, bytes);
            domain.drain();
        });
    }
}

TEST(CopyFlushed, EachStreamingCopyIsExact) {
    std::string ran;
    for (const char* name : {"avx512", "avx2", "sse2"}) {
        const CopyLines copy = streaming_copy_named(name);
        if (copy == nullptr) continue;
        SCOPED_TRACE(name);
        ran += std::string(" ") + name;
        expect_exact_copies({0, 64, 128, 192, 1024, 3904}, [&](void* target, const void* source, std::size_t bytes) {
            copy(target, source, bytes);
            PersistDomain(Granularity::byte, FlushKind::none).drain();
        });
    }
    std::printf("streaming copies run:%s\n", ran.empty() ? " none" : ran.c_str());
#if defined(__x86_64__)
    EXPECT_NE(ran.find("sse2"), std::string::npos);
#endif
}

TEST(Sync, PageGranularityWritesAFileThrough) {
    char path[] = "/tmp/zverse-sync-XXXXXX";
    const int file = mkstemp(path);
    ASSERT_GE(file, 0);
    unlink(path);
    ASSERT_EQ(ftruncate(file, static_cast<off_t>(2 * page_bytes())), 0);
    void* mapped = mmap(nullptr, 2 * page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    auto* bytes = static_cast<char*>(mapped);
    const std::string text = "across";
    std::ranges::copy(text, bytes + page_bytes() - 3);
    const PersistDomain domain(Granularity::page, FlushKind::none);
    EXPECT_TRUE(domain.sync(bytes + page_bytes() - 3, text.size()).has_value());
    std::string back(text.size(), '\0');
    ASSERT_EQ(pread(file, back.data(), back.size(), static_cast<off_t>(page_bytes() - 3)),
              static_cast<ssize_t>(back.size()));
    EXPECT_EQ(back, text);
    munmap(mapped, 2 * page_bytes());
    close(file);
}

TEST(Sync, PageGranularityReportsAFailedMsync) {
    const std::size_t page = page_bytes();
    void* mapped = mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    auto* bytes = static_cast<char*>(mapped);
    munmap(bytes + page, page);
    const PersistDomain domain(Granularity::page, FlushKind::none);
    EXPECT_TRUE(domain.sync(bytes + 10, 100).has_value());
    // Only the last byte lies in the hole: the range must be rounded to pages, not cut to them.
    for (const auto& [start, length] : {std::pair{std::size_t{10}, page - 9}, std::pair{page - 1, std::size_t{2}},
                                        std::pair{page + 5, std::size_t{1}}, std::pair{std::size_t{0}, 3 * page}}) {
        const auto result = domain.sync(bytes + start, length);
        ASSERT_FALSE(result.has_value()) << start << " + " << length;
        EXPECT_EQ(result.error().code(), ErrorCode::io);
        EXPECT_EQ(result.error().os_errno(), ENOMEM);
        EXPECT_NE(result.error().message().find("msync of " + std::to_string(length)), std::string::npos)
            << result.error().message();
    }
    munmap(bytes, page);
    munmap(bytes + 2 * page, page);
}

TEST(Sync, LineAndByteGranularityPersistInPlace) {
    alignas(64) std::array<char, 256> memory{};
    for_each_real_kind(
        [&](const PersistDomain& domain) { EXPECT_TRUE(domain.sync(memory.data() + 5, 200).has_value()); });
    EXPECT_TRUE(PersistDomain(Granularity::byte, FlushKind::none).sync(memory.data(), 256).has_value());
}

}  // namespace
}  // namespace zverse::platform
