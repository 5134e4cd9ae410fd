// Goal:    a tree of components, whatever was merged so far, answers every read as of every version as a map of
//          versions does: single keys, scans, histories and changes, in both directions.
// Method:  random stripes, flushed as a flush does; merges of four, some beside each other, and of all, and of
//          histories, taken part by part, with the tree as it is in between; parts and blocks so small that everything
//          has many. Retention moves a floor; above it nothing may change.
#include <support/cold_parts.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <cold/changes_sort.h>
#include <cold/key_history.h>
#include <cold/tree_records.h>
#include <warm/history_choice.h>
#include <warm/history_merge.h>
#include <warm/slab_merge.h>

#include <gtest/gtest.h>

#include <map>

#include <malloc.h>

namespace zverse::test {
namespace {

using cold::Component;
using cold::kOpen;
using cold::RecordPlace;
using cold::Segment;
using cold::Tree;
using cold::VersionStretch;

constexpr std::uint64_t kStore[2] = {3, 4};

struct Shape {
    std::size_t keys = 200;
    std::size_t stripe = 300;  ///< operations
    std::string curve;
    unsigned floor_every = 0;  ///< stripes
    bool compress = false;
    bool large_values = false;  ///< some, outside of their blocks
};

class SlabMergeTest : public ::testing::TestWithParam<int> {
protected:
    SlabMergeTest() {
        // What nobody holds any more reads as something else, so that a record of a block that was let go is noticed.
        (void)mallopt(M_PERTURB, 0x5a);
    }

    static Shape shape() {
        switch (GetParam()) {
            case 0: return {.keys = 300};
            case 1: return {.keys = 20};
            case 2: return {.keys = 60, .curve = "kv"};
            case 3: return {.keys = 60, .curve = "k"};
            case 4: return {.keys = 60, .floor_every = 2};
            case 7: return {.keys = 60, .floor_every = 3, .large_values = true};
            case 6: return {.keys = 100, .compress = platform::has_compression()};
            default: return {.keys = 5000, .stripe = 500};
        }
    }

