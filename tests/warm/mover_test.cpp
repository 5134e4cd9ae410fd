// Goal:    The mover decides in the order that mover.h promises, a flush passes its states in theirs, a failure costs a
//          pause and nothing else, and whoever waits is told the end, whatever it is.
// Method:  no workers: the test does one step after another and looks what moved. Threads only ask and wait. A merge
//          that is to stay unfinished has a rate limit that it never comes to the end of.
#include <support/mover_parts.h>
#include <support/seed.h>

#include <warm/flush_job.h>
#include <warm/merge_job.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <thread>

#include <unistd.h>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using warm::Mover;
using warm::MoverOptions;
using Clock = std::chrono::steady_clock;
using Worked = Mover::Worked;

constexpr int kStripe = 14;  // large records: four such stripes are more than one step of a merge
constexpr int kHalf = 36;  // large records: more than half of the ring
constexpr unsigned kHangSeconds = kSanitized ? 240 : 20;
constexpr std::size_t kNever = 1000;  // a fan-in that nothing reaches

class MoverTest : public ::testing::Test {
protected:
    // What hangs dies.
    explicit MoverTest(platform::Granularity granularity = platform::Granularity::byte) : parts(granularity) {
        ::alarm(kHangSeconds);
    }
    ~MoverTest() override {
        if (mover) mover->stop(Error(ErrorCode::closed, "the test is over"));
        for (std::jthread& thread : threads_) thread.join();
        ::alarm(0);
    }

    void start(const MoverOptions& options) { mover = std::make_unique<Mover>(parts.workplace(), options); }
    /// `count` stripes that nothing merges.
    void make_stripes(int count, int records, const std::string& prefix = "stripe") {
        start({.fan_in = kNever, .has_workers = false});
        for (int i = 0; i < count; ++i) {
            parts.put_large(prefix + std::to_string(i) + "-", records);
            must(mover->flush(true));
        }
    }
    /// A merge of four stripes that has begun and never ends.
    void freeze_a_merge() {
        make_stripes(4, kStripe);
        start({.bytes_per_second = 1});
        ASSERT_EQ(mover->work(), Worked::yes);
        ASSERT_EQ(mover->work(), Worked::waiting);
    }
    void work_until(const std::function<bool()>& reached) {
        while (!reached()) (void)mover->work();
    }
    void work_until_idle() {
        while (mover->work() != Worked::no) {}
    }
    /// Calls in a thread of its own, and returns when it has asked the mover: then the alarm has rung.
    using Answer = std::shared_ptr<std::atomic<int>>;  ///< 0: waits; 1: done; else 2 + the error's code
    Answer ask(const std::function<Result<void>()>& call) {
        auto answer = std::make_shared<std::atomic<int>>(0);
        const std::uint32_t seen = mover->alarm().observe();
        threads_.emplace_back([call, answer] {
            const auto result = call();
            *answer = result ? 1 : 2 + static_cast<int>(result.error().code());
        });
        while (mover->alarm().observe() == seen) std::this_thread::yield();
        return answer;
    }
    /// Of a mover that did not flush yet. Returns when what the compaction waits for is nothing but merges.
    Answer ask_for_compaction() {
        const Answer compacted = ask([&] { return mover->compact(); });
        const std::uint32_t seen = mover->alarm().observe();
        work_until([&] { return mover->figures().flushes == 1; });
        while (mover->alarm().observe() - seen < 2) std::this_thread::yield();  // by the flush, and by who asks again
        return compacted;
    }
    static constexpr int failed(ErrorCode code) { return 2 + static_cast<int>(code); }

    MoverParts parts;
    std::unique_ptr<Mover> mover;

private:
    std::vector<std::jthread> threads_;
};

