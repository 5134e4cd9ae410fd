// Goal:    What two or three threads do to the hot tier at once adds up: versions are one order that fits the order of
//          calls, every read is the newest as of its version and repeats, put_if and transactions stand on what they
//          checked, and whatever was shown or promised is on the medium at that moment.
// Method:  Random calls under random schedules that stop a thread before any atomic operation, flush or fence
//          (support/interleave.h). ZVERSE_INTERLEAVINGS: how many per shape.
#include <hot/interleave_world.h>
#include <support/seed.h>

namespace zverse::test {
namespace {

using platform::Granularity;

class Interleave : public ::testing::TestWithParam<InterleaveShape> {};

TEST_P(Interleave, CallsAddUp) {
    const SeedScope scope;
    const std::uint64_t wanted = environment_number("ZVERSE_INTERLEAVINGS", kSanitized ? 300 : 4'000);
    std::uint64_t helped = 0, raised = 0, conflicts = 0;
    for (std::uint64_t i = 0; i < wanted && !HasFailure(); ++i) {
        InterleaveWorld world(GetParam(), mix(scope.seed(), i));
        world.run(2 + i % 2, 2 + i % 5);
        helped += world.helped();
        raised += world.raised();
        conflicts += world.conflicts();
    }
    std::printf("%llu stamps by helpers, %llu floors raised, %llu conflicts\n", static_cast<unsigned long long>(helped),
                static_cast<unsigned long long>(raised), static_cast<unsigned long long>(conflicts));
    if (wanted < 300) return;
    EXPECT_GT(helped, 0U) << "no thread ever met another's frame";
    EXPECT_GT(raised, 0U);
    EXPECT_GT(conflicts, 0U);
}

std::string shape_name(const ::testing::TestParamInfo<InterleaveShape>& info) {
    return std::string(platform::to_string(info.param.granularity)) +
           (info.param.durability == Durability::power ? "_power_" : "_process_") + std::to_string(info.param.rings);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Interleave,
                         ::testing::Values(InterleaveShape{Granularity::cache_line, Durability::power, 1},
                                           InterleaveShape{Granularity::cache_line, Durability::power, 2},
                                           InterleaveShape{Granularity::cache_line, Durability::process, 2},
                                           InterleaveShape{Granularity::page, Durability::process, 1},
                                           InterleaveShape{Granularity::page, Durability::power, 2}),
                         shape_name);

}  // namespace
}  // namespace zverse::test
