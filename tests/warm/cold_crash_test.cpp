// Goal:    after a power cut at any moment of flushes, merges and retention the cold tier is as it was before the
//          change in flight or behind it, with every record of the versions it says it has, and nothing of it is
//          damaged; a call that fails loses nothing either.
// Method:  the simulated disk, which forgets, tears and reorders what was not synced; one call after the other fails,
//          and at each the power goes in several ways; the tree is read whole and compared with a list of all records.
#include <support/cold_parts.h>
#include <support/seed.h>
#include <support/sim_file_io.h>

#include <cold/cold_tier.h>
#include <cold/tree_records.h>
#include <warm/history_choice.h>
#include <warm/history_merge.h>
#include <warm/slab_merge.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

namespace zverse::test {
namespace {

using cold::ColdTier;
using cold::kOpen;
using cold::TreeChange;

constexpr std::uint64_t kStore[2] = {3, 4};
const std::filesystem::path kDirectory = "/store";

/// Everything that was ever written, by version and key.
using Written = std::map<std::pair<Version, std::string>, OwnRecord>;

class ColdWorld {
public:
    /// In a directory of its own, which is durable.
    ColdWorld(Random& random, SimFileIo& io) : random_(random), io_(io) {
        must(io_.create_directories(kDirectory));
        must(io_.sync_directory("/"));
    }

    [[nodiscard]] Result<void> open() {
        tier_.reset();
        auto tier = ColdTier::open(io_, kDirectory, kStore);
        if (!tier) return std::unexpected(tier.error());
        tier_ = std::move(*tier);
        clock_ = std::max(clock_, tier_->state()->cut);
        if (auto started = tier_->start_writing(); !started) return started;
        return tier_->create_directory();
    }

    /// One flush, a whole merge or pack when one is due, or now and then of histories, or retention.
    [[nodiscard]] Result<void> work() {
        if (random_.one_in(8)) return retain();
        const auto tree = tier_->tree();
        auto choice = warm::choose_merge(*tree, 4, {});
        if (!choice) choice = warm::choose_pack(*tree, std::uint64_t{1} << random_.between(13, 20), {}, 3);
        if (!choice && random_.one_in(4)) choice = warm::choose_history_merge(*tree, tier_->state()->cut, {});
        if (!choice && random_.one_in(4)) {
            choice = warm::choose_expired(*tree, tier_->state()->floor, 0, tier_->state()->ids, {});
        }
        return choice ? merge(*choice) : flush();
    }

    [[nodiscard]] const ColdTier& tier() const { return *tier_; }
    [[nodiscard]] const Written& written() const { return written_; }
    [[nodiscard]] Version clock() const { return clock_; }
    std::uint64_t merged = 0, histories_merged = 0, packed = 0, flushed = 0, retained = 0;

private:
    cold::SlabPlan plan() {
        cold::SlabPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.directory = tier_->directory();
        plan.next_id = [this] { return tier_->next_id(); };
        plan.floor = tier_->state()->floor;
        plan.segment_bytes = 3000 + random_.below(3000);
        plan.waiting_bytes = 1500 + random_.below(3000);
        plan.block_bytes = 600;
        plan.kernels = &platform::kernels_for(platform::best_kernel_level());
        return plan;
    }

    [[nodiscard]] Result<void> flush() {
        const Version after = tier_->state()->cut;
        std::map<std::string, std::map<Version, OwnRecord, std::greater<>>> stripe;
        // What an earlier flush that failed took comes again, as from the rings.
        for (const auto& [place, record] : written_) {
            if (record.version > after) stripe[record.key][record.version] = record;
        }
        for (int i = 0; i < 40; ++i) {
            OwnRecord record{.key = "key" + std::to_string(random_.below(40)), .version = ++clock_};
            record.tombstone = random_.one_in(6);
            if (!record.tombstone) record.value = random_.bytes(random_.below(random_.one_in(20) ? 6000 : 50));
            written_[{record.version, record.key}] = record;
            stripe[record.key][record.version] = record;
        }
        cold::SlabPlan how = plan();
        how.live_component = tier_->next_id();
        how.history_component = tier_->next_id();
        how.slab_after = after;
        how.slab_upto = clock_;
        cold::SlabWriter writer(io_, std::move(how));
        TreeChange change;
        change.cut = clock_;
        const auto end_part = [&](const std::optional<std::string>& end) -> Result<void> {
            auto part = writer.end_part(end);
            if (!part) return std::unexpected(part.error());
            change.segments.insert(change.segments.end(), part->segments.begin(), part->segments.end());
            return {};
        };
        for (auto& [key, versions] : stripe) {
            if (writer.part_full(0)) {
                if (auto ended = end_part(key); !ended) return ended;
            }
            Version newer = kOpen;
            for (auto& [version, record] : versions) {
                record.superseded = newer;
                if (auto added = writer.add(record.view()); !added) return added;
                newer = version;
            }
        }
        if (auto ended = end_part(std::nullopt); !ended) return ended;
        writer.keep_parts();
        ++flushed;
        return tier_->commit(change);
    }

