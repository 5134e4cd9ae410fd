// Goal:    Jobs are taken the most urgent first, one thread at a time, and what a step wrote is seen by the next; a
//          sleeper is woken by a ring that came before it slept.
// Method:  a few threads step a few jobs whose state is plain memory, which TSan and a count both check; an alarm that
//          rings between observe() and sleep().
#include <support/threads.h>

#include <platform/alarm.h>
#include <platform/ready_set.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using platform::Alarm;
using platform::ReadySet;

TEST(ReadySet, GivesTheMostUrgentThatIsAllowed) {
    ReadySet ready;
    EXPECT_EQ(ready.take(), std::nullopt);
    for (const unsigned place : {63U, 5U, 0U, 17U}) ready.post(place);
    EXPECT_EQ(ready.take(~std::uint64_t{1}), 5U);
    EXPECT_EQ(ready.take(), 0U);
    EXPECT_EQ(ready.take(std::uint64_t{1} << 63), 63U);
    EXPECT_EQ(ready.take(std::uint64_t{1} << 63), std::nullopt);
    EXPECT_EQ(ready.take(), 17U);
    EXPECT_EQ(ready.take(), std::nullopt);
}

TEST(ReadySet, AJobHasOneThreadAtATime) {
    constexpr unsigned kJobs = 3;
    constexpr std::uint64_t kSteps = 20'000;
    struct alignas(64) Job {
        std::uint64_t steps = 0;  // plain: only the taker touches it
        std::atomic<int> at_work{0};
    };
    std::array<Job, kJobs> jobs;
    ReadySet ready;
    std::atomic<unsigned> left{kJobs};
    for (unsigned place = 0; place < kJobs; ++place) ready.post(place);
    run_threads(4, [&](std::size_t) {
        while (left.load() > 0) {
            const auto place = ready.take();
            if (!place) {
                std::this_thread::yield();
                continue;
            }
            Job& job = jobs[*place];
            ASSERT_EQ(job.at_work.fetch_add(1), 0) << "two threads have a job";
            ++job.steps;
            job.at_work.fetch_sub(1);
            if (job.steps == kSteps) {
                left.fetch_sub(1);
            } else {
                ready.post(*place);
            }
        }
    });
    for (const Job& job : jobs) EXPECT_EQ(job.steps, kSteps);
}

TEST(Alarm, DoesNotSleepThroughARing) {
    Alarm alarm;
    const std::uint32_t seen = alarm.observe();
    alarm.ring();
    const auto begin = std::chrono::steady_clock::now();
    alarm.wait(seen, 60s);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(Alarm, WakesEverySleeper) {
    Alarm alarm;
    std::atomic<bool> rung{false};
    std::atomic<int> awake{0};
    const auto begin = std::chrono::steady_clock::now();
    run_threads(4, [&](std::size_t thread) {
        if (thread == 0) {
            std::this_thread::sleep_for(20ms);
            rung = true;
            alarm.ring();
            return;
        }
        while (!rung) {
            const std::uint32_t seen = alarm.observe();
            if (!rung) alarm.wait(seen, 60s);
        }
        ++awake;
    });
    EXPECT_EQ(awake, 3);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s) << "one slept until its time was over";
}

TEST(Alarm, TheTimeEnds) {
    Alarm alarm;
    alarm.wait(alarm.observe(), 1ms);
}

}  // namespace
}  // namespace zverse::test
