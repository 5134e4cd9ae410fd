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
