// Goal:    a store stays within Options::memory_bytes_max while it is filled, merges, is compacted, and is read in
//          every way.
// Method:  anonymous memory of this process (RssAnon; mappings of files are not in it), looked at every few
//          milliseconds, less what it had before the store was opened. Small records, large ones, and keys that come
//          again, so that every part of the budget has something to do. ZVERSE_MEMORY_DATA_MIB and
//          ZVERSE_MEMORY_BUDGET_MIB say how much.
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

std::uint64_t anonymous_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) << 10;
    }
    return 0;
}

/// The most that the process had since the last phase began.
class MemoryWatch {
public:
    MemoryWatch() : before_(anonymous_bytes()) {
        thread_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                const std::uint64_t now = anonymous_bytes();
                // relaxed: one writer, and a figure.
                if (now > peak_.load(std::memory_order_relaxed)) peak_.store(now, std::memory_order_relaxed);
                std::this_thread::sleep_for(3ms);
            }
        });
    }
    std::uint64_t take_peak() {
        const std::uint64_t peak = std::max(peak_.exchange(0), anonymous_bytes());
        return peak - std::min(peak, before_);
    }

private:
    const std::uint64_t before_;
    std::atomic<std::uint64_t> peak_{0};
    std::jthread thread_;
};

class MemoryTest : public ::testing::Test {
protected:
    void open() {
        Options options;
        options.force_granularity = "cache_line";
        options.memory_bytes_max = budget_;
        options.shards = 2;
        options.ring_bytes = budget_ >= 256 * kMiB ? 32 * kMiB : 4 * kMiB;
        options.value_bytes_max = 256 << 10;
        options.write_timeout = 60s;
        store_.emplace(must(Store::open(directory_ / "store", options)));
    }
    /// Keys that come again now and then; most values small, some of hundreds of bytes, few beside their block.
    void fill(std::uint64_t seed, std::uint64_t bytes) {
        Random random(seed);
        const std::uint64_t keys = bytes / usual_ + 1;
        for (std::uint64_t written = 0; written < bytes;) {
            const std::string key = "key" + std::to_string(random.below(keys));
            const std::uint64_t length = random.one_in(2000) ? random.between(4097, 200'000)
                                         : random.one_in(8)  ? random.below(20)
                                                             : random.between(100, usual_);
            must(store_->put(key, std::string(length, static_cast<char>('a' + written % 26))));
            written += key.size() + length;
        }
    }
    void expect_within(const char* phase) {
        const std::uint64_t peak = watch_.take_peak();
        std::printf("%-12s %6.1f MiB of %.0f\n", phase, static_cast<double>(peak) / kMiB,
                    static_cast<double>(budget_) / kMiB);
        (void)std::fflush(stdout);  // it may take minutes
        EXPECT_LE(peak, budget_) << phase << '\n' << store_->stats().to_openmetrics();
    }
    static std::uint64_t count(Cursor cursor) {
        std::uint64_t entries = 0;
        while (must(cursor.next())) ++entries;
        return entries;
    }

    const SeedScope seed_;
    const std::uint64_t data_ = environment_number("ZVERSE_MEMORY_DATA_MIB", 256) * kMiB;
    const std::uint64_t budget_ = environment_number("ZVERSE_MEMORY_BUDGET_MIB", 32) * kMiB;
    // Much data would take the memory of the machine.
    const std::uint64_t usual_ = data_ > 1024 * kMiB ? 2000 : 500;  ///< length of values, at most
    const TempDirectory directory_{data_ > 1024 * kMiB ? TempDirectory::Place::disk : TempDirectory::Place::memory};
    MemoryWatch watch_;
    std::optional<Store> store_;
};

TEST_F(MemoryTest, StaysWithinItsBudget) {
    if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory is in the figure";
    open();
    {
        std::vector<std::jthread> writers;
        for (std::uint64_t i = 0; i < 2; ++i) {
            writers.emplace_back([this, i] { fill(seed_.seed() + i, data_ / 2); });
        }
    }
    expect_within("fill");
    must(store_->flush());
    expect_within("flush");
    must(store_->compact());
    expect_within("compact");
    const Version latest = store_->latest_version();
    EXPECT_GT(count(must(store_->scan({}))), 1000U);
    expect_within("scan");
    EXPECT_GT(count(must(store_->scan({}, latest / 2, {.reverse = true}))), 1000U);
    expect_within("as of");
    EXPECT_GT(count(must(store_->changes({latest / 2, latest / 2 + latest / 500}))), latest / 1000);
    expect_within("changes");
    EXPECT_GT(count(must(store_->changes({}))), latest / 2);
    EXPECT_GT(store_->stats().value("zverse_spilled_runs_total"), 20.0);
    expect_within("all changes");
    EXPECT_TRUE(must(store_->verify()).clean());
    expect_within("verify");
    must(store_->close());
    store_.reset();
    open();
    expect_within("open");
    EXPECT_GE(store_->latest_version(), latest);
}

}  // namespace
}  // namespace zverse::test
