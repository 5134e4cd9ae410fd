// Goal:    marks answer as a map does; thinned, they answer what time_marks.h M3 says, and stay few.
// Method:  random changes beside a map; years of seconds, thinned now and then, as a manifest does it.
#include <support/random.h>
#include <support/seed.h>

#include <cold/time_marks.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>

namespace zverse::test {
namespace {

using cold::TimeMarks;

constexpr std::int64_t kSecond = 1'000'000'000;

std::map<Version, std::int64_t> all(const TimeMarks& marks) {
    std::map<Version, std::int64_t> found;
    for (std::size_t i = 0; i < marks.size(); ++i) found[marks[i].version] = marks[i].nanoseconds;
    EXPECT_EQ(found.size(), marks.size()) << "each version once";
    return found;
}

TEST(TimeMarksTest, AreWhatAMapIs) {
    const SeedScope seed;
    Random random(seed.seed());
    for (int round = 0; round < 20; ++round) {
        TimeMarks marks;
        std::map<Version, std::int64_t> expected;
        const Version step = random.between(1, 50);
        for (int i = 0; i < 3000; ++i) {
            const Version last = expected.empty() ? 0 : expected.rbegin()->first;
            const auto version = random.one_in(50) ? random.below(last + 1) : last + random.between(1, step);
            if (random.one_in(40)) {
                marks.remove_before(version - std::min<Version>(version, random.below(300)));
                expected.erase(expected.begin(), expected.lower_bound(version));
                marks.remove_before(version);
            }
            const auto time = static_cast<std::int64_t>(version) * kSecond;
            const TimeMarks before = marks;
            const auto were = expected;
            marks.add(version, time);
            expected[version] = time;
            if (i % 100 == 0) {
                ASSERT_EQ(all(before), were) << "a copy is its own";
            }
        }
        ASSERT_EQ(all(marks), expected);
        ASSERT_FALSE(marks.at(all(marks).begin()->second - 1));
        for (const auto& [version, time] : expected) {
            ASSERT_EQ(marks.at(time), version);
            ASSERT_GE(marks.at(time + kSecond / 2), version);
        }
    }
}

TEST(TimeMarksTest, EqualOnesAreEqualWhateverTheyShare) {
    TimeMarks some, others;
    for (Version version = 1; version <= 2000; ++version) some.add(version, 1);
    for (Version version = 2000; version >= 1900; --version) others.add(version, 1);
    some.remove_before(1900);
    EXPECT_EQ(some, others);
    others.add(2000, 2);
    EXPECT_NE(some, others);
    others.remove_before(2000);
    EXPECT_NE(some, others);
    some.remove_before(2001);
    EXPECT_TRUE(some.empty());
    EXPECT_EQ(some, TimeMarks());
}

/// M3: how much older than the newest mark before each time the answer is.
void expect_close(const TimeMarks& marks, std::int64_t newest, std::int64_t step) {
    for (std::int64_t age = 0; age < newest; age = age * 3 / 2 + step) {
        const std::int64_t time = newest - age;
        const auto version = marks.at(time);
        ASSERT_TRUE(version) << age;
        const std::int64_t late = time - static_cast<std::int64_t>(*version) * step;
        ASSERT_LE(late, std::max(step, age / TimeMarks::kAgePart)) << age / kSecond << " s ago";
    }
}

TEST(TimeMarksTest, ThinnedOnesAreFewAndClose) {
    TimeMarks marks;
    constexpr Version kSeconds = 4'000'000;  // some weeks
    for (Version version = 1; version <= kSeconds; ++version) {
        marks.add(version, static_cast<std::int64_t>(version) * kSecond);
        if (version % 100'000 == 0) marks = marks.thinned();
    }
    expect_close(marks, static_cast<std::int64_t>(kSeconds) * kSecond, kSecond);
    EXPECT_LT(marks.size(), 400'000U);
    EXPECT_LE(marks.bytes(), 400'000 * sizeof(TimeMarks::Mark));
    EXPECT_EQ(marks[0].version, 1U) << "the first time that is known stays known";
    EXPECT_EQ(marks.back().version, kSeconds);
}

TEST(TimeMarksTest, NumbersThatAreNoTimesAreNoHarm) {
    TimeMarks marks;
    marks.add(1, std::numeric_limits<std::int64_t>::min());
    marks.add(2, std::numeric_limits<std::int64_t>::max());
    marks.add(3, std::numeric_limits<std::int64_t>::min());
    marks.add(4, std::numeric_limits<std::int64_t>::max());
    EXPECT_LE(marks.thinned().size(), 4U);
    EXPECT_EQ(marks.thinned().back().version, 4U);
}

}  // namespace
}  // namespace zverse::test