    [[nodiscard]] Result<std::unique_ptr<warm::PartMerge>> merge_of(const warm::MergeChoice& choice) {
        cold::SlabPlan how = plan();
        choice.fill(how, tier_->next_id(), tier_->next_id());
        if (!choice.of_history) return warm::SlabMerge::create(io_, choice.inputs, std::move(how));
        return std::make_unique<warm::HistoryMerge>(io_, choice.inputs, std::move(how), choice.if_expired);
    }

    [[nodiscard]] Result<void> merge(const warm::MergeChoice& choice) {
        auto merge = merge_of(choice);
        if (!merge) return std::unexpected(merge.error());
        cold::SlabPart gathered;
        while (!(*merge)->done()) {
            auto part = (*merge)->step(2000);
            if (!part) return std::unexpected(part.error());
            if (!*part) continue;
            auto& segments = gathered.segments;
            segments.insert(segments.end(), (*part)->segments.begin(), (*part)->segments.end());
            gathered.range_end = (*part)->range_end;
            if (choice.at_once && !(*merge)->done()) continue;
            (*merge)->keep_part();
            if (auto committed = commit(std::exchange(gathered, {}), choice); !committed) return committed;
            ++(choice.of_history ? histories_merged : merged);
            packed += choice.at_once ? 1 : 0;
        }
        return {};
    }

    [[nodiscard]] Result<void> commit(const cold::SlabPart& part, const warm::MergeChoice& choice) {
        TreeChange change;
        change.segments = part.segments;
        for (const auto& input : choice.inputs) {
            const bool taken = !part.range_end || *part.range_end > input->begin();
            if (taken && tier_->state()->components.contains(input->id())) {
                change.begins.emplace_back(input->id(), part.range_end);
            }
        }
        return tier_->commit(change);
    }

    /// What is all superseded by the floor goes as a whole.
    [[nodiscard]] Result<void> retain() {
        const Version floor = tier_->state()->floor;
        const Version raised = random_.between(floor, std::max(floor, tier_->state()->cut / 2));
        TreeChange change;
        change.floor = raised;
        for (const auto& component : tier_->tree()->all()) {
            if (component->superseded_max() <= raised) change.begins.emplace_back(component->id(), std::nullopt);
        }
        retained += change.begins.size();
        return tier_->commit(change);
    }

