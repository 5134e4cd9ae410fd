// Goal:    a merge of histories keeps to its memory, takes of each input what nobody took before, leaves out what is
//          expired and nothing else, and writes nothing where nothing is.
// Method:  histories of a few stripes, written in rounds over the same keys, so that each version's end is known; they
//          are merged step by step, with the tree as it is in between. A thread that changes the tree meanwhile lets
//          the merge go on once the kernel says that it waits.
#include <support/mover_parts.h>
#include <support/wait.h>

#include <warm/history_choice.h>
#include <warm/history_merge.h>
#include <warm/merge_job.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <sys/syscall.h>
#include <unistd.h>

namespace zverse::test {
namespace {

using warm::Mover;
using warm::Progress;

class HistoryMergeTest : public ::testing::Test {
protected:
    static constexpr int kKeys = 40;

    static std::string key(int number) { return "key" + std::to_string(1000 + number); }

    void put(const std::string& key, const std::string& value) { written_[key][parts.put(key, value)] = value; }
    /// One stripe, in which each key is written once a round, the last one first. The last round is live, the others
    /// are history.
    void flush_stripe(int rounds, int keys, std::size_t value_bytes) {
        for (int round = 0; round < rounds; ++round) {
            for (int i = keys; i-- > 0;) put(key(i), std::string(value_bytes, static_cast<char>('a' + round)));
        }
        must(mover.flush(true));
    }
    [[nodiscard]] cold::Tree::Components histories() {
        cold::Tree::Components all;
        const auto tree = parts.cold().tree();
        for (const auto& level : tree->history()) all.insert(all.end(), level.begin(), level.end());
        return all;
    }
    void raise_floor(Version floor) {
        cold::TreeChange change;
        change.floor = floor;
        must(parts.cold().commit(change));
    }
    /// Of the only history: what may be forgotten of it.
    [[nodiscard]] warm::MergeChoice expired() {
        auto choice = warm::choose_expired(*parts.cold().tree(), parts.cold().state()->floor, 0, kVersionMax, {});
        EXPECT_TRUE(choice && choice->if_expired);
        return choice.value_or(warm::MergeChoice{});
    }
    /// Each version from the one on that was alive as of `floor`.
    void expect_all_versions(Version floor = 0) {
        const auto tree = parts.cold().tree();
        for (const auto& [key, versions] : written_) {
            for (auto each = versions.begin(); each != versions.end(); ++each) {
                if (std::next(each) != versions.end() && std::next(each)->first <= floor) continue;
                cold::Tree::Hit hit;
                must(tree->find(key, tree->hash(key), each->first, hit));
                ASSERT_TRUE(hit) << key << " as of " << each->first;
                ASSERT_EQ(hit.record.version, each->first) << key;
                ASSERT_EQ(must(hit.segment->value(hit.record, hit.hold)), each->second);
            }
        }
    }

