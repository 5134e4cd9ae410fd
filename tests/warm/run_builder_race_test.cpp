// Goal:    A merge that a cut overtakes anywhere loses nothing above the new cut and keeps nothing below it.
// Method:  The merge is stopped at each of its atomic operations in turn (support/interleave.h), and a cut, an
//          extension and another merge come between.
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
    void cut(Version version) { builder_.show([&] { return cold::Settled{version, 0, nullptr}; }); }
    void extend() {
        EXPECT_TRUE(tier_.put("late", "v"));
        builder_.extend(1);
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

}  // namespace
}  // namespace zverse::test
