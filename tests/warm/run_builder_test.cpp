// Goal:    At any moment the runs of the view and the uncovered tails of the rings hold every committed record
//          above the cut exactly once, in order, and nothing else; spans tell where each of them lies.
// Method:  A random mix of writes, aborted transactions, extensions, merges and cuts, the view looked at after
//          each. A second thread writes and aborts beside them in another test.
#include <warm/run_builder.h>

#include <hot/walk.h>
#include <support/hot_parts.h>
#include <support/seed.h>
#include <support/threads.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace zverse::test {
namespace {

using warm::RunBuilder;
using warm::RunEntry;
using warm::View;

using Place = std::pair<std::string, Version>;

class RunBuilderTest : public ::testing::Test {
protected:
    RunBuilderTest() : views_(tier_->epochs(), first_view()), builder_(*tier_, views_) {}

    std::unique_ptr<const View> first_view() {
        auto view = std::make_unique<View>();
        for (const auto& ring : tier_->rings()) view->coverage.push_back(ring->tail.load());
        return view;
    }
    void write(Random& random) {
        const std::string key = random_key(random);
        if (random.one_in(6)) {
            const std::string other = key + "/other";
            std::vector<hot::Operation> both{{key, "v", tier_->hash(key)}, {other, "", tier_->hash(other), true}};
            std::sort(both.begin(), both.end(), [](const auto& a, const auto& b) { return a.hash < b.hash; });
            // As of the beginning: conflicts as soon as one of them was written before, and leaves an aborted frame.
            const bool conflicts = random.one_in(2);
            const auto version = conflicts ? tier_->write(both, 0) : tier_->write(both, std::nullopt);
            if (version) written_.insert({{key, *version}, {other, *version}});
            return;
        }
        const auto version = tier_.put(key, std::string(random.below(100), 'v'));
        if (version) written_.insert({key, *version});
    }
    static std::string random_key(Random& random) {
        return std::string(random.one_in(2) ? 17 : 3, 'k') + std::to_string(random.below(30));
    }

    /// Everything in runs and uncovered tails above the cut, each once; also checks order and spans.
    std::set<Place> held() {
        std::set<Place> found;
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        const View& view = views_.current();
        const auto add = [&](std::string_view key, Version version) {
            EXPECT_GT(version, view.cut);
            EXPECT_TRUE(found.insert({std::string(key), version}).second) << key << " of " << version << " twice";
        };
        for (const auto& run : view.runs) {
            for (std::size_t i = 0; i < run->entries().size(); ++i) {
                const RunEntry& entry = run->entries()[i];
                if (i > 0) {
                    EXPECT_TRUE(warm::entry_less(tier_->rings(), run->entries()[i - 1], entry)) << "order in a run";
                }
                const hot::OperationRef ref = warm::resolve(tier_->rings(), entry);
                EXPECT_TRUE(ref);
                if (!ref) continue;
                EXPECT_EQ(ref.stamp().number(), entry.version);
                add(ref.key(), entry.version);
                EXPECT_TRUE(spanned(*run, ref, entry.version)) << ref.key() << " of " << entry.version;
            }
        }
        for (const auto& ring : tier_->rings()) {
            const std::uint64_t begin = std::max(view.coverage[ring->shard()], ring->dead_head.load());
            hot::walk_frames(
                tier_->slots(), *ring, begin, ring->tail.load(), [&](std::uint64_t at, hot::FrameHeader& f) {
                    const hot::Stamp stamp{f.stamp};
                    if (f.kind() != hot::FrameKind::data || !stamp.is_committed() || stamp.number() <= view.cut) return;
                    hot::for_each_operation(*ring, at, [&](const hot::OperationHeader& op, std::uint64_t) {
                        add({reinterpret_cast<const char*>(&op + 1), op.key_bytes}, stamp.number());
                    });
                });
        }
        return found;
    }
    static bool spanned(const warm::Run& run, const hot::OperationRef& ref, Version version) {
        return std::any_of(run.spans().begin(), run.spans().end(), [&](const warm::Run::Span& span) {
            return span.shard == ref.ring->shard() && span.begin <= ref.frame_position() &&
                   ref.frame_position() < span.end && span.oldest <= version && version <= span.newest;
        });
    }
    std::set<Place> wanted() const {
        std::set<Place> above;
        for (const Place& place : written_) {
            if (place.second > cut_) above.insert(place);
        }
        return above;
    }
    /// Engine::drain() without readers.
    void drain() {
        const auto sealed = tier_->sync_all();
        ASSERT_TRUE(sealed);
        cut_ = *sealed;
        tier_.host.cut_value.store(cut_);
        builder_.show([&] { return cold::Settled{cut_, 0, nullptr}; });
        const auto ends = tier_->prefix_ends(cut_);
        tier_->move_dead_heads(ends);
        tier_->sweep_index();
        ASSERT_TRUE(tier_->move_free_heads(ends));
    }