TEST_F(MoverTest, AFlushWaitsForReadersBeforeItMovesHeads) {
    start({});
    const Version last = parts.put_large("key", kHalf);
    const std::uint64_t begin = parts.ring().dead_head.load();
    const std::uint32_t seen = mover->alarm().observe();
    {
        const hot::PinGuard reader(parts.tier().epochs(), parts.tier().slots().mine());
        ASSERT_EQ(mover->work(), Worked::yes);
        EXPECT_NE(mover->alarm().observe(), seen) << "workers that sleep are told";
        work_until([&] { return parts.cut() >= last; });
        EXPECT_TRUE(parts.has_settled("key100"));
        for (int i = 0; i < 100; ++i) ASSERT_EQ(mover->work(), Worked::waiting);
        EXPECT_EQ(parts.ring().dead_head.load(), begin) << "a reader is in the view before";
    }
    const std::int64_t credits = parts.tier().index().credits();
    {
        // It came after the view was shown, and by an entry that dies now.
        const hot::PinGuard reader(parts.tier().epochs(), parts.tier().slots().mine());
        work_until([&] { return parts.ring().dead_head.load() != begin; });
        EXPECT_GT(parts.tier().index().credits(), credits);
        for (int i = 0; i < 100; ++i) (void)mover->work();
        EXPECT_EQ(parts.ring().free_head.load(), begin) << "a reader is in what it found";
    }
    work_until_idle();
    EXPECT_EQ(parts.ring().free_head.load(), parts.ring().dead_head.load());
    EXPECT_EQ(parts.ring().free_head.load(), parts.ring().tail.load());
    EXPECT_EQ(parts.settled(), last);
    EXPECT_EQ(parts.times, 1);
    EXPECT_EQ(parts.records_on_disk(), static_cast<std::uint64_t>(kHalf));
    EXPECT_EQ(mover->figures().flushes, 1U);
    EXPECT_NE(parts.tier().pace().flush_time(), hot::Pace().flush_time()) << "writers learn what it took";
    EXPECT_EQ(mover->work(), Worked::no);
}

/// As after a flush that had no memory for the view, in a store that refuses writes.
TEST_F(MoverTest, WhatAnEarlierFlushCommittedDoesNotSettleTwice) {
    const warm::Workplace workplace = parts.workplace();
    parts.put("key", "value");
    {
        warm::FlushJob job(workplace, true);
        while (!job.committed()) ASSERT_EQ(must(job.step()), warm::Progress::more);
    }
    parts.put("other", "value");
    warm::FlushJob job(workplace, true);
    while (must(job.step()) != warm::Progress::done) {}
    EXPECT_EQ(parts.records(), 2U);
    EXPECT_TRUE(parts.has_settled("key"));
    EXPECT_TRUE(parts.has_settled("other"));
}

TEST_F(MoverTest, NothingBeginsThatIsNotDue) {
    start({});
    EXPECT_EQ(mover->work(), Worked::no);
    parts.put("key", "value");
    EXPECT_EQ(mover->work(), Worked::no);
    start({.by_itself = false});
    parts.put_large("key", kHalf);
    EXPECT_EQ(mover->work(), Worked::no) << "flushed by hand";
}

TEST_F(MoverTest, AgeCountsFromTheLastFlush) {
    start({.flush_age = 500ms});
    parts.put("key", "value");
    work_until([&] { return mover->figures().flushes == 1; });
    parts.put("key", "newer");
    EXPECT_EQ(mover->work(), Worked::no);
    const auto begin = Clock::now();
    work_until([&] { return mover->figures().flushes == 2; });
    EXPECT_GE(Clock::now() - begin, 400ms);
}

TEST_F(MoverTest, AFlushServesCallsThatCameBeforeItBegan) {
    start({});
    const Version first = parts.put("first", "value");
    const Answer one = ask([&] { return mover->flush(true); });
    while (mover->work() != Worked::yes) {}  // it can't decide while the other thread goes to sleep
    const Version second = parts.put("second", "value");
    const Answer two = ask([&] { return mover->flush(true); });
    work_until([&] { return *one != 0; });
    EXPECT_EQ(*one, 1);
    EXPECT_GE(parts.settled(), first);
    work_until([&] { return *two != 0; });
    EXPECT_EQ(*two, 1);
    EXPECT_GE(parts.settled(), second);
    EXPECT_EQ(mover->figures().flushes, 2U);
}

