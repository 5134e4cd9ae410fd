// Goal:    those who share a rate move no more than it allows together; idle time is not made up for.
// Method:  a clock by hand; threads that take at once.
#include <warm/byte_rate.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using warm::ByteRate;

constexpr ByteRate::Clock::time_point kStart(1h);

TEST(ByteRate, EachTakesTheTimeBehindThoseBefore) {
    ByteRate rate(1000);
    EXPECT_EQ(rate.take(500, kStart), kStart + 500ms);
    EXPECT_EQ(rate.take(250, kStart), kStart + 750ms) << "another one at the same moment";
    EXPECT_EQ(rate.take(1000, kStart + 750ms), kStart + 1750ms);
}

TEST(ByteRate, TimeInWhichNobodyTookIsGone) {
    ByteRate rate(1000);
    EXPECT_EQ(rate.take(500, kStart), kStart + 500ms);
    EXPECT_EQ(rate.take(500, kStart + 10s), kStart + 10s + 500ms);
}

TEST(ByteRate, NoneIsNoLimit) {
    ByteRate rate(0);
    EXPECT_EQ(rate.take(1'000'000'000, kStart), kStart);
    EXPECT_EQ(rate.take(1, kStart), kStart);
}

TEST(ByteRate, ThreadsNeverGetTheSameTime) {
    constexpr int kThreads = 4, kTakes = 2000;
    ByteRate rate(1000);
    std::vector<ByteRate::Clock::time_point> ends(static_cast<std::size_t>(kThreads) * kTakes);
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([&, thread] {
                for (int i = 0; i < kTakes; ++i)
                    ends[static_cast<std::size_t>(thread) * kTakes + i] = rate.take(1, kStart);
            });
        }
    }
    std::ranges::sort(ends);
    for (std::size_t i = 0; i < ends.size(); ++i) ASSERT_EQ(ends[i], kStart + (i + 1) * 1ms);
}

}  // namespace
}  // namespace zverse::test
