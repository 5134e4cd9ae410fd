// Goal:    of a segment that is copied nothing is read through its mapping, and nothing is believed that was read
//          before: what the medium fails to give, or gives otherwise later, is an error each time.
// Method:  a bad disk below the segment; a file that is cut short, and one that is changed, behind its back.
#include <support/cold_parts.h>
#include <support/failing_file_io.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <platform/posix_file_io.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using cold::Segment;

constexpr std::uint64_t kStore[2] = {7, 8};

class CopiedSegment : public ::testing::Test {
protected:
    CopiedSegment() {
        cold::SegmentPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.segment = 1;
        plan.kind = cold::SegmentKind::live;
        plan.slab_after = world_.after;
        plan.slab_upto = world_.upto;
        plan.block_bytes = 4096;
        (void)write_segment(io_, path_, plan, records_);
    }
    [[nodiscard]] std::shared_ptr<Segment> open(std::shared_ptr<cold::BlockCache> cache = nullptr) {
        return must(Segment::open(io_, path_, kStore, 1, std::move(cache), cold::SegmentReads::copied));
    }
    /// The first error of reading everything, if there is one.
    [[nodiscard]] Result<void> read(const Segment& segment) const {
        for (const OwnRecord& record : records_) {
            const std::uint64_t hash = cold::hash_key(record.key, cold::segment_seed(kStore, 0));
            auto found = find_in(segment, record.key, hash, record.version);
            if (!found) return std::unexpected(found.error());
            if (!*found) ADD_FAILURE() << record.key << " is not there";
            if (!*found) continue;
            auto value = segment.value(found->record, found->hold);
            if (!value) return std::unexpected(value.error());
            EXPECT_EQ(*value, record.value);
        }
        for (std::size_t i = 0; i < segment.zones().blocks(); ++i) {
            if (auto block = segment.block(i); !block) return std::unexpected(block.error());
        }
        return {};
    }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    const RecordWorld world_{.keys = 500, .records = 800, .live = true, .large_values = true};
    const std::vector<OwnRecord> records_ = random_records(random_, world_);
    TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "segment";
    std::shared_ptr<Failures> failures_ = std::make_shared<Failures>();
    FailingFileIo io_{platform::make_posix_file_io(), failures_};
};

TEST_F(CopiedSegment, ReadsThatFailAreErrorsAsLongAsTheyDo) {
    const auto segment = open();
    must(read(*segment));
    failures_->fail_reads = true;
    expect_error(read(*segment), ErrorCode::io, path_.string());
    failures_->fail_reads = false;
    must(read(*segment));
}

TEST_F(CopiedSegment, AFileThatIsCutShortIsAnError) {
    const auto segment = open();
    must(read(*segment));
    std::filesystem::resize_file(path_, 4096);
    EXPECT_FALSE(read(*segment)) << "a mapping would end the process here";
}

TEST_F(CopiedSegment, DamageIsFoundAlsoAfterTheFirstLook) {
    const auto segment = open();
    must(read(*segment));
    const cold::SegmentHeader& header = segment->header();
    for (const std::uint64_t at : {segment->offset_of(3) + 100, header.index.offset + 200}) {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const char was = static_cast<char>(file.get());
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(was ^ 1)).flush();
        expect_error(read(*segment), ErrorCode::corrupt, path_.string());
        file.seekp(static_cast<std::streamoff>(at));
        file.put(was).flush();
        must(read(*segment));
    }
}

TEST_F(CopiedSegment, TheCacheSparesReadingBlocks) {
    const auto cache = std::make_shared<cold::BlockCache>(std::uint64_t{16} << 20, 2 * cold::kRecordsBeginMax);
    const auto segment = open(cache);
    must(segment->block(2));
    EXPECT_GT(cache->memory_bytes(), 0U);
    failures_->fail_reads = true;
    must(segment->block(2));
    EXPECT_FALSE(segment->block(5));
}

TEST_F(CopiedSegment, WhatItKeepsIsCounted) {
    const auto mapped = must(Segment::open(io_, path_, kStore, 1));
    const cold::SegmentHeader& header = mapped->header();
    EXPECT_GE(open()->memory_bytes(), mapped->memory_bytes() + header.zones.bytes + header.keys.bytes);
}

}  // namespace
}  // namespace zverse::test