TEST_F(MoverTest, AFlushKeepsToNoRateAndGoesBeforeMerges) {
    freeze_a_merge();
    const Version last = parts.put_large("key", kHalf);
    work_until([&] { return mover->figures().flushes == 1; });
    EXPECT_EQ(parts.settled(), last);
    EXPECT_EQ(mover->work(), Worked::waiting) << "the merge";
    start({});
    ASSERT_EQ(mover->work(), Worked::yes);  // the merge has begun, and one more step is left
    const Version next = parts.put_large("key", kHalf);
    while (parts.settled() < next) {
        ASSERT_EQ(mover->figures().merges, 0U);
        (void)mover->work();
    }
}

TEST_F(MoverTest, SmallMergesGoFirst) {
    start({.has_workers = false});
    for (int i = 0; i < 15; ++i) {
        parts.put("key" + std::to_string(i), "value");
        must(mover->flush(true));
    }
    ASSERT_EQ(parts.stripes_at(0), 3U);
    ASSERT_EQ(parts.stripes_at(1), 3U);
    start({.fan_in = 3});
    ASSERT_EQ(mover->work(), Worked::yes);
    EXPECT_EQ(mover->figures().merges, 1U);
    EXPECT_EQ(parts.stripes_at(0), 0U);
    EXPECT_EQ(parts.stripes_at(1), 4U);
    ASSERT_EQ(mover->work(), Worked::yes);
    EXPECT_EQ(parts.stripes_at(1), 1U);
    EXPECT_EQ(parts.stripes_at(2), 1U);
    work_until_idle();
    for (int i = 0; i < 15; ++i) EXPECT_TRUE(parts.has_settled("key" + std::to_string(i)));
    EXPECT_EQ(parts.records(), 15U);
}

TEST_F(MoverTest, AFailedFlushPausesLongerEachTime) {
    start({.fan_in = kNever});
    parts.put_large("key", kHalf);
    parts.failures->fail_call(1, ENOSPC, true);
    auto begin = Clock::now();
    work_until([&] { return mover->figures().failures == 1; });
    EXPECT_EQ(mover->work(), Worked::no);
    work_until([&] { return mover->figures().failures == 3; });
    EXPECT_GE(Clock::now() - begin, 300ms) << "100 ms and then 200";
    // Who asks does not wait for that; each failure makes the pause longer.
    for (int i = 0; i < 4; ++i) {
        const Answer failing = ask([&] { return mover->flush(true); });
        work_until([&] { return *failing != 0; });
        EXPECT_EQ(*failing, failed(ErrorCode::full));
    }
    EXPECT_EQ(mover->figures().failures, 7U);
    ASSERT_TRUE(mover->flush_failure().has_value());
    EXPECT_NE(mover->flush_failure()->message().find("flushing"), std::string::npos);
    parts.failures->fail_no_more();
    EXPECT_EQ(mover->work(), Worked::no);
    begin = Clock::now();
    const Answer healed = ask([&] { return mover->flush(true); });
    work_until([&] { return *healed != 0; });
    EXPECT_EQ(*healed, 1);
    EXPECT_LT(Clock::now() - begin, 4s);
    EXPECT_FALSE(mover->flush_failure().has_value());
    parts.put_large("key", kHalf);
    EXPECT_EQ(mover->work(), Worked::yes) << "a success ends the pause";
}

/// What it wrote counts already, and who waits for it is told so.
TEST_F(MoverTest, AFlushThatHasCommittedComesToItsEnd) {
    warm::Workplace at = parts.workplace();
    int notes = 0;
    at.note_settled = [&](Version) -> Result<void> {
        if (++notes < 3) return std::unexpected(platform::os_error("a superblock", ENOMEM));
        return {};
    };
    mover = std::make_unique<Mover>(std::move(at), MoverOptions{});
    parts.put("key", "value");
    const Answer flushed = ask([&] { return mover->flush(true); });
    work_until([&] { return *flushed != 0; });
    EXPECT_EQ(*flushed, 1);
    EXPECT_EQ(mover->figures().failures, 2U);
    EXPECT_EQ(mover->figures().flushes, 1U);
    EXPECT_EQ(parts.ring().free_head.load(), parts.ring().tail.load());
    EXPECT_EQ(parts.records_on_disk(), 1U);
}