    MoverParts parts;
    Mover mover{parts.workplace(), {.fan_in = 1000, .has_workers = false}};

private:
    std::map<std::string, std::map<Version, std::string>> written_;
};

/// As left of a merge whose parts so far had no record that was to stay: no output says where it ended.
TEST_F(HistoryMergeTest, AnInputAnswersFromWhereItBeganUntilThePartsComeThere) {
    for (int i = 0; i < 2; ++i) flush_stripe(3, kKeys, 1000);
    const std::uint64_t late = histories().front()->id();
    const std::string begin = key(kKeys / 2);
    cold::TreeChange change;
    change.begins.emplace_back(late, begin);
    must(parts.cold().commit(change));
    const auto choice = warm::choose_history_merge(*parts.cold().tree(), kVersionMax, {});
    ASSERT_TRUE(choice);
    ASSERT_EQ(choice->inputs.size(), 2U);
    warm::Workplace at = parts.workplace();
    at.memory.waiting_bytes = 20'000;
    warm::MergeJob job(at, *choice);
    int before = 0;  // parts
    while (must(job.step()) != Progress::done) {
        bool taken = false;  // of the other one
        for (const auto& each : histories()) {
            if (each->id() == late) {
                ASSERT_GE(each->begin(), begin);
                taken = each->begin() == begin;
            }
        }
        before += taken ? 1 : 0;
    }
    EXPECT_GT(before, 1) << "all parts ended behind the place where it begins";
    ASSERT_EQ(histories().size(), 1U);
    EXPECT_EQ(histories().front()->records(), 2U * kKeys + kKeys);
}

/// Between its look at what is there and its commit, which waits for that of retention.
TEST_F(HistoryMergeTest, RetentionMayTakeAnInputAtTheLastMoment) {
    for (int i = 0; i < 2; ++i) flush_stripe(3, kKeys, 1000);
    const auto inputs = histories();
    const auto choice = warm::choose_history_merge(*parts.cold().tree(), kVersionMax, {});
    ASSERT_TRUE(choice);
    warm::Workplace at = parts.workplace();
    at.memory.waiting_bytes = 20'000;
    warm::MergeJob job(at, *choice);
    ASSERT_EQ(must(job.step()), Progress::more);

    const std::string waits = "/proc/self/task/" + std::to_string(::gettid()) + "/syscall";
    if (!std::ifstream(waits)) GTEST_SKIP() << "NOT TESTED: this kernel (or emulator) does not tell who waits";
    std::atomic<bool> retention_commits{false}, part_is_written{false};
    const auto merging = std::this_thread::get_id();
    parts.failures->before_call = [&](const std::filesystem::path& file) {
        if (std::this_thread::get_id() == merging) {
            if (file.filename() == "cold") part_is_written = true;  // the last call before the merge's commit
        } else if (!retention_commits.exchange(true)) {
            wait_until([&] {
                long call = -1;
                return part_is_written && std::ifstream(waits) >> call && call == SYS_futex;
            });
        }
    };
    Result<Progress> step;
    {
        const std::jthread retention([&] {
            cold::TreeChange change;
            change.begins.emplace_back(inputs.front()->id(), std::nullopt);
            must(parts.cold().commit(change));
        });
        while (!retention_commits) std::this_thread::yield();
        step = job.step();
    }
    parts.failures->before_call = nullptr;
    ASSERT_EQ(must(std::move(step)), Progress::more);
    EXPECT_TRUE(part_is_written);
    EXPECT_FALSE(parts.cold().state()->components.contains(inputs.front()->id()));
    EXPECT_EQ(histories().size(), 2U) << "the input that is left, and the output";
    while (must(job.step()) != Progress::done) {}
    EXPECT_EQ(histories().size(), 1U);
}

TEST_F(HistoryMergeTest, WhatIsExpiredIsLeftOutAndNothingElse) {
    flush_stripe(6, kKeys, 1000);
    ASSERT_EQ(histories().size(), 1U);
    ASSERT_GT(histories().front()->parts().front()->zones().blocks(), 1U);
    // There the first version of half of the keys has ended, of those behind the other half.
    const Version floor = parts.settled() - Version{5} * kKeys + kKeys / 2;
    raise_floor(floor);
    const warm::Workplace at = parts.workplace();
    warm::MergeJob job(at, expired());
    while (must(job.step()) != Progress::done) {}
    ASSERT_EQ(histories().size(), 1U);
    EXPECT_EQ(histories().front()->records(), 5U * kKeys - kKeys / 2);
    expect_all_versions(floor);
}

TEST_F(HistoryMergeTest, WhereNothingIsExpiredNothingIsWritten) {
    flush_stripe(6, kKeys, 1000);
    const auto before = histories();
    raise_floor(parts.settled() - Version{5} * kKeys);  // right before the first version that supersedes another
    const warm::Workplace at = parts.workplace();
    warm::MergeJob job(at, expired());
    while (must(job.step()) != Progress::done) {}
    EXPECT_EQ(job.bytes_written(), 0U);
    EXPECT_EQ(histories(), before);
    expect_all_versions();
}

/// A guess goes by the average of records, and large ones lie side by side.
TEST_F(HistoryMergeTest, APartThatWouldTakeTooMuchMemoryIsNarrowed) {
    constexpr std::uint64_t kMemory = 100'000;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 2000; ++i) put(key(i), std::string(i < 1000 || i >= 1150 ? 10 : 3500, 'v'));
    }
    must(mover.flush(true));
    ASSERT_EQ(histories().size(), 1U);
    cold::SlabPlan plan = parts.workplace().slab_plan();
    warm::MergeChoice choice;
    choice.inputs = histories();
    choice.level = 1;
    choice.slab_upto = parts.settled();
    choice.fill(plan, parts.cold().next_id(), parts.cold().next_id());
    plan.waiting_bytes = kMemory;
    warm::HistoryMerge merge(parts.workplace().io, choice.inputs, plan, false);
    std::uint64_t most = 0, written = 0;
    while (!merge.done()) {
        (void)must(merge.step(1));  // a block
        most = std::max(most, merge.memory_bytes());
        written = std::max(written, merge.bytes_written());
    }
    EXPECT_GT(written, 150U * 3500);
    EXPECT_LT(most, 3 * kMemory);
}

}  // namespace
}  // namespace zverse::test
