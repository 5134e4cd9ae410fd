// Goal:    Waiting writers are served in the order they came, whoever gives up passes the turn on, and nobody sleeps
//          through a wake.
// Method:  Threads that join one after the other, each seen in the queue before the next comes.
#include <hot/space_queue.h>
#include <support/threads.h>

#include <gtest/gtest.h>

namespace zverse::test {
namespace {

using hot::SpaceQueue;
using Clock = std::chrono::steady_clock;
constexpr auto kLong = std::chrono::seconds(10);

TEST(SpaceQueue, TriesAtOnceAndNeedsNoWakeWhenThereIsSpace) {
    SpaceQueue queue;
    EXPECT_TRUE(queue.empty());
    int attempts = 0;
    const auto outcome = queue.wait(Clock::now() + kLong, [&] { return ++attempts == 1; });
    EXPECT_EQ(outcome, SpaceQueue::Outcome::done);
    EXPECT_TRUE(queue.empty());
}

TEST(SpaceQueue, TimesOutAndTriesOnceEvenWithoutTime) {
    SpaceQueue queue;
    int attempts = 0;
    EXPECT_EQ(queue.wait(Clock::now(), [&] { return ++attempts == 2; }), SpaceQueue::Outcome::timed_out);
    EXPECT_EQ(attempts, 1);
    EXPECT_TRUE(queue.empty());
}

TEST(SpaceQueue, AMovementDuringTheAttemptIsNotMissed) {
    SpaceQueue queue;
    int attempts = 0;
    const auto outcome = queue.wait(Clock::now() + kLong, [&] {
        if (++attempts == 1) queue.wake_first();  // the space came just after we looked
        return attempts == 2;
    });
    EXPECT_EQ(outcome, SpaceQueue::Outcome::done);
}

TEST(SpaceQueue, ServesInOrderOfArrival) {
    SpaceQueue queue;
    constexpr int kWaiters = 5;
    std::atomic<int> space{0}, tries_of_first{0};
    std::mutex mutex;
    std::vector<int> order;
    std::vector<std::jthread> threads;
    std::atomic<int> joined{0};
    for (int i = 0; i < kWaiters; ++i) {
        threads.emplace_back([&, i] {
            joined.fetch_add(1);
            const auto outcome = queue.wait(Clock::now() + kLong, [&] {
                tries_of_first.fetch_add(1);
                int have = space.load();
                while (have > 0 && !space.compare_exchange_weak(have, have - 1)) {}
                if (have > 0) {
                    const std::scoped_lock lock(mutex);
                    order.push_back(i);
                }
                return have > 0;
            });
            EXPECT_EQ(outcome, SpaceQueue::Outcome::done);
        });
        // The first shows that it is in the queue by trying; the others join behind it and do not try.
        while (joined.load() != i + 1 || (i == 0 && tries_of_first.load() == 0)) std::this_thread::yield();
        if (i > 0) {
            while (queue.size() != static_cast<std::uint32_t>(i) + 1) std::this_thread::yield();
        }
    }
    EXPECT_EQ(tries_of_first.load(), 1) << "only the first in the queue tries";
    for (int i = 0; i < kWaiters; ++i) {
        space.fetch_add(1);
        queue.wake_first();
    }
    threads.clear();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_TRUE(queue.empty());
}

TEST(SpaceQueue, WhoeverGivesUpPassesTheTurnOn) {
    SpaceQueue queue;
    std::atomic<bool> first_tried{false}, second_done{false};
    std::jthread first([&] {
        EXPECT_EQ(queue.wait(Clock::now() + std::chrono::milliseconds(200),
                             [&] {
                                 first_tried.store(true);
                                 return false;
                             }),
                  SpaceQueue::Outcome::timed_out);
    });
    while (!first_tried.load()) std::this_thread::yield();
    std::jthread second([&] {
        // Nobody calls wake_first(): the turn must come from the first one's end.
        EXPECT_EQ(queue.wait(Clock::now() + kLong, [&] { return true; }), SpaceQueue::Outcome::done);
        second_done.store(true);
    });
    second.join();
    EXPECT_TRUE(second_done.load());
}

TEST(SpaceQueue, CancelEndsEveryWaitNowAndLater) {
    SpaceQueue queue;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back(
            [&] { EXPECT_EQ(queue.wait(Clock::now() + kLong, [] { return false; }), SpaceQueue::Outcome::cancelled); });
    }
    while (queue.size() != 3) std::this_thread::yield();
    queue.cancel_all();
    threads.clear();
    EXPECT_EQ(queue.wait(Clock::now() + kLong, [] { return false; }), SpaceQueue::Outcome::cancelled);
}

}  // namespace
}  // namespace zverse::test