    cold::SlabPlan plan() {
        cold::SlabPlan plan;
        plan.store[0] = kStore[0];
        plan.store[1] = kStore[1];
        plan.directory = directory_.path();
        plan.next_id = [this] { return ++ids_; };
        plan.floor = floor_;
        plan.segment_bytes = 4096 + random_.below(20'000);
        plan.waiting_bytes = 2000 + random_.below(20'000);
        plan.block_bytes = 300 + random_.below(600);
        plan.kernels = &platform::kernels_for(platform::best_kernel_level());
        if (shape_.compress) {
            plan.compression = Compression::history;
            plan.block_bytes += 700;  // so that some shrink by a unit
        }
        plan.curve.rule = shape_.curve;
        return plan;
    }

    std::string random_value(std::size_t operation) {
        // Some in stretches, so that pieces hold values and the blocks that name them.
        const bool large = shape_.large_values && (random_.one_in(30) || operation % 100 < 10);
        if (large) return random_.bytes(random_.between(4000, 9000));
        return shape_.compress ? random_text(random_) : random_.bytes(random_.below(50));
    }

    /// Random writes, noted in the model and flushed.
    void flush_stripe() {
        const Version after = clock_;
        std::map<std::string, std::map<Version, OwnRecord, std::greater<>>> stripe;
        for (std::size_t i = 0; i < shape_.stripe; ++i) {
            OwnRecord record;
            record.key = "key" + std::to_string(random_.below(shape_.keys));
            // Or a part of the batch before it.
            const bool joins = random_.one_in(3) && clock_ > after && !model_[record.key].contains(clock_);
            record.version = joins ? clock_ : ++clock_;
            record.tombstone = random_.one_in(6);
            if (!record.tombstone) record.value = random_value(i);
            model_[record.key][record.version] = record;
            stripe[record.key][record.version] = record;
        }
        clock_ += random_.below(3);  // versions nobody wrote
        cold::SlabPlan how = plan();
        how.live_component = ++ids_;
        how.history_component = ++ids_;
        how.slab_after = after;
        how.slab_upto = clock_;
        cold::SlabWriter writer(*io_, std::move(how));
        for (auto& [key, versions] : stripe) {
            if (writer.part_full(0)) take(must(writer.end_part(key)));
            firsts_.push_back(versions.rbegin()->first);
            Version newer = kOpen;
            for (auto& [version, record] : versions) {
                record.superseded = newer;
                must(writer.add(record.view()));
                newer = version;
            }
        }
        take(must(writer.end_part(std::nullopt)));
        writer.keep_parts();
    }

    /// What was all superseded by then goes as a whole.
    void raise_floor() {
        // Often right before a version that a merge finds to supersede one of another stripe.
        const Version raised = random_.one_in(3) || firsts_.empty() ? random_.between(floor_, clock_)
                                                                    : firsts_[random_.below(firsts_.size())] - 1;
        floor_ = std::max(floor_, raised);
        firsts_.clear();
        for (const auto& component : tree().all()) {
            if (component->superseded_max() <= floor_) parts_.erase(component->id());
        }
    }

    void take(const cold::SlabPart& part) {
        for (const std::uint64_t id : part.segments) {
            auto segment = must(Segment::open(*io_, cold::segment_path(directory_.path(), id), kStore, id));
            compressed_ += segment->header().features == cold::features::kZstd ? 1 : 0;
            parts_[segment->header().component].push_back(std::move(segment));
        }
    }

    Tree tree() const {
        Tree::Components components;
        for (const auto& [id, parts] : parts_) {
            const auto begin = begins_.find(id);
            components.push_back(
                std::make_shared<Component>(parts, begin == begins_.end() ? std::string() : begin->second));
        }
        return {components, cold::segment_seed(kStore, 0)};
    }

    struct Merging {
        warm::MergeChoice choice;
        std::unique_ptr<warm::PartMerge> merge;
        std::vector<cold::SlabPart> gathered;  ///< parts that are to count together
    };

    [[nodiscard]] bool merges_histories() const {
        return std::ranges::any_of(merging_, [](const Merging& each) { return each.choice.of_history; });
    }

    std::optional<warm::MergeChoice> choose_pack(const Tree& now) {
        if (merges_histories()) return {};
        const std::uint64_t memory = std::uint64_t{1} << random_.between(13, 23);
        return warm::choose_pack(now, memory, running_, random_.between(3, 10));
    }

    /// A merge of histories, or of one of which something may be forgotten; one at a time.
    std::optional<warm::MergeChoice> choose_of_history(const Tree& now) {
        if (merges_histories()) return {};
        auto choice = warm::choose_history_merge(now, clock_ - random_.below(clock_ / 2 + 1), running_);
        if (!choice) choice = warm::choose_expired(now, floor_, random_.below(ids_ + 1), ids_, running_);
        if (choice && running_.levels.contains(choice->level)) return {};
        return choice;
    }

    std::unique_ptr<warm::PartMerge> merge_of(const warm::MergeChoice& choice) {
        cold::SlabPlan how = plan();
        choice.fill(how, ids_ + 1, ids_ + 2);
        ids_ += 2;
        if (choice.of_history) {
            ++histories_merged_;
            if (choice.inputs.size() > 1) how.waiting_bytes *= 4;
            return std::make_unique<warm::HistoryMerge>(*io_, choice.inputs, std::move(how), choice.if_expired);
        }
        // In pieces of a few blocks, or of many.
        const std::uint64_t read_bytes = random_.one_in(2) ? 1 : warm::SlabMerge::kReadBytesUsual;
        return must(warm::SlabMerge::create(*io_, choice.inputs, std::move(how), read_bytes));
    }

    /// Begins what may be begun beside the merges at work; now and then a compaction when there are none.
    void begin_merges() {
        for (;;) {
            const Tree now = tree();
            auto choice = warm::choose_merge(now, 4, running_);
            if (!choice && merging_.empty() && random_.one_in(8)) choice = warm::choose_compaction(now, clock_);
            if (!choice && random_.one_in(2)) choice = choose_pack(now);
            if (!choice && (draining_ || random_.one_in(8))) choice = choose_of_history(now);
            if (!choice) return;
            for (const auto& input : choice->inputs) {
                ASSERT_TRUE(running_.inputs.insert(input->id()).second) << "in two merges";
            }
            ASSERT_TRUE(running_.levels.insert(choice->level).second) << "two merges into one level";
            most_at_once_ = std::max(most_at_once_, running_.levels.size());
            auto merge = merge_of(*choice);
            merging_.push_back({std::move(*choice), std::move(merge)});
        }
    }

    void end_merge(std::size_t index) {
        const warm::MergeChoice& choice = merging_[index].choice;
        for (const auto& input : choice.inputs) running_.inputs.erase(input->id());
        running_.levels.erase(choice.level);
        merging_.erase(merging_.begin() + static_cast<std::ptrdiff_t>(index));
    }

    /// A part of one of the merges at work, which now and then ends before it is done. False when there is none.
    bool merge_part() {
        begin_merges();
        if (merging_.empty()) return false;
        const std::size_t index = random_.below(merging_.size());
        Merging& chosen = merging_[index];
        std::optional<cold::SlabPart> part;
        while (!part && !chosen.merge->done()) part = must(chosen.merge->step(500));
        if (!part) {  // nothing was expired
            end_merge(index);
            return true;
        }
        ++parts_merged_;
        const bool over = chosen.merge->done();
        const bool together = chosen.choice.at_once;
        chosen.gathered.push_back(std::move(*part));
        if (over || !together) {
            chosen.merge->keep_part();
            packs_ += together ? 1 : 0;
            for (const cold::SlabPart& each : chosen.gathered) take_part(each, chosen.choice);
            chosen.gathered.clear();
        }
        if (over || random_.one_in(8)) end_merge(index);
        return true;
    }

    void take_part(const cold::SlabPart& part, const warm::MergeChoice& choice) {
        take(part);
        for (const auto& input : choice.inputs) {
            if (part.range_end) {
                std::string& begin = begins_[input->id()];
                begin = std::max(begin, *part.range_end);
            } else {
                parts_.erase(input->id());
            }
        }
    }

    /// The newest record as of v, by the model.
    const OwnRecord* newest(const std::string& key, Version v) const {
        const auto found = model_.find(key);
        if (found == model_.end()) return nullptr;
        auto behind = found->second.upper_bound(v);
        return behind == found->second.begin() ? nullptr : &std::prev(behind)->second;
    }

    /// Often the newest or the oldest that may be asked for.
    Version random_version() {
        if (random_.one_in(3)) return clock_;
        return random_.one_in(3) ? floor_ : random_.between(floor_, clock_);
    }

    void check_find(const Tree& tree, const std::string& key, Version v) {
        Tree::Hit hit;
        must(tree.find(key, tree.hash(key), v, hit));
        const OwnRecord* expected = newest(key, v);
        const bool live = expected != nullptr && !expected->tombstone;
        ASSERT_EQ(hit && !hit.record.tombstone, live) << key << " as of " << v;
        if (!live) return;
        ASSERT_EQ(hit.record.version, expected->version) << key << " as of " << v;
        ASSERT_EQ(must(hit.segment->value(hit.record, hit.hold)), expected->value);
    }

    void check_scan(const Tree& tree, Version v, bool reverse) {
        std::string begin = random_.one_in(3) ? "" : "key" + std::to_string(random_.below(shape_.keys));
        std::optional<std::string> end;
        if (!random_.one_in(3))
            end = "key" + std::to_string(random_.below(shape_.keys)) + (random_.one_in(2) ? "" : "x");
        std::vector<const OwnRecord*> expected;
        for (const auto& [key, versions] : model_) {
            if (key < begin || (end && key >= *end)) continue;
            const OwnRecord* record = newest(key, v);
            if (record != nullptr && !record->tombstone) expected.push_back(record);
        }
        if (reverse) std::ranges::reverse(expected);
        auto scan = must(cold::TreeScan::open(tree, {begin, end}, v, reverse));
        for (const OwnRecord* record : expected) {
            ASSERT_TRUE(scan.valid()) << "before " << record->key << " as of " << v << (reverse ? " reversed" : "");
            ASSERT_EQ(scan.key(), record->key) << "as of " << v << (reverse ? " reversed" : "");
            ASSERT_EQ(scan.version(), record->version) << record->key << " as of " << v;
            ASSERT_EQ(must(scan.value()), record->value);
            must(scan.next());
        }
        ASSERT_FALSE(scan.valid()) << scan.key() << " as of " << v << (reverse ? " reversed" : "");
    }

    VersionStretch random_versions() {
        const Version after = random_.between(floor_, clock_);
        return {after, random_.one_in(3) ? clock_ : random_.between(after, clock_)};
    }

    void expect_place(const RecordPlace& place, const OwnRecord& expected) {
        std::string key;
        const cold::HeldRecord record = must(cold::read_record(place, key));
        ASSERT_EQ(key, expected.key) << "version " << expected.version;
        ASSERT_EQ(place.version, expected.version) << key;
        ASSERT_EQ(record.version, expected.version) << key;
        ASSERT_EQ(record.tombstone, expected.tombstone) << key;
        cold::BlockHold hold;
        ASSERT_EQ(must(place.segment->value(record, hold)), expected.value) << key;
    }

    /// Reads stretch by stretch until all of `wanted` is there; what came must be `expected`.
    void check_stretches(VersionStretch wanted, bool downwards, const std::vector<const OwnRecord*>& expected,
                         const std::function<VersionStretch(VersionStretch, std::vector<RecordPlace>&)>& read) {
        std::size_t next = 0;
        std::vector<RecordPlace> places;
        while (wanted.after < wanted.upto) {
            const VersionStretch whole = read(wanted, places);
            for (const RecordPlace& place : places) {
                ASSERT_LT(next, expected.size());
                expect_place(place, *expected[next++]);
                if (HasFatalFailure()) return;
            }
            ASSERT_TRUE(downwards ? whole.upto == wanted.upto : whole.after == wanted.after);
            ASSERT_LT(whole.after, whole.upto);
            if (downwards) {
                wanted.upto = whole.after;
            } else {
                wanted.after = whole.upto;
            }
        }
        ASSERT_EQ(next, expected.size());
    }

    void check_history(const Tree& tree, const std::string& key, VersionStretch wanted, bool reverse) {
        std::vector<const OwnRecord*> expected;
        for (const auto& [version, record] : model_[key]) {
            if (version > wanted.after && version <= wanted.upto) expected.push_back(&record);
        }
        if (!reverse) std::ranges::reverse(expected);
        const std::size_t at_once = random_.one_in(2) ? random_.between(1, 4) : cold::KeyHistory::kBlocksAtOnceUsual;
        auto history = must(cold::KeyHistory::open(tree, key, wanted, reverse, at_once));
        for (const OwnRecord* record : expected) {
            ASSERT_TRUE(history.valid()) << key << " ends before version " << record->version;
            ASSERT_EQ(history.version(), record->version) << key << (reverse ? ", oldest first" : "");
            ASSERT_EQ(history.tombstone(), record->tombstone) << key << " at " << record->version;
            ASSERT_EQ(must(history.value()), record->value) << key << " at " << record->version;
            must(history.next());
        }
        ASSERT_FALSE(history.valid()) << key << " goes on with version " << history.version();
    }

    void check_changes(const Tree& tree, VersionStretch wanted, bool reverse) {
        std::string begin = random_.one_in(2) ? "" : "key" + std::to_string(random_.below(shape_.keys));
        std::optional<std::string> end;
        if (random_.one_in(2)) end = "key" + std::to_string(random_.below(shape_.keys));
        std::vector<const OwnRecord*> expected;
        for (const auto& [key, versions] : model_) {
            if (key < begin || (end && key >= *end)) continue;
            for (const auto& [version, record] : versions) {
                if (version > wanted.after && version <= wanted.upto) expected.push_back(&record);
            }
        }
        std::ranges::sort(expected, [&](const OwnRecord* a, const OwnRecord* b) {
            const auto less = std::pair(a->version, a->key) <=> std::pair(b->version, b->key);
            return reverse ? less > 0 : less < 0;
        });
        const std::size_t most = random_.one_in(2) ? 100'000 : random_.between(1, 200);
        check_stretches(wanted, reverse, expected, [&](VersionStretch rest, std::vector<RecordPlace>& places) {
            return must(cold::records_of_range(*io_, tree, {begin, end}, rest, reverse, most, places));
        });
        if (!HasFailure()) check_sorted(tree, {{begin, end}, wanted, reverse, random_.one_in(4)}, expected);
    }

    /// The same, sorted at once.
    void check_sorted(const Tree& tree, const cold::ChangesSort::Wanted& wanted,
                      const std::vector<const OwnRecord*>& expected) {
        cold::SpillSpace space(*io_, directory_.path());
        cold::ChangesSort sort(wanted, {*io_, &space, 0, [] { return Result<void>{}; }});
        must(sort.sort(tree));
        for (const OwnRecord* record : expected) {
            ASSERT_TRUE(sort.valid()) << "before " << record->key << " at " << record->version;
            ASSERT_EQ(sort.version(), record->version) << record->key;
            ASSERT_EQ(sort.key(), record->key) << record->version;
            ASSERT_EQ(sort.tombstone(), record->tombstone) << record->key << " at " << record->version;
            ASSERT_EQ(must(sort.value()), wanted.keys_only ? "" : record->value) << record->key;
            must(sort.next());
        }
        ASSERT_FALSE(sort.valid()) << sort.key() << " at " << sort.version();
        spilled_ += sort.spilled() ? 1 : 0;
    }

    /// What tree reads go by: component.h T1.
    void check_levels(const Tree& tree) {
        for (const Tree::Components& level : tree.history()) {
            for (std::size_t i = 1; i < level.size(); ++i) {
                ASSERT_GE(level[i]->slab_after(), level[i - 1]->slab_upto()) << "level " << level[i]->level();
            }
        }
    }

    void check(int finds) {
        const Tree now = tree();
        check_levels(now);
        for (int i = 0; i < finds; ++i) {
            check_find(now, "key" + std::to_string(random_.below(shape_.keys + 2)), random_version());
        }
        if (floor_ > 0 && random_.one_in(3)) {
            // Right at the floor one version too many or too few would be dropped.
            for (const auto& [key, versions] : model_) check_find(now, key, floor_ + random_.below(2));
        }
        for (const bool reverse : {false, true}) {
            if (random_.one_in(3)) continue;
            check_scan(now, random_version(), reverse);
            check_changes(now, random_versions(), reverse);
            check_history(now, "key" + std::to_string(random_.below(shape_.keys)), random_versions(), reverse);
        }
    }

    const SeedScope seed_;
    Random random_{seed_.seed() + static_cast<std::uint64_t>(GetParam())};
    const Shape shape_ = shape();
    TempDirectory directory_;
    std::unique_ptr<platform::FileIo> io_ = platform::make_posix_file_io();
    std::uint64_t ids_ = 0;
    Version clock_ = 0, floor_ = 0;
    std::vector<Version> firsts_;  ///< of each key in each stripe since the floor moved
    std::uint64_t parts_merged_ = 0, histories_merged_ = 0, packs_ = 0, compressed_ = 0, spilled_ = 0;
    bool draining_ = false;
    std::vector<Merging> merging_;
    warm::MergesRunning running_;
    std::size_t most_at_once_ = 0;
    std::map<std::string, std::map<Version, OwnRecord>> model_;
    std::map<std::uint64_t, Component::Parts> parts_;
    std::map<std::uint64_t, std::string> begins_;
};

TEST_P(SlabMergeTest, EveryReadIsAsTheModelSays) {
    std::uint64_t levels = 0;
    for (unsigned stripe = 1; stripe <= (kSanitized ? 20 : 70); ++stripe) {
        flush_stripe();
        if (shape_.floor_every != 0 && stripe % shape_.floor_every == 0) raise_floor();
        check(100);
        // Not always to the end: then later merges begin beside the ones at work.
        for (std::uint64_t left = random_.one_in(10) ? 1'000'000 : random_.below(3); left > 0 && merge_part(); --left) {
            if (random_.one_in(4)) check(30);
            if (HasFailure()) return;
        }
        if (HasFailure()) return;
        for (const auto& each : tree().all()) levels = std::max<std::uint64_t>(levels, each->level() + 1);
    }
    draining_ = true;
    while (!HasFailure() && merge_part()) {}
    check(100);
    EXPECT_GT(histories_merged_, 0U);
    // Where a floor moves, whole levels may go with what they held.
    EXPECT_GE(levels, kSanitized || shape_.floor_every != 0 ? 2U : 3U);
    if (shape_.keys >= 5000) {
        EXPECT_GE(most_at_once_, 2U) << "no merge ever began beside another";
        EXPECT_GT(packs_, 0U);
        EXPECT_GT(spilled_, 0U) << "no sort ever outgrew its memory";
    }
    EXPECT_GT(parts_merged_, 10U);
    EXPECT_EQ(compressed_ > 10, shape_.compress) << compressed_;
    std::uint64_t kept = 0, written = 0;
    for (const auto& component : tree().all()) kept += component->records();
    for (const auto& [key, versions] : model_) written += versions.size();
    if (shape_.floor_every == 0) {
        // Records below a component's beginning, if there are any, are in another one, too.
        const bool begun =
            std::ranges::any_of(tree().all(), [](const auto& component) { return !component->begin().empty(); });
        EXPECT_TRUE(begun ? kept >= written : kept == written) << "every version is in one place";
    } else {
        EXPECT_LT(kept, written / 2) << "retention drops nothing";
    }
}

/// No store writes such slabs; a merge of them would give records a life that ends before it begins.
TEST_P(SlabMergeTest, SlabsThatOverlapAreNotMerged) {
    if (GetParam() != 0) return;  // one shape is enough
    for (int i = 0; i < 2; ++i) flush_stripe();
    const Tree all = tree();
    cold::SlabPlan how = plan();
    how.slab_upto = clock_;
    Tree::Components swapped(all.live().rbegin(), all.live().rend());
    const auto merge = must(warm::SlabMerge::create(*io_, std::move(swapped), std::move(how), 1 << 20));
    Result<std::optional<cold::SlabPart>> part;
    do part = merge->step(1 << 20);
    while (part && !merge->done());
    expect_error(part, ErrorCode::corrupt, "a newer slab");
}

INSTANTIATE_TEST_SUITE_P(Shapes, SlabMergeTest, ::testing::Range(0, 8));

}  // namespace
}  // namespace zverse::test
