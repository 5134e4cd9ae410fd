// Goal:    what retention drops and keeps, to the version; what a tree shows of records that are over.
// Method:  single records at and around the floor.
#include <support/cold_parts.h>
#include <support/sim_file_io.h>

#include <cold/component.h>
#include <cold/slab_writer.h>

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace zverse::test {
namespace {

constexpr std::uint64_t kStore[2] = {3, 4};
constexpr Version kFloor = 100;

class SlabWriterTest : public ::testing::Test {
protected:
    SlabWriterTest() { must(io_.create_directories("/cold")); }

    cold::SlabPlan plan() {
        cold::SlabPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.directory = "/cold";
        plan.next_id = [this] { return ++ids_; };
        plan.live_component = 1000;
        plan.history_component = 1001;
        plan.slab_upto = 1000;
        plan.floor = kFloor;
        plan.kernels = &platform::kernels_for(platform::KernelLevel::scalar);
        return plan;
    }

    /// Whether a slab keeps a record.
    bool keeps(const OwnRecord& record, bool drop_tombstones) {
        cold::SlabPlan how = plan();
        how.drop_tombstones = drop_tombstones;
        cold::SlabWriter writer(io_, std::move(how));
        must(writer.add(record.view()));
        const bool kept = !must(writer.end_part(std::nullopt)).segments.empty();
        EXPECT_EQ(writer.records_dropped(), kept ? 0U : 1U);
        return kept;
    }

    SimFileIo io_;
    std::uint64_t ids_ = 0;
};

TEST_F(SlabWriterTest, DropsWhatTheFloorNoLongerShows) {
    EXPECT_FALSE(keeps({.key = "k", .version = 50, .superseded = kFloor - 1}, false));
    EXPECT_FALSE(keeps({.key = "k", .version = 50, .superseded = kFloor}, false));
    EXPECT_TRUE(keeps({.key = "k", .version = 50, .superseded = kFloor + 1}, false));
    EXPECT_TRUE(keeps({.key = "k", .version = 50}, true));
}

/// Records without values: the segment is far from its size, and its index has its memory.
TEST_F(SlabWriterTest, APartEndsWhenItsIndexHasItsMemory) {
    cold::SlabPlan how = plan();
    how.builder_bytes = 64 << 10;
    cold::SlabWriter writer(io_, std::move(how));
    int records = 0;
    while (!writer.part_full(0)) {
        const std::string key = std::to_string(100'000 + records++);
        must(writer.add({.key = key, .value = {}, .version = 500}));
        ASSERT_LT(records, 10'000);
    }
    EXPECT_GT(records, 1000);
    EXPECT_GE(writer.memory_bytes(), 64U << 10);
    must(writer.end_part("a"));
    EXPECT_FALSE(writer.part_full(0));
}

/// As a merge hands them over, from memory that is another record's the next moment.
TEST_F(SlabWriterTest, WhatWaitsIsCountedAndCopied) {
    cold::SlabPlan how = plan();
    how.values_stay = false;
    how.waiting_bytes = 100'000;
    cold::SlabWriter writer(io_, std::move(how));
    std::string key, value;
    int records = 0;
    while (!writer.part_full(0)) {
        key = "key" + std::to_string(1000 + records++);
        value = std::string(1000, static_cast<char>('a' + records % 26));
        must(writer.add({key, value, 600, 700, false}));
        ASSERT_LT(records, 100);
    }
    EXPECT_GT(records, 60);
    const cold::SlabPart part = must(writer.end_part(std::nullopt));
    ASSERT_EQ(part.segments.size(), 1U);
    const auto segment =
        must(cold::Segment::open(io_, cold::segment_path("/cold", part.segments[0]), kStore, part.segments[0]));
    const std::vector<OwnRecord> written = read_all(*segment);
    ASSERT_EQ(written.size(), static_cast<std::size_t>(records));
    for (int i = 0; i < records; ++i) {
        EXPECT_EQ(written[static_cast<std::size_t>(i)].key, "key" + std::to_string(1000 + i));
        EXPECT_EQ(written[static_cast<std::size_t>(i)].value[0], 'a' + (i + 1) % 26);
    }
}

TEST_F(SlabWriterTest, DropsTombstonesOnlyWhereTheyCoverNothing) {
    EXPECT_TRUE(keeps({.key = "k", .version = kFloor, .tombstone = true}, false));
    EXPECT_FALSE(keeps({.key = "k", .version = kFloor, .tombstone = true}, true));
    EXPECT_TRUE(keeps({.key = "k", .version = kFloor + 1, .tombstone = true}, true));
}

TEST_F(SlabWriterTest, LeavesNothingThatWasNotKept) {
    {
        cold::SlabWriter writer(io_, plan());
        must(writer.add({"k", "live", 200, cold::kOpen, false}));
        must(writer.add({"k", "dead", 150, 200, false}));
        EXPECT_EQ(must(writer.end_part("l")).segments.size(), 2U);
        must(writer.add({"l", "unfinished", 201, cold::kOpen, false}));
    }
    EXPECT_TRUE(must(io_.list("/cold")).empty());
}

TEST_F(SlabWriterTest, CompressesTheHistoryThatMergesMove) {
    if (!platform::has_compression()) GTEST_SKIP() << "libzstd is not built in";
    const auto features = [&](std::uint32_t level, Compression compression) {
        cold::SlabPlan how = plan();
        how.level = level;
        how.compression = compression;
        cold::SlabWriter writer(io_, std::move(how));
        const std::string value(1000, 'v');
        must(writer.add({"k", value, 200, cold::kOpen, false}));
        must(writer.add({"k", value, 150, 200, false}));
        std::pair<std::uint64_t, std::uint64_t> found;  // live, history
        for (const std::uint64_t id : must(writer.end_part(std::nullopt)).segments) {
            const auto segment = must(cold::Segment::open(io_, cold::segment_path("/cold", id), kStore, id));
            const bool live = segment->header().kind == cold::SegmentKind::live;
            (live ? found.first : found.second) = segment->header().features;
        }
        return found;
    };
    EXPECT_EQ(features(0, Compression::history), std::pair(std::uint64_t{0}, std::uint64_t{0}));
    EXPECT_EQ(features(1, Compression::none), std::pair(std::uint64_t{0}, std::uint64_t{0}));
    EXPECT_EQ(features(1, Compression::history), std::pair(std::uint64_t{0}, cold::features::kZstd));
}

TEST_F(SlabWriterTest, BlocksEndAtTheBordersOfSlabs) {
    cold::SlabPlan how = plan();
    how.curve.rule = "vvk";
    cold::SlabWriter writer(io_, std::move(how));
    const std::string value(200, 'v');
    for (int key = 1000; key < 1200; ++key) {
        for (Version version = 980; version > 100; version -= 40) {
            must(writer.add({"key" + std::to_string(key), value, version, version + 40, false}));
        }
    }
    const std::uint64_t id = must(writer.end_part(std::nullopt)).segments.at(0);
    const auto segment = must(cold::Segment::open(io_, cold::segment_path("/cold", id), kStore, id));
    ASSERT_GT(segment->zones().blocks(), 40U);
    for (std::size_t block = 0; block < segment->zones().blocks(); ++block) {
        const cold::Zone& zone = segment->zones().block(block);
        EXPECT_EQ((zone.version_min - 1) / 250, (zone.version_max - 1) / 250) << block;
    }
}

TEST_F(SlabWriterTest, ARecordThatIsOverIsNotShownThoughNothingNewerIsThere) {
    cold::SlabWriter writer(io_, plan());
    must(writer.add({"k", "value", 150, 200, false}));
    const auto part = must(writer.end_part(std::nullopt));
    auto segment =
        must(cold::Segment::open(io_, cold::segment_path("/cold", part.segments[0]), kStore, part.segments[0]));
    const cold::Tree tree({std::make_shared<const cold::Component>(cold::Component::Parts{std::move(segment)}, "")},
                          cold::segment_seed(kStore, 0));
    const auto at = [&](Version v) {
        cold::Tree::Hit hit;
        must(tree.find("k", tree.hash("k"), v, hit));
        return static_cast<bool>(hit);
    };
    EXPECT_FALSE(at(149));
    EXPECT_TRUE(at(150));
    EXPECT_TRUE(at(199));
    EXPECT_FALSE(at(200));
    EXPECT_FALSE(at(500));
    writer.keep_parts();
}

}  // namespace
}  // namespace zverse::test