/// Who waits for it is told at once; the space of what it buried is freed by a later one, though nothing new is there.
TEST_F(MoverTest, AFullDiskAtTheEndOfAFlushIsTold) {
    warm::Workplace at = parts.workplace();
    bool is_full = true;
    at.note_settled = [&](Version) -> Result<void> {
        if (is_full) return std::unexpected(platform::os_error("a superblock", ENOSPC));
        return {};
    };
    mover = std::make_unique<Mover>(std::move(at), MoverOptions{.flush_age = 1ms});
    parts.put("key", "value");
    const Answer flushed = ask([&] { return mover->flush(true); });
    work_until([&] { return *flushed != 0; });
    EXPECT_EQ(*flushed, failed(ErrorCode::full));
    EXPECT_LT(parts.ring().free_head.load(), parts.ring().tail.load());
    is_full = false;
    work_until([&] { return mover->figures().flushes == 1; });
    EXPECT_EQ(parts.ring().free_head.load(), parts.ring().tail.load());
    EXPECT_EQ(parts.records_on_disk(), 1U);
}

TEST_F(MoverTest, AFailedMergeIsTriedAgain) {
    make_stripes(4, 1);
    start({});
    parts.failures->fail_call(1, ENOSPC, true);
    const auto begin = Clock::now();
    work_until([&] { return mover->figures().failures == 1; });
    EXPECT_EQ(mover->work(), Worked::no);
    work_until([&] { return mover->figures().failures == 2; });
    EXPECT_GE(Clock::now() - begin, 100ms);
    parts.failures->fail_no_more();
    work_until([&] { return mover->figures().merges == 1; });
    EXPECT_EQ(parts.stripes_at(0), 0U);
    EXPECT_EQ(parts.stripes_at(1), 1U);
    EXPECT_EQ(parts.records(), 4U);
    EXPECT_EQ(parts.records_on_disk(), 4U);
    const hot::PinGuard pin(parts.tier().epochs(), parts.tier().slots().mine());
    EXPECT_EQ(parts.views().current().tree, parts.cold().tree()) << "readers see what the merge made";
}

TEST_F(MoverTest, AMergeThatCanNotReadKeepsItsInputs) {
    make_stripes(4, kStripe);
    const std::uint64_t before = parts.records();
    start({});
    parts.failures->fail_reads = true;
    work_until([&] { return mover->figures().failures == 2; });
    EXPECT_EQ(mover->figures().merges, 0U);
    EXPECT_EQ(parts.stripes_at(0), 4U);
    EXPECT_EQ(parts.records(), before);
    EXPECT_TRUE(parts.has_settled("stripe0-100")) << "readers go on by the mapping";
    const Answer compacted = ask([&] { return mover->compact(); });
    work_until([&] { return *compacted != 0; });
    EXPECT_EQ(*compacted, failed(ErrorCode::io)) << "who asks is told";
    parts.failures->fail_reads = false;
    work_until([&] { return mover->figures().merges == 1; });
    EXPECT_EQ(parts.stripes_at(0), 0U);
    EXPECT_EQ(parts.records_on_disk(), before);
}

/// Nobody writes any more, which would free them.
TEST_F(MoverTest, FilesThatWereReplacedGoOnceTheirReadersHaveLeft) {
    make_stripes(4, 1);
    start({});
    const auto files = [&] {
        return std::distance(std::filesystem::directory_iterator(parts.cold().directory()),
                             std::filesystem::directory_iterator());
    };
    {
        const hot::PinGuard reader(parts.tier().epochs(), parts.tier().slots().mine());
        work_until([&] { return mover->figures().merges == 1; });
        for (int i = 0; i < 100; ++i) (void)mover->work();
        EXPECT_EQ(files(), 5);
    }
    work_until_idle();
    EXPECT_EQ(files(), 1);
}

