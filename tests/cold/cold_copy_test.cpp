// Goal:    whenever the power goes while a cold tier is put into another directory, there is no manifest there, or a
//          tier with every segment, whole; the first one is what it was.
// Method:  the simulated disk, which forgets, tears and reorders; each call fails, and at each the power goes in many
//          ways. Linked, and copied where links can't be.
#include <support/cold_parts.h>
#include <support/seed.h>
#include <support/sim_file_io.h>

#include <cold/cold_copy.h>

#include <gtest/gtest.h>

#include <cerrno>

namespace zverse::test {
namespace {

using cold::ColdTier;

constexpr std::uint64_t kStore[2] = {3, 4};

class ColdCopyTest : public ::testing::Test {
protected:
    ColdCopyTest() {
        must(io.create_directories("/store"));
        tier = must(ColdTier::open(io, "/store", kStore));
        must(tier->start_writing());
        must(tier->create_directory());
        cold::TreeChange change;
        for (int i = 0; i < 3; ++i) {
            RecordWorld world{
                .keys = 40, .records = 60, .after = Version(i) * 100, .upto = Version(i) * 100 + 100, .live = true};
            cold::SegmentPlan plan;
            plan.store[0] = kStore[0];
            plan.store[1] = kStore[1];
            plan.component = tier->next_id();
            plan.segment = tier->next_id();
            plan.kind = cold::SegmentKind::live;
            plan.slab_after = world.after;
            plan.slab_upto = world.upto;
            records.push_back(random_records(random, world));
            (void)write_segment(io, cold::segment_path(tier->directory(), plan.segment), plan, records.back());
            change.segments.push_back(plan.segment);
        }
        must(io.sync_directory(tier->directory()));
        change.cut = 300;
        change.others.pin("pin", 120);
        change.others.add_time(7, 1234);
        must(tier->commit(change));
    }
    [[nodiscard]] Result<void> copy(platform::FileIo& disk) const {
        return cold::copy_cold(disk, *tier->state(), kStore, tier->directory(), "/copy");
    }
    /// No manifest, or everything. Returns whether there is one.
    bool check(SimFileIo& disk) {
        EXPECT_EQ(*must(ColdTier::open(disk, "/store", kStore))->state(), *tier->state());
        bool manifest = false;
        for (const std::string& name : must(disk.list("/copy"))) manifest = manifest || name == "MANIFEST-1";
        if (!manifest) return false;
        const auto other = ColdTier::open(disk, "/copy", kStore);
        if (!other) {
            ADD_FAILURE() << describe(other.error());
            return true;
        }
        EXPECT_EQ(*(*other)->state(), *tier->state());
        const auto live = (*other)->tree()->live();  // newest first
        EXPECT_EQ(live.size(), records.size());
        for (std::size_t i = 0; i < live.size(); ++i) {
            EXPECT_EQ(read_all(*live[i]->parts().front()), records[records.size() - 1 - i]);
        }
        return true;
    }

    const SeedScope seed;
    Random random{seed.seed()};
    SimFileIo io;
    std::unique_ptr<ColdTier> tier;
    std::vector<std::vector<OwnRecord>> records;
};

TEST_F(ColdCopyTest, EveryPowerCutLeavesNoneOrAll) {
    std::uint64_t none = 0, whole = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        const auto disk = io.crash([](std::size_t options) { return options - 1; });
        disk->fail_call(nth, EIO, true);
        const auto done = copy(*disk);
        disk->fail_no_more();
        for (int cut = 0; cut < (kSanitized ? 5 : 30); ++cut) {
            const bool there = check(*disk->crash(random.next()));
            ++(there ? whole : none);
            EXPECT_TRUE(there || !done) << "returned, and is not there";
            if (HasFailure()) return;
        }
        if (done) break;
    }
    EXPECT_GT(none, 10U);
    EXPECT_GT(whole, 4U);
}

/// A disk on which there are no links.
TEST_F(ColdCopyTest, CopiesWhereThereCanBeNoLinks) {
    for (const int number : {EXDEV, EPERM, EMLINK}) {
        for (std::uint64_t nth = 2; nth < 40; ++nth) {
            const auto disk = io.crash([](std::size_t options) { return options - 1; });
            disk->fail_call(nth, number);
            const auto done = copy(*disk);
            for (int cut = 0; cut < 5; ++cut) {
                const bool there = check(*disk->crash(random.next()));
                EXPECT_TRUE(there || !done) << "returned, and is not there";
            }
            if (HasFailure()) return;
            // The first calls: the directory, then a link for each segment.
            EXPECT_TRUE(done || nth > 1 + records.size()) << "call " << nth;
        }
    }
}

TEST_F(ColdCopyTest, IsRemovedAgain) {
    must(copy(io));
    EXPECT_TRUE(check(io));
    cold::remove_cold_copy(io, *tier->state(), "/copy");
    EXPECT_EQ(must(io.list("/copy")).size() + must(io.list("/copy/cold")).size(), 0U);
    EXPECT_FALSE(check(io));
}

}  // namespace
}  // namespace zverse::test