    Random& random_;
    SimFileIo& io_;
    std::unique_ptr<ColdTier> tier_;
    Written written_;
    Version clock_ = 0;
};

/// Opens what is on a disk: its cut is one of two, and it holds all records above the floor up to the cut.
void expect_whole(SimFileIo& io, const Written& written, Version before, Version after) {
    const auto tier = ColdTier::open(io, kDirectory, kStore);
    ASSERT_TRUE(tier) << describe(tier.error());
    const Version cut = (*tier)->state()->cut;
    ASSERT_TRUE(cut == before || cut == after) << cut << " is neither " << before << " nor " << after;
    const auto tree = (*tier)->tree();
    std::vector<cold::RecordPlace> places;
    const Version floor = (*tier)->state()->floor;
    (void)must(cold::records_of_range(io, *tree, {}, {floor, cut}, false, 1'000'000, places));
    std::size_t next = 0;
    for (const auto& [place, record] : written) {
        if (record.version <= floor || record.version > cut) continue;
        ASSERT_LT(next, places.size()) << "version " << record.version << " is lost";
        ASSERT_EQ(places[next].version, record.version);
        std::string key;
        const auto stored = must(cold::read_record(places[next], key));
        ASSERT_EQ(key, record.key);
        cold::BlockHold hold;
        ASSERT_EQ(must(places[next].segment->value(stored, hold)), record.value) << key;
        ++next;
    }
    ASSERT_EQ(next, places.size());
    // As of the floor, too: what is superseded there may go, what is alive may not.
    auto scan = must(cold::TreeScan::open(*tree, {}, floor, false));
    std::map<std::string, const OwnRecord*> alive;
    for (const auto& [place, record] : written) {
        if (record.version <= floor) alive[record.key] = &record;
    }
    for (const auto& [key, record] : alive) {
        if (record->tombstone) continue;
        ASSERT_TRUE(scan.valid() && scan.key() == key) << key << " as of the floor " << floor;
        ASSERT_EQ(must(scan.value()), record->value);
        must(scan.next());
    }
    ASSERT_FALSE(scan.valid());
}

TEST(ColdCrash, EveryPowerCutLeavesAWholeTree) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::uint64_t cuts = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 300 : 60'000);
    std::uint64_t merged = 0, histories_merged = 0, packed = 0, flushed = 0, retained = 0;
    for (std::uint64_t tried = 0; tried < cuts;) {
        SimFileIo io;
        ColdWorld world(random, io);
        must(world.open());
        for (int round = 0; round < 8; ++round) {
            const Version before = world.tier().state()->cut;
            io.fail_call(random.between(1, random.one_in(4) ? 40 : 600), EIO, true);
            Version reached = before;
            Result<void> worked;
            while (worked) {
                reached = world.tier().state()->cut;
                worked = world.work();
            }
            // The change in flight may have reached the disk or not.
            for (int cut = 0; cut < 12; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_whole(*disk, world.written(), reached, world.clock());
                if (::testing::Test::HasFailure()) return;
            }
            io.fail_no_more();
            // It was a process that ended, and the next one removes what it does not need; then power fails.
            io.refuse_new_files(random.one_in(2));
            must(world.open());
            io.refuse_new_files(false);
            const Version found = world.tier().state()->cut;
            ASSERT_TRUE(found == reached || found == world.clock());
            expect_whole(io, world.written(), found, found);
            for (int cut = 0; cut < 4; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_whole(*disk, world.written(), found, found);
                if (::testing::Test::HasFailure()) return;
            }
        }
        merged += world.merged, flushed += world.flushed, retained += world.retained;
        histories_merged += world.histories_merged, packed += world.packed;
    }
    std::printf("%lu flushes, %lu parts merged, %lu of histories, %lu packed, %lu components dropped\n", flushed,
                merged, histories_merged, packed, retained);
    if (kSanitized) return;  // too few states to have seen all
    EXPECT_GT(flushed, cuts / 60);
    EXPECT_GT(merged, cuts / 200);
    EXPECT_GT(histories_merged, cuts / 1000);
    EXPECT_GT(packed, cuts / 5000);
    EXPECT_GT(retained, 0U);
}

TEST(ColdCrash, ACallThatFailsOnceAtTheBeginningLosesNothingToAPowerCut) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::uint64_t cuts = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 300 : 60'000) / 10;
    std::uint64_t failed = 0;
    for (std::uint64_t tried = 0; tried < cuts;) {
        SimFileIo io;
        ColdWorld world(random, io);
        must(world.open());
        for (int round = 0; round < 8; ++round) {
            must(world.work());
            const Version reached = world.tier().state()->cut;
            io.fail_call(random.between(1, 24), EIO, false);
            failed += world.open() ? 0 : 1;
            for (int cut = 0; cut < 12; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_whole(*disk, world.written(), reached, reached);
                if (::testing::Test::HasFailure()) return;
            }
            io.fail_no_more();
            must(world.open());
        }
    }
    EXPECT_GT(failed, 0U);
}

/// Also without a crash: who fails once goes on, in the same process, and leaves no file that nobody needs.
TEST(ColdFailure, ACallThatFailsLosesNothingAndIsMadeUpFor) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::uint64_t calls = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 300 : 4'000);
    std::uint64_t failures = 0;
    for (std::uint64_t tried = 0; tried < calls;) {
        SimFileIo io;
        ColdWorld world(random, io);
        must(world.open());
        for (int round = 0; round < 60; ++round, ++tried) {
            io.fail_call(random.between(1, 40), random.one_in(2) ? ENOSPC : EIO, random.one_in(4));
            const Result<void> worked = world.work();
            failures += worked ? 0 : 1;
            io.fail_no_more();
            if (round % 10 != 0) continue;
            must(world.work());
            expect_whole(io, world.written(), world.tier().state()->cut, world.clock());
            if (::testing::Test::HasFailure()) return;
        }
        must(world.work());
        must(world.open());
        std::size_t named = 0;
        const auto state = world.tier().state();
        for (const auto& [id, component] : state->components) named += component.segments.size();
        EXPECT_EQ(must(io.list(kDirectory / "cold")).size(), named);
        EXPECT_EQ(must(io.list(kDirectory)).size(), 1U) << "more than a manifest";
    }
    EXPECT_GT(failures, calls / 10);
}

}  // namespace
}  // namespace zverse::test