TEST_F(MoverTest, MergesSideBySideAreAsManyAsHaveMemory) {
    constexpr int kMore = 20;  // two such stripes are more than one step
    const auto merge_all = [&](std::size_t fan_in, const std::function<bool()>& reached) {
        start({.fan_in = fan_in, .has_workers = false});
        work_until(reached);
    };
    // Two live components of level 2, then two of level 1.
    for (std::size_t i = 1; i <= 2; ++i) {
        make_stripes(8, kMore, "large" + std::to_string(i));
        merge_all(4, [&] { return parts.stripes_at(1) == 2; });
        merge_all(2, [&] { return parts.stripes_at(2) == i; });
    }
    make_stripes(8, kMore, "small");
    merge_all(4, [&] { return parts.stripes_at(1) == 2; });
    const auto merging = [&] {
        for (int i = 0; i < 20; ++i) (void)mover->work();
        return mover->figures().merging;
    };
    const auto begin = [&](std::size_t merges_max) {
        start({.fan_in = 2, .bytes_per_second = 1, .merges_max = merges_max, .has_workers = false});
    };
    begin(2);
    EXPECT_EQ(merging(), 1U) << "what is left is for stripes";
    begin(3);
    EXPECT_EQ(merging(), 2U);
    make_stripes(2, kMore, "stripes");
    begin(2);
    EXPECT_EQ(merging(), 2U) << "one of them of stripes";
    begin(4);
    EXPECT_EQ(merging(), 3U);
    EXPECT_GT(mover->figures().memory_bytes, 0U);
}

/// Of two unfinished merges there is memory for one; they go first, and stripes behind them have their place.
TEST_F(MoverTest, AMergeWithoutMemoryDoesNotHideTheOnesBehindIt) {
    constexpr int kMore = 20;  // two such stripes are more than one step
    const auto merge_stripes = [&](std::size_t fan_in, const std::function<bool()>& reached) {
        start({.fan_in = fan_in, .has_workers = false});
        work_until(reached);
    };
    for (std::size_t i = 1; i <= 2; ++i) {
        make_stripes(8, kMore, "large" + std::to_string(i));
        merge_stripes(4, [&] { return parts.stripes_at(1) == 2; });
        merge_stripes(2, [&] { return parts.stripes_at(2) == i; });
    }
    make_stripes(8, kMore, "small");
    merge_stripes(4, [&] { return parts.stripes_at(1) == 2; });
    make_stripes(2, kMore, "stripes");
    warm::Workplace at = parts.workplace();
    at.memory.waiting_bytes = 0;  // the first part ends before the first key
    warm::MergesRunning running{.inputs = {}, .levels = {1}};
    for (const std::uint32_t level : {2U, 3U}) {
        const auto choice = warm::choose_merge(*parts.cold().tree(), 2, running);
        ASSERT_TRUE(choice);
        ASSERT_EQ(choice->level, level);
        ASSERT_EQ(must(warm::MergeJob(at, *choice).step()), warm::Progress::more);
        for (const auto& input : choice->inputs) {
            ASSERT_NE(parts.cold().state()->components.at(input->id()).begin, "");
            running.inputs.insert(input->id());
        }
        running.levels.insert(level);
    }
    start({.fan_in = 2, .bytes_per_second = 1, .merges_max = 2, .has_workers = false});
    for (int i = 0; i < 20; ++i) (void)mover->work();
    EXPECT_EQ(mover->figures().merges, 0U);
    EXPECT_EQ(mover->figures().merging, 2U) << "an unfinished one, and the stripes";
}

TEST_F(MoverTest, AMergeWhoseInputsWereForgottenEndsQuietly) {
    make_stripes(4, kStripe);
    const warm::Workplace workplace = parts.workplace();
    warm::MergeJob merge(workplace, *warm::choose_merge(*parts.cold().tree(), 4, {}));
    ASSERT_EQ(must(merge.step()), warm::Progress::more);
    warm::FlushJob forget(workplace, false);
    while (must(forget.step()) != warm::Progress::done) {}
    while (must(merge.step()) != warm::Progress::done) {}
    EXPECT_TRUE(parts.cold().tree()->empty()) << "what was forgotten came back";
}

