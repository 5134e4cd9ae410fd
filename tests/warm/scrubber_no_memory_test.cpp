// Goal:    without memory the scrubber ends nothing, says nothing of what it could not look at, and goes on where it
//          was.
// Method:  operator new fails at the n-th allocation of a pass over segments each of which has one damaged block, for
//          every n; and files that can't be opened because too many are.
#include <support/failing_memory.h>
#include <support/file_tree.h>
#include <support/mover_parts.h>

#include <warm/scrubber.h>

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace zverse::test {
namespace {

using warm::Mover;
using warm::Scrubber;

constexpr warm::ScrubRate kFast{.average = std::uint64_t{1} << 40, .limit = 0};
constexpr std::uint64_t kSegments = 3;
constexpr std::uint64_t kRecords = 330;  ///< in each; two steps look at them

class ScrubberNoMemory : public ::testing::Test {
protected:
    ScrubberNoMemory() {
        is_test_thread = true;
        Mover mover(parts.workplace(), {.fan_in = 1000, .has_workers = false});
        for (std::uint64_t i = 0; i < kSegments; ++i) {
            for (std::uint64_t record = 0; record < kRecords; ++record) {
                (void)parts.put(std::to_string(i) + "-" + std::to_string(record), std::string(4000, 'v'));
            }
            must(mover.flush(true));
        }
    }
    void flip_in_each(std::uint64_t tenth) {
        for (const auto& component : parts.cold().tree()->all()) {
            flip_bit(component->parts()[0]->path(), 8 * (component->bytes() / 10 * tenth));
        }
    }
    void pass_without_each_allocation();

    MoverParts parts;
    platform::FileIo& io = parts.workplace().io;
};

void ScrubberNoMemory::pass_without_each_allocation() {
    without_each_allocation("a pass", [&] {
        std::optional<Scrubber> scrubber;
        {
            const Unarmed unarmed;
            scrubber.emplace(parts.cold(), io, 0);
        }
        int steps = 0;
        do {
            (void)scrubber->step(kFast);
        } while (++steps < 100 &&
                 (scrubber->figures().corrupt_segments < kSegments || scrubber->figures().memory_bytes > 0));
        const bool failed = disarm();
        const warm::ScrubFigures figures = scrubber->figures();
        EXPECT_EQ(figures.corrupt_segments, kSegments);
        EXPECT_EQ(figures.findings, kSegments) << "each was met once, in a look that came to its end";
        // One look began anew; a segment that was passed over would have cost a second pass.
        EXPECT_LE(figures.records, (kSegments + 1) * kRecords);
        std::set<std::string> files;
        for (const Finding& finding : scrubber->found().findings) {
            EXPECT_EQ(finding.code, "ZV-SEG-014") << finding.what;
            files.insert(finding.file);
        }
        EXPECT_EQ(files.size(), kSegments);
        return failed;
    });
}

TEST_F(ScrubberNoMemory, EachSegmentIsLookedAtAllTheSame) {
    // What the first step finds is forgotten where the second has no memory.
    for (const std::uint64_t tenth : {1, 9}) {
        flip_in_each(tenth);
        pass_without_each_allocation();
        flip_in_each(tenth);
    }
}

TEST_F(ScrubberNoMemory, TooManyOpenFilesAreNoFinding) {
    Scrubber scrubber(parts.cold(), io, 0);
    for (const int number : {EMFILE, ENFILE, ENOMEM}) {
        parts.failures->fail_call(1, number, true);
        for (int i = 0; i < 5; ++i) EXPECT_GE(scrubber.step(kFast), std::chrono::seconds(1));
        parts.failures->fail_no_more();
        EXPECT_TRUE(scrubber.found().clean());
        EXPECT_EQ(scrubber.figures().findings, 0U);
        EXPECT_EQ(scrubber.figures().corrupt_segments, 0U);
    }
    while (scrubber.figures().records < kSegments * kRecords) (void)scrubber.step(kFast);
    EXPECT_EQ(scrubber.figures().records, kSegments * kRecords) << "none was passed over";
}

}  // namespace
}  // namespace zverse::test
