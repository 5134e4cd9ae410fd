// Goal:    What interleave_test finds by chance where chances are good, found for certain in the situations that the
//          protocol comments of src/hot are about.
// Method:  Short scripts for two or three threads. All but the last are stopped once, at each of their atomic
//          operations in turn and in every combination; the last one runs meanwhile. Then all are held against each
//          other.
#include <hot/index.h>
#include <hot/interleave_world.h>
#include <support/seed.h>

namespace zverse::test {
namespace {

using platform::Granularity;
using World = InterleaveWorld;
using Scripts = std::vector<World::Script>;

constexpr InterleaveShape kPerWrite{Granularity::cache_line, Durability::power, 1};
constexpr InterleaveShape kProcess{Granularity::page, Durability::process, 1};
constexpr InterleaveShape kGroups{Granularity::page, Durability::power, 1};

std::string describe(const std::vector<interleave::Stop>& stops) {
    std::string text;
    for (const auto& stop : stops)
        text += " thread " + std::to_string(stop.thread) + " after " + std::to_string(stop.points);
    return text;
}

/// Tries every combination of stops on a world made anew by `prepare`, or as many of them by chance as are wanted.
void try_all_stops(InterleaveShape shape, const World::Script& prepare, const Scripts& scripts,
                   const std::function<void(World&)>& look = nullptr) {
    const std::uint64_t most = environment_number("ZVERSE_INTERLEAVINGS", kSanitized ? 300 : 4'000);
    Random random(choose_seed());
    std::vector<std::uint64_t> points(scripts.size(), 0);
    std::vector<interleave::Stop> stops;
    for (std::size_t i = 0; i + 1 < scripts.size(); ++i) stops.push_back({i, 0});
    for (std::uint64_t tried = 0; tried < most; ++tried) {
        World world(shape, 1);
        prepare(world);
        points = world.run_with_stops(stops, scripts);
        if (::testing::Test::HasFailure()) {
            ADD_FAILURE() << "stops at " << describe(stops);
            return;
        }
        if (look) look(world);
        if (stops.size() > 1) {
            for (std::size_t i = 0; i < stops.size(); ++i) stops[i].points = random.below(points[i] + 1);
        } else if (++stops[0].points > points[0]) {
            return;
        }
    }
}

/// Every pair of numbers of points below `first` and `second` goes into `stops`.
void try_grid(const World::Script& prepare, const Scripts& scripts, std::uint64_t first, std::uint64_t second,
              const std::function<std::vector<interleave::Stop>(std::uint64_t, std::uint64_t)>& stops) {
    for (std::uint64_t i = 0; i < first * second; ++i) {
        World world(kPerWrite, 1);
        prepare(world);
        const auto these = stops(1 + i % first, 1 + i / first);
        (void)world.run_with_stops(these, scripts);
        if (::testing::Test::HasFailure()) {
            ADD_FAILURE() << "stops at" << describe(these);
            return;
        }
    }
}

const World::Script kNothing = [](World&) {};

TEST(InterleaveScenario, WritersOfOneKeyAndAReaderThatReadsAgainAndAgain) {
    const SeedScope scope;
    std::uint64_t helped = 0;
    try_all_stops(
        kPerWrite, [](World& w) { w.put("a"); },
        {[](World& w) { w.put("a"); }, [](World& w) { w.put("a"); },
         [](World& w) {
             for (int i = 0; i < 6; ++i) w.put("e"), w.read("a");
         }},
        [&](World& w) { helped += w.helped_by_readers(); });
    EXPECT_GT(helped, 0U) << "raised three times, a writer is helped, or it might starve";
}

TEST(InterleaveScenario, ABatchThatStandsOnSettledGroundIsHelped) {
    std::uint64_t helped = 0;
    try_all_stops(
        kPerWrite, [](World& w) { w.put("a"); },
        {[](World& w) { w.batch({{"a", "x"}, {"c", "y"}}, false); },
         [](World& w) {
             for (int i = 0; i < 6; ++i) w.put("e"), w.read("a"), w.read("c");
         }},
        [&](World& w) { helped += w.helped_by_readers(); });
    EXPECT_GT(helped, 0U) << "raised three times, a batch is helped, or it might starve";
}

TEST(InterleaveScenario, AScanMeetsFramesThatAreNotPublished) {
    const World::Script scans = [](World& w) {
        for (int i = 0; i < 6; ++i) w.put("e"), w.scan();
        w.put("a");
        w.read("a");
    };
    try_all_stops(kPerWrite, [](World& w) { w.put("a"); }, {[](World& w) { w.put("a"); }, scans});
    try_all_stops(kPerWrite, [](World& w) { w.put("a"); }, {[](World& w) { w.put_if("a"); }, scans});
    try_all_stops(kPerWrite, [](World& w) { w.put("a"); },
                  {[](World& w) { w.batch({{"a", "x"}, {"b", "y"}}, false); }, scans});
}

TEST(InterleaveScenario, AWalkStepsOverReservationsOfAnyLength) {
    const SeedScope scope;
    // Frames of an earlier lap lie under the new ones: a wrong step meets something.
    const World::Script lap = [](World& w) {
        for (int i = 0; i < 70; ++i) {
            w.put("d", 8);
            if (i % 35 == 34) w.drain();
        }
    };
    const World::Script walks = [](World& w) {
        w.put("c", 40);
        w.scan();
        w.put("c", 400);
        w.drain();
        w.read("c");
    };
    try_all_stops(kPerWrite, lap, {[](World& w) { w.put("a", 700); }, [](World& w) { w.put("b", 8); }, walks});
    try_all_stops(kPerWrite, lap, {[](World& w) { w.put("a", 8); }, [](World& w) { w.put("b", 700); }, walks});
}

/// slot.h A2: an attempt that failed, with a length that is not that of the frame there, in the first slot of a walk.
TEST(InterleaveScenario, AWalkMeetsAnAttemptThatWillFail) {
    const World::Script walks = [](World& w) { w.put("c", 40), w.scan(); };
    try_grid([](World& w) { w.put("d"); }, {[](World& w) { w.put("a", 700); }, [](World& w) { w.put("b", 8); }, walks},
             30, 30,
             [](std::uint64_t fails, std::uint64_t reserves) {
                 return std::vector<interleave::Stop>{{1, 10}, {0, fails}, {1, reserves}};
             });
}

/// slot.h A2: between the walker's two looks at an announcement its owner has come to another reservation.
TEST(InterleaveScenario, AWalkerReadsTheLengthOfALaterReservation) {
    const SeedScope scope;
    Random random(scope.seed());
    const std::uint64_t wanted = environment_number("ZVERSE_INTERLEAVINGS", kSanitized ? 300 : 4'000) * 4;
    const Scripts scripts{[](World& w) { w.put("a", 8), w.put("b", 700); }, [](World& w) { w.put("c", 8), w.scan(); }};
    for (std::uint64_t i = 0; i < wanted; ++i) {
        const std::vector<interleave::Stop> stops{
            {0, random.between(4, 16)}, {1, random.between(20, 60)}, {0, random.between(10, 60)}, {1, 1000}};
        World world(kPerWrite, 1);
        (void)world.run_with_stops(stops, scripts);
        if (HasFailure()) {
            ADD_FAILURE() << "stops at" << describe(stops);
            return;
        }
    }
}

/// slot.h A2: a reservation that has no length yet must not be stepped over by the length of an earlier one.
TEST(InterleaveScenario, AWalkerMeetsAReservationBeforeItsLength) {
    for (const InterleaveShape shape : {kPerWrite, kProcess}) {
        try_all_stops(
            shape, [](World&) {},
            {[](World& w) { w.put("a", 700), w.put("b", 8); }, [](World& w) { w.put("c", 8), w.scan(), w.sync(); }});
    }
}

/// Whoever publishes on top of a chain reads its operations, whose space may be given away meanwhile.
TEST(InterleaveScenario, ChainsAreFollowedPinned) {
    const World::Script before = [](World& w) { w.put("a"); };
    const World::Script look = [](World& w) { w.expect_publisher_pinned("a"); };
    for (const InterleaveShape shape : {kPerWrite, kProcess, kGroups}) {
        try_all_stops(shape, before, {[](World& w) { w.put("a"); }, look});
        try_all_stops(shape, before, {[](World& w) { w.put_if("a"); }, look});
        try_all_stops(shape, before, {[](World& w) { w.batch({{"a", "1"}, {"b", "2"}}, false); }, look});
        try_all_stops(shape, before, {[](World& w) { w.batch({{"a", "1"}, {"b", "2"}}, true); }, look});
    }
}

TEST(InterleaveScenario, SpaceIsUsedAgainOnlyWhenTheHeadIsOnTheMedium) {
    const World::Script full = [](World& w) {
        w.put("a", 100);
        w.settle();
        w.fill();
        w.settle();
    };
    for (const InterleaveShape shape : {kPerWrite, kProcess, kGroups}) {
        try_all_stops(shape, full,
                      {[](World& w) { w.drain(); },
                       [](World& w) {
                           for (int i = 0; i < 8; ++i) w.put("b", 100);
                           w.sync();
                           w.settle();
                       }});
    }
}

TEST(InterleaveScenario, SyncsAndSettlingBesideWriters) {
    for (const InterleaveShape shape : {kPerWrite, kProcess, kGroups}) {
        const World::Script before = [](World& w) { w.put("a"), w.sync(), w.put("b"); };
        const World::Script syncs = [](World& w) { w.sync(), w.settle(), w.put("c"), w.sync(), w.settle(); };
        try_all_stops(shape, before, {[](World& w) { w.put("a", 200); }, syncs});
        try_all_stops(shape, before, {[](World& w) { w.put_if("a"); }, syncs});
        try_all_stops(shape, before, {[](World& w) { w.sync(); }, [](World& w) { w.put("a"), w.put("b"), w.sync(); }});
        try_all_stops(shape, before, {[](World& w) { w.settle(); }, [](World& w) { w.put("a"), w.sync(); }});
    }
}

TEST(InterleaveScenario, SealsBesideWritersAndHelpers) {
    const SeedScope scope;
    try_all_stops(kPerWrite, [](World& w) { w.put("a"); },
                  {[](World& w) { w.put("a"); }, [](World& w) { w.put("a"); },
                   [](World& w) { w.seal(), w.put("e"), w.seal(), w.settle(); }});
}

/// Whoever looks at an announced frame is pinned, or its space is used again beneath the look.
TEST(InterleaveScenario, ASealLooksAtAFrameThatIsTakenAwayMeanwhile) {
    try_grid([](World& w) { w.put("c"); },
             {[](World& w) { w.put("a"); }, [](World& w) { w.seal(); },
              [](World& w) {
                  w.drain();
                  for (int i = 0; i < 5; ++i) w.put("b", 1500);
                  w.drain();
                  for (int i = 0; i < 4; ++i) w.put("b", 1500);
              }},
             30, 14,
             [](std::uint64_t writes, std::uint64_t seals) {
                 return std::vector<interleave::Stop>{{0, writes}, {1, seals}, {0, 1000}};
             });
}

TEST(InterleaveScenario, TransactionsBatchesAndConditionalWritesOnTheSameKeys) {
    const SeedScope scope;
    const World::Script before = [](World& w) { w.put("a"), w.put("b"), w.put("c"); };
    const World::Script transaction = [](World& w) { w.batch({{"a", "1"}, {"c", "2"}}, true); };
    const World::Script batch = [](World& w) { w.batch({{"a", "3"}, {"b", "4"}, {"c", "5"}}, false); };
    const World::Script condition = [](World& w) { w.put_if("c"), w.read("a"), w.read("c"); };
    try_all_stops(kPerWrite, before, {transaction, batch, condition});
    try_all_stops(kPerWrite, before, {batch, transaction, condition});
    try_all_stops(kPerWrite, before, {condition, [](World& w) { w.batch({{"b", "6"}, {"c", "7"}}, true); }});
    try_all_stops(kGroups, before, {transaction, condition});
    try_all_stops(kGroups, before, {condition, transaction});
}

TEST(InterleaveScenario, NewKeysAndKeysWhoseEntryIsDead) {
    const SeedScope scope;
    const Scripts threads{[](World& w) { w.put("a"); }, [](World& w) { w.put("a"); },
                          [](World& w) { w.put("a"), w.read("a"), w.put("b"), w.read("a"); }};
    try_all_stops(kPerWrite, kNothing, threads);
    try_all_stops(kPerWrite, [](World& w) { w.put("a"), w.put("c"), w.drain(); }, threads);
    try_all_stops(kPerWrite, kNothing, {[](World& w) { w.put_if("a"); }, threads[0], [](World& w) { w.put_if("a"); }});
}

/// X1 by itself: threads that insert tags of one bucket, all of them new.
TEST(InterleaveScenario, IndexInsertions) {
    const SeedScope scope;
    constexpr std::uint64_t kRing = 4096;
    const std::uint64_t wanted = environment_number("ZVERSE_INTERLEAVINGS", kSanitized ? 1'000 : 4'000) * 2;
    AlignedMemory memory(hot::kHeaderAreaBytes + kRing);
    NoObserver nobody;
    const platform::PersistDomain domain(Granularity::byte, nobody);
    format_rings(memory.span(), 1, domain);
    std::string problem;
    const hot::RingSet rings(attach_rings(memory.span(), 1, domain, problem));
    ASSERT_EQ(problem, "");
    for (std::uint64_t i = 0; i < wanted && !HasFailure(); ++i) {
        Random random(mix(scope.seed(), i));
        rings[0].dead_head.store(kRing);
        const auto made = hot::Index::create(rings, {.bytes = 128});
        ASSERT_TRUE(made);
        hot::Index& index = **made;
        // Two entries of other tags die first: who takes one over owes its credit.
        constexpr std::uint64_t kDead = 2;
        std::int64_t credits = 0;
        for (std::uint64_t n = 0; n < kDead; ++n) {
            const std::uint64_t hash = (3 + n) << 48;
            const auto inserted = index.insert(hash, index.probe(hash), hot::make_address(0, kRing + 8 * n), credits);
            ASSERT_EQ(inserted, hot::Index::Insertion::done);
        }
        rings[0].dead_head.store(kRing + 64);
        std::atomic<std::uint64_t> places{0};
        std::set<std::uint64_t> tags;
        // What was put there for good, by tag. No thread is stopped between its last step and the note here.
        std::map<std::uint64_t, std::set<hot::Address>> confirmed;
        const auto look = [&](std::uint64_t tag) {
            const bool there = !confirmed[tag].empty();
            const auto found = index.find(tag << 48);
            const interleave::Undisturbed undisturbed;
            if (there && !found) ADD_FAILURE() << "an entry that was there is not found, schedule " << i;
            if (found && !confirmed[tag].contains(found.address())) ADD_FAILURE() << "not confirmed, schedule " << i;
        };
        std::vector<std::function<void()>> bodies;
        for (int thread = 0; thread < 4; ++thread) {
            const std::uint64_t tag = random.between(1, 2);
            tags.insert(tag);
            bodies.emplace_back([&, tag] {
                look(3 - tag);
                const std::uint64_t hash = tag << 48;
                const hot::Address mine = hot::make_address(0, kRing + 64 + 8 * places.fetch_add(1));
                for (bool done = false; !done;) {
                    const auto probe = index.probe(hash);
                    done = probe.live() ? index.replace(probe, mine)
                                        : index.insert(hash, probe, mine, credits) == hot::Index::Insertion::done;
                }
                confirmed[tag].insert(mine);
                look(tag);
                look(3 - tag);
            });
        }
        interleave::run(mix(scope.seed(), i), bodies);
        rings[0].dead_head.store(2 * kRing);
        ASSERT_EQ(index.sweep() + static_cast<std::uint64_t>(credits), tags.size() + kDead)
            << "one entry per tag, and no credit lost, schedule " << i;
        for (const std::uint64_t tag : tags) {
            const hot::Address again = hot::make_address(0, 2 * kRing + 8 * tag);
            ASSERT_EQ(index.insert(tag << 48, index.probe(tag << 48), again, credits), hot::Index::Insertion::done)
                << "something is left behind, schedule " << i;
        }
    }
}

}  // namespace
}  // namespace zverse::test