TEST_F(MoverTest, ForgettingWaitsForMergesAndNoneBegins) {
    freeze_a_merge();
    const Version before = parts.settled();
    parts.put("key", "value");
    const Answer waits = ask([&] { return mover->flush(false); });
    for (int i = 0; i < 100; ++i) ASSERT_EQ(mover->work(), Worked::waiting);
    EXPECT_EQ(parts.settled(), before);
    EXPECT_EQ(*waits, 0);
    mover->stop(Error(ErrorCode::closed, "stopped"));
    while (*waits == 0) std::this_thread::yield();
    EXPECT_EQ(*waits, failed(ErrorCode::closed));
}

TEST_F(MoverTest, NoMergeBeginsBeforeWhatIsToBeForgotten) {
    make_stripes(3, 1);
    start({});
    parts.put_large("key", kHalf);
    ASSERT_EQ(mover->work(), Worked::yes);  // the flush that makes four stripes
    const Answer forgets = ask([&] { return mover->flush(false); });
    work_until([&] { return *forgets != 0; });
    EXPECT_EQ(*forgets, 1);
    work_until_idle();
    EXPECT_EQ(mover->figures().merges, 0U) << "beside a flush that forgets its output could stay";
    EXPECT_TRUE(parts.cold().tree()->empty());
    // Once is once.
    parts.put("kept", "value");
    const Answer keeps = ask([&] { return mover->flush(true); });
    work_until([&] { return *keeps != 0; });
    EXPECT_TRUE(parts.has_settled("kept"));
    for (int i = 0; i < 3; ++i) {
        parts.put("more", "value");
        const Answer more = ask([&] { return mover->flush(true); });
        work_until([&] { return *more != 0; });
    }
    work_until_idle();
    EXPECT_EQ(mover->figures().merges, 1U);
}

TEST_F(MoverTest, MergesGoOnAfterForgettingFailed) {
    make_stripes(4, 1);
    start({});
    parts.failures->fail_call(1, ENOSPC, true);
    const Answer forgets = ask([&] { return mover->flush(false); });
    work_until([&] { return *forgets != 0; });
    EXPECT_EQ(*forgets, failed(ErrorCode::full));
    parts.failures->fail_no_more();
    work_until([&] { return mover->figures().merges == 1; });
    EXPECT_EQ(parts.records(), 4U);
}

TEST_F(MoverTest, WithoutWorkersTheCallerMerges) {
    start({.by_itself = false, .has_workers = false});
    for (int i = 0; i < 4; ++i) {
        parts.put("key" + std::to_string(i), "value");
        must(mover->flush(true));
    }
    EXPECT_EQ(mover->figures().merges, 1U);
    EXPECT_EQ(parts.stripes_at(1), 1U);
    parts.put("key", "value");
    must(mover->flush(false));
    EXPECT_TRUE(parts.cold().tree()->empty());
    EXPECT_EQ(parts.settled(), parts.tier().clock());
}

TEST_F(MoverTest, ACompactionLeavesOneComponentOfAnyNumber) {
    start({.fan_in = kNever, .has_workers = false});
    const int count = static_cast<int>(cold::kReplacedMax) + 5;
    for (int i = 0; i < count; ++i) {
        parts.put("key" + std::to_string(i), "value");
        must(mover->flush(true));
    }
    const Version last = parts.put("in the ring", "value");
    must(mover->compact());
    EXPECT_GE(parts.settled(), last);
    EXPECT_EQ(parts.cold().tree()->live().size(), 1U);
    EXPECT_EQ(mover->figures().merges, 2U);
    for (int i = 0; i < count; ++i) EXPECT_TRUE(parts.has_settled("key" + std::to_string(i)));
    must(mover->compact());
    EXPECT_EQ(mover->figures().merges, 2U) << "of one there is nothing to do";
    parts.put("newer", "value");
    must(mover->flush(true));
    parts.failures->fail_call(8, ENOSPC, true);  // the flush of nothing makes a few calls
    expect_error(mover->compact(), ErrorCode::full);
}