    PlainTier tier_{2, 1 << 20, {.sharding = Sharding::by_key, .write_timeout = std::chrono::milliseconds(0)}};
    warm::Views views_;
    RunBuilder builder_;
    std::set<Place> written_;
    Version cut_ = 0;
};

TEST_F(RunBuilderTest, RunsAndTailsHoldEverythingOnce) {
    const SeedScope scope;
    Random random(scope.seed());
    std::uint64_t merges = 0;
    for (int step = 0; step < 1500 && !HasFailure(); ++step) {
        switch (random.below(10)) {
            case 0:
            case 1:
            case 2: builder_.extend(1); break;
            case 3: merges += builder_.merge_step() ? 1 : 0; break;
            case 4:
                if (random.one_in(20)) drain();
                break;
            case 5: {
                // A cut in the middle of everything, before heads move.
                if (!random.one_in(10)) break;
                cut_ = random.one_in(2) ? tier_->clock() : std::max(cut_, random.between(1, tier_->clock() + 1) - 1);
                builder_.show([&] { return cold::Settled{cut_, 0, nullptr}; });
                break;
            }
            default:
                for (std::uint64_t n = random.between(1, random.one_in(10) ? 300 : 10); n > 0; --n) write(random);
                break;
        }
        ASSERT_EQ(held(), wanted()) << "step " << step;
    }
    drain();
    EXPECT_TRUE(held().empty());
    const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
    EXPECT_TRUE(views_.current().runs.empty());
}

TEST_F(RunBuilderTest, RunsStayFew) {
    Random random(1);
    for (int i = 0; i < 6000; ++i) {
        write(random);
        if (i % 10 == 9) builder_.extend(1);
        while (builder_.mergeable()) EXPECT_TRUE(builder_.merge_step());
    }
    const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
    EXPECT_LE(views_.current().runs.size(), 3U * 8U) << "three of each size class at most";
    EXPECT_EQ(builder_.uncovered_bytes(), 0U);
    // Each record is copied once per size class.
    EXPECT_LE(builder_.merged_entries(), 8 * written_.size());
    EXPECT_EQ(held(), wanted());
}

TEST_F(RunBuilderTest, ExtendsOnlyWhenItIsWorthIt) {
    EXPECT_FALSE(builder_.extend(1)) << "nothing there";
    Random random(1);
    write(random);
    const std::uint64_t bytes = builder_.uncovered_bytes();
    EXPECT_GT(bytes, 0U);
    EXPECT_FALSE(builder_.extend(bytes + 1));
    EXPECT_TRUE(builder_.extend(bytes));
    EXPECT_EQ(builder_.uncovered_bytes(), 0U);
    const std::scoped_lock publishing(views_.publisher());
    write(random);
    EXPECT_FALSE(builder_.extend(1)) << "somebody else publishes: nobody waits";
}

/// Coverage stops at the oldest live announcement, whatever lies behind it.
TEST_F(RunBuilderTest, WhatIsNotStampedIsNotCovered) {
    Random random(1);
    for (int i = 0; i < 20; ++i) write(random);
    hot::Ring& ring = tier_->rings()[0];
    const std::uint64_t live = ring.tail.load();
    std::jthread([&] {
        tier_->slots().mine().announced.store(ring.address_of(live));
        tier_->slots().mine().announced_bytes.store(128);
    }).join();
    ring.tail.store(live + 128);  // reserved, not filled
    for (int i = 0; i < 20; ++i) write(random);
    EXPECT_TRUE(builder_.extend(1));
    {
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        EXPECT_EQ(views_.current().coverage[0], live);
    }
    EXPECT_EQ(held(), wanted());
}

/// Else an older state could be shown over a newer one.
TEST_F(RunBuilderTest, WhatIsSettledIsAskedForWhenNoOtherViewCanComeBetween) {
    builder_.show([&] {
        bool free = false;
        std::thread([&] {
            const std::unique_lock lock(views_.publisher(), std::try_to_lock);
            free = lock.owns_lock();
        }).join();
        EXPECT_FALSE(free);
        return cold::Settled{.cut = 0, .floor = 3, .tree = nullptr};
    });
    const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
    EXPECT_EQ(views_.current().floor, 3U);
}

/// Writers, an extender, a merger and a drainer at once; what comes out at the end must be all there is.
TEST_F(RunBuilderTest, BesideWritersAndCuts) {
    const SeedScope scope;
    std::mutex mutex;
    constexpr std::size_t kWriters = 2;
    const int writes = kSanitized ? 1500 : 8000;
    std::atomic<std::size_t> writing{kWriters};
    run_threads(kWriters + 3, [&](std::size_t thread) {
        Random random(mix(scope.seed(), thread));
        if (thread < kWriters) {
            for (int i = 0; i < writes; ++i) {
                const std::string key = random_key(random);
                const auto version = tier_.put(key, "value");
                if (!version) continue;
                const std::scoped_lock lock(mutex);
                written_.insert({key, *version});
            }
            writing.fetch_sub(1);
            return;
        }
        while (writing.load() > 0) {
            if (thread == kWriters) {
                builder_.extend(1);
            } else if (thread == kWriters + 1) {
                builder_.merge_step();
            } else {
                // As the engine drains: cut, grace, dead heads, grace, free heads.
                const auto grace = [this] {
                    const std::uint64_t epoch = tier_->epochs().begin_grace();
                    while (!tier_->epochs().passed(epoch)) std::this_thread::yield();
                };
                const auto sealed = tier_->sync_all();
                if (!sealed) continue;
                builder_.show([&] { return cold::Settled{*sealed, 0, nullptr}; });
                grace();
                const auto ends = tier_->prefix_ends(*sealed);
                tier_->move_dead_heads(ends);
                tier_->sweep_index();
                grace();
                EXPECT_TRUE(tier_->move_free_heads(ends));
                cut_ = *sealed;
            }
        }
    });
    builder_.extend(1);
    while (builder_.mergeable()) builder_.merge_step();
    EXPECT_EQ(held(), wanted());
}

}  // namespace
}  // namespace zverse::test
