// Goal:    the checker of the race tests has teeth.
// Method:  small histories, right ones and ones that break each rule once.
#include <support/version_order.h>

#include <gtest/gtest.h>

namespace zverse::test {

namespace {

constexpr std::uint32_t kKey = 7;

WriteEvent write(Interval when, Version version, std::uint64_t value) { return {when, version, kKey, value}; }
ReadEvent read(Interval when, Version found, std::uint64_t value, Version as_of = kLatest) {
    return {when, as_of, found, kKey, value};
}
bool accepted(const EventLog& log) { return check_version_order({log}).empty(); }

TEST(VersionOrder, AcceptsOverlappingCallsInAnyOrder) {
    EXPECT_TRUE(accepted({.writes = {write({1, 9}, 2, 20), write({2, 8}, 1, 10)},
                          .reads = {read({3, 4}, 1, 10), read({3, 4}, 0, 0), read({5, 6}, 2, 20)}}));
}

TEST(VersionOrder, RejectsVersionsAgainstRealTime) {
    EXPECT_FALSE(accepted({.writes = {write({1, 2}, 2, 20), write({3, 4}, 1, 10)}}));
    EXPECT_FALSE(accepted({.writes = {write({1, 2}, 1, 10), {{3, 4}, 1, kKey + 1, 20}}}));
}

TEST(VersionOrder, RejectsStaleAndForeignReads) {
    const std::vector<WriteEvent> writes = {write({1, 2}, 1, 10), write({3, 4}, 2, 20)};
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({5, 6}, 1, 10)}})) << "stale";
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({5, 6}, 0, 0)}})) << "nothing";
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({5, 6}, 2, 10)}})) << "another version's bytes";
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({1, 2}, 2, 20)}})) << "from the future";
    EXPECT_TRUE(accepted({.writes = writes, .reads = {read({5, 6}, 2, 20)}}));
}

TEST(VersionOrder, RejectsAReadThatGoesBack) {
    const std::vector<WriteEvent> writes = {write({1, 2}, 1, 10), write({3, 20}, 2, 20)};
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({4, 5}, 2, 20), read({6, 7}, 1, 10)}}));
    EXPECT_TRUE(accepted({.writes = writes, .reads = {read({4, 5}, 1, 10), read({6, 7}, 2, 20)}}));
}

TEST(VersionOrder, AnAsOfReadKnowsEveryWriteBelow) {
    // The write of version 2 returned long after the read: it must have been seen all the same.
    const std::vector<WriteEvent> writes = {write({1, 2}, 1, 10), write({3, 90}, 2, 20), write({3, 90}, 4, 0)};
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({5, 6}, 1, 10, 3)}}));
    EXPECT_TRUE(accepted({.writes = writes, .reads = {read({5, 6}, 2, 20, 3)}}));
    EXPECT_TRUE(accepted({.writes = writes, .reads = {read({5, 6}, 0, 0, 4)}}));
}

TEST(VersionOrder, ATombstoneExplainsNothing) {
    const std::vector<WriteEvent> writes = {write({1, 2}, 1, 10), write({3, 4}, 2, 0)};
    EXPECT_TRUE(accepted({.writes = writes, .reads = {read({5, 6}, 0, 0)}}));
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({5, 6}, 1, 10)}}));
}

TEST(VersionOrder, ADrainHidesWhatItTookAndNothingElse) {
    const std::vector<WriteEvent> writes = {write({1, 2}, 1, 10), write({3, 4}, 5, 20)};
    const std::vector<DrainEvent> drains = {{{6, 9}, 1}};
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({10, 11}, 0, 0)}, .drains = drains}));
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({10, 11}, 1, 10, 2)}, .drains = drains}));
    EXPECT_TRUE(accepted({.writes = writes, .reads = {read({10, 11}, 0, 0, 2)}, .drains = drains}));
    EXPECT_TRUE(
        accepted({.writes = writes, .reads = {read({7, 8}, 1, 10, 2), read({7, 8}, 0, 0, 2)}, .drains = drains}));
    EXPECT_FALSE(accepted({.writes = writes, .reads = {read({4, 5}, 0, 0, 2)}, .drains = drains}));
}

TEST(VersionOrder, ShownVersionsContainWhatReturned) {
    const std::vector<WriteEvent> writes = {write({1, 2}, 3, 10), write({8, 9}, 5, 20)};
    EXPECT_FALSE(accepted({.writes = writes, .shown = {{{4, 5}, 2}}})) << "misses a write";
    EXPECT_FALSE(accepted({.writes = writes, .shown = {{{4, 5}, 6}}})) << "later handed out below it";
    EXPECT_FALSE(accepted({.writes = writes, .shown = {{{4, 5}, 4}, {{6, 7}, 3}}})) << "falls";
    EXPECT_TRUE(accepted({.writes = writes, .shown = {{{4, 5}, 4}, {{6, 7}, 4}}}));
}

}  // namespace

}  // namespace zverse::test
