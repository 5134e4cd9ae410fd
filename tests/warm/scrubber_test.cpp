// Goal:    the scrubber looks at every segment in its turn, at the rate it is told, begins where the clock says, lets
//          go of what a merge has replaced, and never stops anything.
// Method:  a cold tier of a few stripes; steps by hand, and through a mover.
#include <support/mover_parts.h>
#include <support/seed.h>

#include <warm/scrubber.h>

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using warm::Mover;
using warm::Scrubber;
using warm::ScrubRate;

constexpr ScrubRate kFast{.average = std::uint64_t{1} << 40, .limit = 0};

class ScrubberTest : public ::testing::Test {
protected:
    /// Live segments of about 1.3 MiB.
    void make_stripes(int count) {
        Mover mover(parts.workplace(), {.fan_in = 1000, .has_workers = false});
        for (int i = 0; i < count; ++i) {
            parts.put_large("stripe" + std::to_string(i) + "-", 40);
            must(mover.flush(true));
        }
    }
    [[nodiscard]] std::uint64_t bytes() {
        std::uint64_t bytes = 0;
        for (const auto& component : parts.cold().tree()->all()) bytes += component->bytes();
        return bytes;
    }
    static void pass(Scrubber& scrubber, std::uint64_t segments) {
        while (scrubber.figures().segments < segments || scrubber.figures().memory_bytes > 0) {
            (void)scrubber.step(kFast);
        }
    }

    MoverParts parts;
    platform::FileIo& io = parts.workplace().io;
};

TEST_F(ScrubberTest, LooksAtEachSegmentOnceAPass) {
    make_stripes(3);
    Scrubber scrubber(parts.cold(), io, 0);
    pass(scrubber, 3);
    EXPECT_GE(scrubber.figures().bytes, bytes() / 100 * 99) << "all but what pads";
    EXPECT_EQ(scrubber.figures().records, 120U);
    pass(scrubber, 6);
    EXPECT_EQ(scrubber.figures().records, 240U);
    EXPECT_TRUE(scrubber.found().clean());
    EXPECT_EQ(scrubber.found().records, 240U);
}

TEST_F(ScrubberTest, KeepsToItsRate) {
    make_stripes(2);
    const auto time_of_pass = [&](const ScrubRate& rate) {
        Scrubber scrubber(parts.cold(), io, 0);
        std::chrono::nanoseconds time{0};
        while (scrubber.figures().records < 80 || scrubber.figures().memory_bytes > 0) time += scrubber.step(rate);
        return std::chrono::duration<double>(time).count();
    };
    const auto all = static_cast<double>(bytes());
    const double slow = time_of_pass({.average = 1000, .limit = 0});
    EXPECT_GE(slow, all / 1000 * 0.95);
    EXPECT_LE(slow, all / 1000 * 1.1);
    const double limited = time_of_pass({.average = 1'000'000'000, .limit = 80'000});
    EXPECT_GE(limited, all / 10'000 * 0.9) << "an eighth of what the background may";
    const double usual = time_of_pass({});
    const double period = std::chrono::duration<double>(Scrubber::kPeriod).count();
    EXPECT_GE(usual, period * 0.9);
    EXPECT_LE(usual, period * 1.2);
}

TEST_F(ScrubberTest, BeginsWhereTheClockSays) {
    make_stripes(4);
    const auto first_offset = [&](std::int64_t seconds) {
        Scrubber scrubber(parts.cold(), io, seconds * 1'000'000'000);
        parts.failures->fail_reads = true;
        (void)scrubber.step(kFast);
        parts.failures->fail_reads = false;
        return scrubber.found().findings.at(0).file;
    };
    const std::int64_t period = Scrubber::kPeriod.count();
    const std::string first = first_offset(0);
    EXPECT_EQ(first_offset(7 * period), first);
    EXPECT_NE(first_offset(period / 2), first);
    EXPECT_NE(first_offset(period / 2), first_offset(period - 1));
    EXPECT_EQ(first_offset(period / 2), first_offset(period / 2 + 60));
}

TEST_F(ScrubberTest, AReadThatFailsIsAFindingUntilItWorksAgain) {
    make_stripes(2);
    Scrubber scrubber(parts.cold(), io, 0);
    parts.failures->fail_reads = true;
    for (int i = 0; i < 20; ++i) (void)scrubber.step(kFast);
    EXPECT_EQ(scrubber.figures().corrupt_segments, 2U);
    ASSERT_FALSE(scrubber.found().clean());
    EXPECT_EQ(scrubber.found().findings.at(0).code, "ZV-IO-001");
    const std::uint64_t findings = scrubber.figures().findings;
    parts.failures->fail_reads = false;
    for (int i = 0; i < 20; ++i) (void)scrubber.step(kFast);
    EXPECT_EQ(scrubber.figures().corrupt_segments, 0U);
    EXPECT_TRUE(scrubber.found().clean());
    EXPECT_EQ(scrubber.figures().findings, findings) << "what was counted stays so";
}

TEST_F(ScrubberTest, LetsGoOfWhatAMergeReplaced) {
    make_stripes(4);
    Scrubber scrubber(parts.cold(), io, 0);
    (void)scrubber.step(kFast);
    EXPECT_GT(scrubber.figures().memory_bytes, 0U) << "in the midst of a segment";
    Mover mover(parts.workplace(), {.has_workers = false});
    must(mover.compact());
    (void)scrubber.step(kFast);
    EXPECT_EQ(scrubber.figures().segments, 2U) << "the first step of what is there now";
    EXPECT_EQ(scrubber.figures().records, 0U);
    pass(scrubber, 2);
    EXPECT_EQ(scrubber.figures().records, 160U);
    EXPECT_TRUE(scrubber.found().clean());
}

TEST_F(ScrubberTest, NothingThereIsNothingToDo) {
    Scrubber scrubber(parts.cold(), io, 0);
    EXPECT_EQ(scrubber.step(kFast), 1s);
    EXPECT_EQ(scrubber.figures().segments, 0U);
}

/// Its place is the last: a flush and merges go on beside it, and a mover with nothing else to do comes to an end.
TEST_F(ScrubberTest, StepsAreJobsOfTheMover) {
    make_stripes(2);
    {
        Mover without(parts.workplace(), {.has_workers = false});
        for (int i = 0; i < 20; ++i) EXPECT_EQ(without.work(), Mover::Worked::no);
        EXPECT_EQ(without.scrubber().figures().segments, 0U);
    }
    {
        Mover later(parts.workplace(), {.scrub = kFast, .scrub_begins = 1h, .has_workers = false});
        for (int i = 0; i < 20; ++i) EXPECT_EQ(later.work(), Mover::Worked::no);
    }
    Mover mover(parts.workplace(), {.scrub = kFast, .has_workers = false});
    while (mover.scrubber().figures().segments < 5) {
        parts.put("key", "value");
        must(mover.flush(true));
    }
    EXPECT_GE(mover.figures().flushes, 1U);
    EXPECT_TRUE(mover.scrubber().found().clean());
}

}  // namespace
}  // namespace zverse::test
