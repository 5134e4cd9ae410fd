// Goal:    a flush settles nothing that could still be lost from the rings: it syncs them first, and ends where it
//          can't.
// Method:  rings on a medium of pages, in class process, where writes return before their sync; the medium fails.
#include <support/mover_parts.h>

#include <warm/flush_job.h>

#include <gtest/gtest.h>

namespace zverse::test {
namespace {

Result<void> run(warm::FlushJob& job) {
    for (;;) {
        auto progress = job.step();
        if (!progress) return std::unexpected(std::move(progress.error()));
        if (*progress == warm::Progress::done) return {};
    }
}

TEST(FlushJobTest, SettlesNothingThatIsNotSynced) {
    MoverParts parts(platform::Granularity::page, Durability::process);
    const Version version = parts.put("key", "value");
    ASSERT_LT(parts.tier().durable_mark(), version) << "a write in this class waits for no sync";
    parts.medium.fails = true;
    const warm::Workplace workplace = parts.workplace();
    warm::FlushJob job(workplace, true);
    expect_error(run(job), ErrorCode::io, "sync");
    EXPECT_EQ(parts.settled(), 0U);
    EXPECT_EQ(parts.cut(), 0U);
    EXPECT_EQ(parts.records_on_disk(), 0U);
}

TEST(FlushJobTest, WhatItSettlesIsDurableInTheRingsToo) {
    MoverParts parts(platform::Granularity::page, Durability::process);
    const Version version = parts.put("key", "value");
    const warm::Workplace workplace = parts.workplace();
    warm::FlushJob job(workplace, true);
    must(run(job));
    EXPECT_GE(parts.settled(), version);
    EXPECT_GE(parts.tier().durable_mark(), version);
    EXPECT_TRUE(parts.has_settled("key"));
}

}  // namespace
}  // namespace zverse::test
