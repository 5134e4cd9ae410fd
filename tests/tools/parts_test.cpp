// Goal:    the parts hold on their own: talk with git never stops, sizes are upper bounds, plans fit, text is honest.
#include <gtest/gtest.h>
#include <hot/layout.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <tools/common/text.h>
#include <tools/git/git_blobs.h>
#include <tools/git/report.h>
#include <tools/git/sizing.h>
#include <zverse/types.h>

#include <algorithm>
#include <bit>

#include "git_fixture.h"

namespace zverse::test {
namespace {

using namespace tools;  // NOLINT(google-build-using-namespace): this file is about it

TEST(GitProcess, MegabytesOfRequestsAheadOfTheFirstAnswerDoNotBlock) {
    const TempDirectory directory;
    GitFixture fixture(directory / "repository");
    const std::string content(3000, 'c');
    fixture.commit({{"a", 0100644, content}});
    fixture.write();
    const std::string id = run_program({"git", "-C", fixture.path().string(), "rev-parse", "HEAD:a"}).substr(0, 40);
    const auto repository = must(GitRepository::open(fixture.path()));
    auto blobs = must(BlobReader::start(repository, BlobReader::Wants::contents));
    constexpr int kRequests = 40'000;  // 1.6 MB of questions and 120 MB of answers: more than both pipes hold
    for (int i = 0; i < kRequests; ++i) blobs.request(id);
    std::string got;
    for (int i = 0; i < kRequests; ++i) {
        must(blobs.read(got));
        ASSERT_EQ(got, content);
    }
    EXPECT_EQ(blobs.outstanding(), 0u);
    must(blobs.finish());
}

TEST(BlobReader, SaysWhatIsMissingAndGoesOn) {
    const TempDirectory directory;
    GitFixture fixture(directory / "repository");
    fixture.commit({{"a", 0100644, std::string("\0\n", 2)}});
    fixture.write();
    const auto repository = must(GitRepository::open(fixture.path()));
    auto blobs = must(BlobReader::start(repository, BlobReader::Wants::contents));
    for (const char* request : {"HEAD:none", "HEAD", "HEAD:a"}) blobs.request(request);
    std::string got;
    expect_error(blobs.read(got), ErrorCode::io, "HEAD:none missing");
    expect_error(blobs.read(got), ErrorCode::io, " commit ");
}

TEST(GitProcess, ReportsFailureAndAnEarlyEnd) {
    auto failing = must(GitProcess::start({"rev-parse", "--quiet", "--verify", "no/such/thing"}));
    EXPECT_EQ(must(failing.read_all()), "");
    expect_error(failing.finish(), ErrorCode::io, "git rev-parse --quiet failed with exit status 1");

    auto brief = must(GitProcess::start({"version"}));
    std::string text;
    expect_error(brief.read_exactly(10'000'000, text), ErrorCode::io, "bytes early");

    auto unended = must(GitProcess::start({"version"}));
    expect_error(unended.read_until('\0', text), ErrorCode::io, "in the middle of a record");

    EXPECT_EQ(must(must(GitProcess::start({"version"})).read_all()).substr(0, 11), "git version");
}

TEST(GitProcess, MayBeDroppedAtAnyMoment) {
    const TempDirectory directory;
    GitFixture fixture(directory / "repository");
    fixture.commit({{"a", 0100644, std::string(5'000'000, 'c')}});
    fixture.write();
    const auto repository = must(GitRepository::open(fixture.path()));
    for (int i = 0; i < 5; ++i) {
        auto git = must(repository.start({"cat-file", "--batch"}));
        std::string text;
        git.send("HEAD:a\nHEAD:a\nHEAD:a\n");
        if (i > 0) {
            EXPECT_TRUE(must(git.read_until('\n', text)));
        }
        if (i > 1) must(git.read_exactly(1000, text));
    }
}

TEST(RawChange, ReadsWhatGitPrintsAndRefusesWhatItDoesNot) {
    const std::string a(40, 'a');
    const std::string b(40, 'b');
    const RawChange change = must(parse_raw_change(":100644 120000 " + a + " " + b + " T"));
    EXPECT_EQ(change.old_mode, 0100644u);
    EXPECT_EQ(change.new_mode, 0120000u);
    EXPECT_EQ(change.old_id, a);
    EXPECT_EQ(change.new_id, b);
    for (const std::string& bad :
         {std::string(":"), ":100644 " + a, ":10x644 100644 " + a + " " + b + " M", ":100644 100644 " + a + " bb M",
          ":100644 100644 " + a + " " + b, ":100644 100644 " + a + " " + b + " R100"}) {
        expect_error(parse_raw_change(bad), ErrorCode::io, bad);
    }
}

TEST(FrameEstimate, IsNeverBelowTheRealLayout) {
    const SeedScope seed;
    Random random(seed.seed());
    for (int round = 0; round < 2000; ++round) {
        FrameEstimate estimate;
        std::uint64_t real = 0;
        for (std::uint64_t i = 0, count = random.between(1, 200); i < count; ++i) {
            const std::uint64_t key = random.between(1, random.one_in(50) ? kKeyBytesMax : 40);
            const std::uint64_t value = random.below(random.one_in(50) ? 1 << 20 : 200);
            estimate.add(key, value);
            real += hot::operation_bytes(key, value);
        }
        ASSERT_GE(estimate.bytes(), hot::frame_bytes(real));
        ASSERT_LE(estimate.bytes(), hot::frame_bytes(real) * 3 / 2) << "too generous to be of use";
    }
}

HistorySize history(std::uint64_t largest) {
    HistorySize size;
    size.commits = 10;
    size.largest_frame_bytes = largest;
    return size;
}

TEST(RingPlan, HoldsTheLargestCommitAndIsNotTwiceTooLarge) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::vector<Commit> line(10);
    for (int round = 0; round < 20'000; ++round) {
        const HistorySize size = history(random.below(std::uint64_t{1} << random.between(8, 34)));
        const RingPlan plan = must(plan_rings(size, {}, static_cast<unsigned>(random.between(0, 2000)), line));
        ASSERT_TRUE(std::has_single_bit(plan.ring_bytes));
        ASSERT_TRUE(plan.shards >= 1 && plan.shards <= 1024);
        must(check_fits(size, plan, line));
        const bool half_holds_it = plan.ring_bytes / 2 >= (1 << 20) && plan.ring_bytes / 8 >= size.largest_frame_bytes;
        ASSERT_FALSE(half_holds_it) << "half the rings would have done: " << plan.ring_bytes;
    }
}

TEST(RingPlan, RefusesACommitThatNoRingHolds) {
    const std::vector<Commit> line(10);
    const std::uint64_t huge = (std::uint64_t{16} << 30) + 64;
    expect_error(plan_rings(history(huge), {}, 2, line), ErrorCode::invalid_argument, "No store can hold it");
    expect_error(plan_rings(history(1 << 20), {.shards = 2, .ring_bytes = 1 << 20}, 2, line),
                 ErrorCode::invalid_argument, "--ring-bytes 4194304");
}

TEST(Medium, AStoreLargerThanItsDiskIsRefused) {
    const TempDirectory directory(TempDirectory::Place::disk);
    expect_error(check_medium(directory / "a/b/c", {.shards = 1024, .ring_bytes = std::uint64_t{64} << 30}, 0),
                 ErrorCode::full, "64.0 TiB");
    must(check_medium(directory / "a/b/c", {.shards = 1, .ring_bytes = 1 << 20}, 1 << 20));
    expect_error(check_medium(directory / "a", {.shards = 1, .ring_bytes = 1 << 20}, std::uint64_t{1} << 55),
                 ErrorCode::full, "twice while they merge");
}

TEST(Page, TellsAMediumThatForgetsARateOnlyOfManyRecordsAndWhenNoKillHappened) {
    ProveReport report;
    report.kills.push_back({.killed = false, .records = 99'999, .recovery_seconds = 1});
    const auto page = [&] { return prove_report(report, {}, ReportStyle::text); };
    EXPECT_EQ(page().find("forgets"), std::string::npos);
    EXPECT_EQ(page().find("in 1.0 s, "), std::string::npos);
    EXPECT_NE(page().find("NOTHING WAS PROVED"), std::string::npos);
    EXPECT_EQ(page().find("No acknowledged commit was lost"), std::string::npos);

    report.medium.memory = true;
    report.kills.push_back({.killed = true, .records = 100'000, .recovery_seconds = 1});
    EXPECT_NE(page().find("class power, of a medium that forgets"), std::string::npos);
    EXPECT_NE(page().find("in 1.0 s, 100 k records/s"), std::string::npos) << page();
    EXPECT_NE(page().find("go on at the limit"), std::string::npos);
    EXPECT_NE(page().find("No acknowledged commit was lost"), std::string::npos);
}

TEST(Text, IsHonest) {
    EXPECT_EQ(bytes_text(1023), "1023 B");
    EXPECT_EQ(bytes_text(1024), "1 KiB");
    EXPECT_EQ(bytes_text((std::uint64_t{1} << 20) - 1), "1.0 MiB");
    EXPECT_EQ(bytes_text(1536), "1.5 KiB");
    EXPECT_EQ(count_text(0), "0");
    EXPECT_EQ(count_text(999), "999");
    EXPECT_EQ(count_text(1'234'567), "1,234,567");
    EXPECT_EQ(seconds_text(0.0001234), "123 us");
    EXPECT_EQ(seconds_text(0.25), "250 ms");
    EXPECT_EQ(seconds_text(130), "2 min 10 s");
    EXPECT_EQ(rate_text(3'000'000, 2, "records"), "1.5 M records/s");
    EXPECT_EQ(rate_text(5000, 1, "records"), "5,000 records/s");
    EXPECT_EQ(rate_text(5, 0, "records"), "0 records/s");
    EXPECT_EQ(printable("plain \xc3\xbcml"), "plain \xc3\xbcml");
    EXPECT_EQ(printable("a\nb\\\xff\xc3"), "a\\x0ab\\x5c\\xff\\xc3");
    EXPECT_EQ(printable("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xc2\x80"),
              "\\xc0\\x80\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xc2\\x80");
}

}  // namespace
}  // namespace zverse::test
