// Goal:    wait_newer() returns as soon as latest_version() is above what is known, whatever moved it, and otherwise at
//          its timeout, whatever that is.
// Method:  A thread waits for a minute while another one writes, or keeps the time; far shorter waits count as woken.
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class WaitNewerTest : public ::testing::Test {
protected:
    static engine::Internals stepped() {
        engine::Internals internals;
        internals.stepped_worker = true;
        return internals;
    }
    /// Waits while `act` moves the version; how long that took.
    Clock::duration wait_while(const std::function<void()>& act) {
        const Version known = store_.latest_version();
        Clock::duration waited{};
        std::thread waiter([&] {
            const auto begin = Clock::now();
            EXPECT_GT(must(store_.wait_newer(known, 60s)), known);
            waited = Clock::now() - begin;
        });
        std::this_thread::sleep_for(20ms);
        act();
        waiter.join();
        return waited;
    }

    TempDirectory directory_;
    Store store_ = must(engine::StoreAccess::open(directory_ / "store", small_options(), stepped()));
};

TEST_F(WaitNewerTest, AWriteWakes) {
    EXPECT_LT(wait_while([&] { (void)must(store_.put("key", "value")); }), 10s);
}

TEST_F(WaitNewerTest, ATimeFrameWakes) {
    (void)must(store_.put("key", "value"));
    const auto waited = wait_while([&] {
        const Version before = store_.latest_version();
        // A time frame is due a second after the last one.
        for (int i = 0; i < 300 && store_.latest_version() == before; ++i) {
            if (!must(engine::StoreAccess::step(store_))) std::this_thread::sleep_for(10ms);
        }
    });
    EXPECT_LT(waited, 10s);
}

TEST_F(WaitNewerTest, AVersionThatCommittedNothingWakes) {
    (void)must(store_.put("key", "value"));
    const auto waited = wait_while([&] {
        Transaction transaction = store_.begin();
        transaction.put("key", "loses");
        (void)must(store_.put("key", "wins"));
        expect_error(transaction.commit(), ErrorCode::conflict);
    });
    EXPECT_LT(waited, 10s);
}

TEST_F(WaitNewerTest, ATimeoutInThePastIsNone) {
    const Version latest = store_.latest_version();
    // In nanoseconds the third is beyond 64 bits, and wraps to centuries.
    constexpr std::chrono::milliseconds kFarPast{-9'300'000'000'000};
    for (const auto timeout : {0ms, -1ms, kFarPast, std::chrono::milliseconds::min()}) {
        const auto begin = Clock::now();
        EXPECT_EQ(must(store_.wait_newer(latest, timeout)), latest);
        EXPECT_LT(Clock::now() - begin, 10s) << timeout.count();
    }
}

TEST_F(WaitNewerTest, TheLongestTimeoutWaits) {
    const Version known = store_.latest_version();
    std::thread writer([&] {
        std::this_thread::sleep_for(50ms);
        (void)must(store_.put("key", "value"));
    });
    EXPECT_GT(must(store_.wait_newer(known, std::chrono::milliseconds::max())), known);
    writer.join();
}

}  // namespace
}  // namespace zverse::test
