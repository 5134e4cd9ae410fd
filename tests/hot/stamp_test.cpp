// Goal:    The stamp word keeps its parts apart: no flag, floor, raise or version ever changes another.
#include <hot/stamp.h>
#include <support/seed.h>

#include <gtest/gtest.h>

namespace zverse::test {
namespace {

using hot::Stamp;
using hot::StampKind;

TEST(Stamp, PartsAreApart) {
    const SeedScope scope;
    Random random(scope.seed());
    for (int round = 0; round < 10'000; ++round) {
        const std::uint64_t number = random.next() & Stamp::kNumberMask >> random.below(58);
        const bool flag = random.one_in(2);
        const Stamp pending = Stamp::pending(number, flag);
        ASSERT_TRUE(pending.is_pending());
        ASSERT_FALSE(pending.is_committed());
        ASSERT_EQ(pending.number(), number);
        ASSERT_EQ(pending.ready(), flag);
        ASSERT_EQ(pending.raises(), 0U);
        ASSERT_FALSE(pending.dirty());
        for (const StampKind kind : {StampKind::committed, StampKind::aborted, StampKind::filler}) {
            const Stamp stamped = Stamp::stamped(kind, number, flag);
            ASSERT_EQ(stamped.kind(), kind);
            ASSERT_FALSE(stamped.is_pending());
            ASSERT_EQ(stamped.is_committed(), kind == StampKind::committed);
            ASSERT_EQ(stamped.number(), number);
            ASSERT_EQ(stamped.dirty(), flag);
            ASSERT_FALSE(stamped.ready());
            ASSERT_EQ(stamped.clean().word, Stamp::stamped(kind, number, false).word);
            ASSERT_EQ(stamped.kind_number(), stamped.clean().kind_number()) << "the check outlives dirty";
        }
    }
}

TEST(Stamp, RaisesCountToThreeAndKeepReadiness) {
    for (const bool ready : {false, true}) {
        Stamp stamp = Stamp::pending(5, ready);
        for (std::uint64_t times = 1; times < 10; ++times) {
            stamp = stamp.raised(5 + times);
            EXPECT_EQ(stamp.number(), 5 + times);
            EXPECT_EQ(stamp.raises(), std::min<std::uint64_t>(times, Stamp::kRaisesMax));
            EXPECT_EQ(stamp.ready(), ready);
            EXPECT_TRUE(stamp.is_pending());
        }
        EXPECT_TRUE(stamp.made_ready().ready());
        EXPECT_EQ(stamp.made_ready().number(), stamp.number());
        EXPECT_EQ(stamp.made_ready().raises(), stamp.raises());
    }
}

TEST(Stamp, KindAndNumberTellEveryOutcomeApart) {
    EXPECT_NE(Stamp::stamped(StampKind::committed, 7, false).kind_number(),
              Stamp::stamped(StampKind::aborted, 7, false).kind_number());
    EXPECT_NE(Stamp::stamped(StampKind::committed, 7, false).kind_number(),
              Stamp::stamped(StampKind::committed, 8, false).kind_number());
    EXPECT_NE(Stamp::stamped(StampKind::committed, 0, false).word, 0U) << "zeros are pending, not committed";
}

}  // namespace
}  // namespace zverse::test