TEST_F(MoverTest, ACompactionWaitsForMergesAndNoOtherBegins) {
    make_stripes(4, kStripe);
    start({.bytes_per_second = 1, .by_itself = false});
    ASSERT_EQ(mover->work(), Worked::yes);
    const Answer compacted = ask_for_compaction();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(mover->work(), Worked::waiting);
    EXPECT_EQ(parts.stripes_at(0), 4U);
    EXPECT_EQ(*compacted, 0);
    mover->stop(Error(ErrorCode::closed, "stopped"));
    while (*compacted == 0) std::this_thread::yield();
    EXPECT_EQ(*compacted, failed(ErrorCode::closed));
}

/// Else its histories would be in two merges.
TEST_F(MoverTest, ACompactionWaitsForAPack) {
    const warm::Workplace at = parts.workplace();
    for (std::size_t stripe = 0; stripe < warm::kPackMin; ++stripe) {
        // All together more than one step, each with one record that stays live.
        for (int version = 0; version < 50; ++version) parts.put(std::to_string(stripe), std::string(2000, 'v'));
        warm::FlushJob flush(at, true);
        while (must(flush.step()) != warm::Progress::done) {}
    }
    // One live component, so that only histories are left to compact.
    warm::MergeJob merge(at, warm::choose_compaction(*parts.cold().tree(), parts.settled()).value());
    while (must(merge.step()) != warm::Progress::done) {}
    start({.fan_in = kNever, .bytes_per_second = 1});
    ASSERT_EQ(mover->work(), Worked::yes);
    ASSERT_EQ(mover->work(), Worked::waiting);
    ASSERT_EQ(mover->figures().merging, 1U);
    const Answer compacted = ask_for_compaction();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(mover->work(), Worked::waiting);
    EXPECT_EQ(mover->figures().merging, 1U);
    EXPECT_EQ(*compacted, 0);
}

TEST_F(MoverTest, OnlyStripesMergeOnBeforeACompaction) {
    start({.has_workers = false});
    for (int i = 0; i < 32; ++i) {
        parts.put_large("key" + std::to_string(i) + "-", kStripe);
        must(mover->flush(true));
    }
    ASSERT_EQ(parts.stripes_at(2), 2U);
    start({.fan_in = 2, .bytes_per_second = 1});
    ASSERT_EQ(mover->work(), Worked::yes);  // two large ones, for ever
    const Answer compacted = ask_for_compaction();
    for (int i = 0; i < 4; ++i) {
        parts.put("small", "value");
        const Answer flushed = ask([&] { return mover->flush(true); });
        work_until([&] { return *flushed != 0; });
    }
    // Else flushes would wait for the compaction, and writers for them.
    work_until([&] { return parts.stripes_at(0) == 0; });
    for (int i = 0; i < 100; ++i) static_cast<void>(mover->work());
    EXPECT_EQ(parts.stripes_at(1), 2U) << "else merges without end could keep a compaction waiting";
    EXPECT_EQ(*compacted, 0);
    mover->stop(Error(ErrorCode::closed, "stopped"));
    while (*compacted == 0) std::this_thread::yield();
}

TEST_F(MoverTest, NothingBeginsAfterTheStop) {
    start({});
    mover->stop(Error(ErrorCode::closed, "stopped"));
    parts.put_large("key", kHalf);
    EXPECT_EQ(mover->work(), Worked::no);
    expect_error(mover->flush(true), ErrorCode::closed, "stopped");
}

TEST_F(MoverTest, UrgingWakesWhoeverSleeps) {
    start({});
    const std::uint32_t seen = mover->alarm().observe();
    mover->urge();
    EXPECT_NE(mover->alarm().observe(), seen);
}

class MoverOnPagesTest : public MoverTest {
protected:
    MoverOnPagesTest() : MoverTest(platform::Granularity::page) {}
};

TEST_F(MoverOnPagesTest, AFlushThatCanNotEndFails) {
    start({});
    parts.put("key", "value");
    const Answer fails = ask([&] { return mover->flush(true); });
    work_until([&] { return parts.settled() > 0; });
    parts.medium.fails = true;
    work_until([&] { return *fails != 0; });
    EXPECT_EQ(*fails, failed(ErrorCode::io));
    ASSERT_TRUE(parts.tier().refusal().has_value());
    EXPECT_EQ(parts.tier().refusal()->code(), ErrorCode::read_only);
}

}  // namespace
}  // namespace zverse::test
