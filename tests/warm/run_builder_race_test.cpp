// Goal:    A merge that a cut overtakes anywhere loses nothing above the new cut and keeps nothing below it. Who reads
//          a new cut has the floor and the tree that belong to it.
// Method:  The merge is stopped at each of its atomic operations in turn (support/interleave.h), and a cut, an
//          extension and another merge come between. So is a cut, with a reader between.
#include <warm/run_builder.h>

#include <support/hot_parts.h>
#include <support/interleave.h>

#include <set>

namespace zverse::test {
namespace {

using warm::RunBuilder;
using warm::View;

constexpr std::uint64_t kRecords = 4 * 1100;  // four runs, together too large to be merged by an extension

class World {
public:
    World() : views_(tier_->epochs(), first_view()), builder_(*tier_, views_) {
        for (std::uint64_t i = 0; i < kRecords; ++i) {
            EXPECT_TRUE(tier_.put("key" + std::to_string(i * 7919 % kRecords), "v"));
            if (i % 1100 == 1099) builder_.extend(1);
        }
        EXPECT_TRUE(builder_.mergeable());
    }
    void merge() { builder_.merge_step(); }
    void cut(Version version, Version floor = 0, std::shared_ptr<const cold::Tree> tree = nullptr) {
        builder_.show([&] { return cold::Settled{version, floor, std::move(tree)}; });
    }
    void extend() {
        EXPECT_TRUE(tier_.put("late", "v"));
        builder_.extend(1);
    }
    /// What a reader finds.
    cold::Settled settled() {
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        const View& view = views_.current();
        return {view.cut, view.floor, view.tree};
    }
    void check(Version cut, std::uint64_t late) {
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        const View& view = views_.current();
        EXPECT_EQ(view.cut, cut);
        std::set<Version> versions;
        for (const auto& run : view.runs) {
            for (const auto& entry : run->entries()) {
                EXPECT_GT(entry.version, cut);
                EXPECT_TRUE(versions.insert(entry.version).second) << "version " << entry.version << " twice";
            }
        }
        EXPECT_EQ(versions.size(), kRecords + late - cut);
    }

private:
    std::unique_ptr<const View> first_view() {
        auto view = std::make_unique<View>();
        for (const auto& ring : tier_->rings()) view->coverage.push_back(ring->tail.load());
        return view;
    }
    PlainTier tier_{1, 1 << 20, {.index_bytes = 256 << 10}};
    warm::Views views_;
    RunBuilder builder_;
};

TEST(RunBuilderRace, ACutOvertakesAMerge) {
    for (const Version cut : {Version{1}, kRecords / 2, kRecords}) {
        std::uint64_t points = 0;
        for (std::uint64_t stop = 0; stop <= points && !::testing::Test::HasFailure(); ++stop) {
            World world;
            const auto used = interleave::run_with_stops(
                {{0, stop}}, {[&] { world.merge(); }, [&] { world.cut(cut), world.extend(), world.merge(); }});
            world.check(cut, 1);
            points = used[0];
            if (::testing::Test::HasFailure()) ADD_FAILURE() << "stopped after " << stop;
        }
    }
}

/// With the cut alone it would find neither in the runs nor in the tree what has just settled.
TEST(RunBuilderRace, AReaderFindsACutWithItsTree) {
    const auto place = std::make_shared<int>();  // any: nobody looks into the tree
    const std::shared_ptr<const cold::Tree> tree(place, reinterpret_cast<const cold::Tree*>(place.get()));
    std::uint64_t points = 0;
    bool before = false, after = false;
    for (std::uint64_t stop = 0; stop <= points && !::testing::Test::HasFailure(); ++stop) {
        World world;
        cold::Settled found;
        const auto used = interleave::run_with_stops(
            {{0, stop}}, {[&] { world.cut(kRecords / 2, 7, tree); }, [&] { found = world.settled(); }});
        points = used[0];
        (found.cut == 0 ? before : after) = true;
        EXPECT_EQ(found.cut, found.tree == nullptr ? 0 : kRecords / 2) << "stopped after " << stop;
        EXPECT_EQ(found.floor, found.tree == nullptr ? 0U : 7U) << "stopped after " << stop;
    }
    EXPECT_TRUE(before && after);
}

}  // namespace
}  // namespace zverse::test
