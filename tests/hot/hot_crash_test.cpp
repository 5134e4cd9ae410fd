// Goal:    Whatever a power cut or a kill leaves of the rings, recovery finds every acknowledged write, every write
//          that a reader was shown, the unacknowledged one wholly or not at all, and nothing else; also when it is
//          cut itself.
// Method:  Random commits on simulated persistent memory. At each drain and sync, every crash image of CrashImages is
//          recovered and compared with what the writer knows; some are cut again during their repair; some are opened
//          fully, read and written. Each world is one granularity, one class, and one seed.
#include <hot/recovery.h>
#include <hot/tier.h>
#include <support/random.h>
#include <support/seed.h>
#include <support/sim_pmem.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace zverse::test {
namespace {

using hot::Ring;
using platform::Granularity;

constexpr std::uint64_t kRingBytes = 16 << 10;
constexpr std::uint64_t kRingFileBytes = hot::kHeaderAreaBytes + kRingBytes;
constexpr hot::Secret kSecret{0x123456789abcdef1, 0xfedcba9876543211};

/// 4096-byte aligned, zeroed.
class Memory {
public:
    explicit Memory(std::size_t bytes)
        : bytes_(bytes), data_(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096))) {
        std::memset(data_, 0, bytes);
    }
    ~Memory() { std::free(data_); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    [[nodiscard]] std::span<std::byte> span() const noexcept { return {data_, bytes_}; }

private:
    std::size_t bytes_;
    std::byte* data_;
};

class NoObserver final : public platform::PersistObserver {
public:
    void on_flush(const void*, std::size_t) noexcept override {}
    void on_drain() noexcept override {}
    Result<void> on_sync(const void*, std::size_t) noexcept override { return {}; }
};

class StubHost final : public hot::Host {
public:
    Version cut_value = 0;
    hot::Tier* tier = nullptr;
    [[nodiscard]] Version cut() const noexcept override { return cut_value; }
    [[nodiscard]] Result<Newest> newest_below(std::string_view) const override { return Newest{}; }
    [[nodiscard]] Result<void> extend_limit(Version wanted) override {
        tier->raise_limit(wanted + 1000);
        return {};
    }
};

using Record = std::tuple<std::string, std::string, bool>;  // key, value, tombstone
using Records = std::vector<Record>;

std::vector<std::unique_ptr<Ring>> attach_all(std::span<std::byte> memory, const platform::PersistDomain& domain,
                                              std::string& problem) {
    std::vector<std::unique_ptr<Ring>> rings;
    for (std::size_t at = 0; at < memory.size(); at += kRingFileBytes) {
        const auto shard = static_cast<std::uint32_t>(at / kRingFileBytes);
        auto ring = Ring::attach(memory.subspan(at, kRingFileBytes), {{1, 2}, shard, "ring-" + std::to_string(shard)},
                                 domain, kSecret);
        if (!ring) {
            problem = ring.error().message();
            return {};
        }
        rings.push_back(std::move(*ring));
    }
    return rings;
}

/// What recovery would show, by version.
std::map<Version, Records> records_of(const std::vector<std::unique_ptr<Ring>>& rings,
                                      const hot::Judgement& judgement) {
    std::map<Version, Records> found;
    for (const auto& ring : judgement.rings) {
        for (const hot::RecoveredOperation& each : ring.operations) {
            Ring& owner = *rings[hot::shard_of(each.address)];
            const auto ref = hot::RingSet::operation_at(owner, hot::unit_of(each.address) * hot::kUnitBytes);
            found[each.version].emplace_back(ref.key(), ref.value(), ref.tombstone());
        }
    }
    for (auto& commit : found) std::sort(commit.second.begin(), commit.second.end());
    return found;
}

struct Shape {
    Granularity granularity;
    Durability durability;
    unsigned rings;
};

/// One store on simulated memory, its oracle, and the explorer.
class World {
public:
    World(Shape shape, std::uint64_t seed, std::size_t cap)
        : shape_(shape),
          seed_(seed),
          random_(seed),
          cap_(cap),
          memory_(shape.rings * kRingFileBytes),
          scratch_(shape.rings * kRingFileBytes),
          pmem_(memory_.span(), shape.granularity) {
        const auto domain = pmem_.domain();
        for (unsigned shard = 0; shard < shape.rings; ++shard) {
            auto made = hot::format_ring(memory_.span().subspan(shard * kRingFileBytes, kRingFileBytes),
                                         {{1, 2}, shard, "ring"}, domain);
            EXPECT_TRUE(made);
        }
        std::string problem;
        auto rings = attach_all(memory_.span(), domain, problem);
        EXPECT_EQ(problem, "");
        tier_ = open_tier(std::move(rings), host_, 0);
        pmem_.before_drain = [this] { explore(); };
        pmem_.after_flush = [this] { look_beside(); };
    }

    void run(int commits) {
        for (int i = 0; i < commits && !::testing::Test::HasFailure(); ++i) {
            step();
            ++explored_ops_;
            // Caches evict when they like: mostly all at once, so that the next drain has few dirty lines and every
            // subset of them is tried.
            if (random_.below(8) != 0 && shape_.granularity != Granularity::page) pmem_.evict();
            check_killed();
        }
    }
    [[nodiscard]] std::uint64_t states() const noexcept { return states_; }
    [[nodiscard]] std::uint64_t reopened() const noexcept { return reopened_; }
    [[nodiscard]] std::uint64_t cut_again() const noexcept { return cut_again_; }

private:
    [[nodiscard]] bool per_write() const noexcept {
        return shape_.durability == Durability::power && shape_.granularity != Granularity::page;
    }

    [[nodiscard]] std::unique_ptr<hot::Tier> open_tier(std::vector<std::unique_ptr<Ring>> rings, StubHost& host,
                                                       Version clock) const {
        hot::TierOptions options;
        options.secret = kSecret;
        options.durability = shape_.durability;
        options.sharding = Sharding::by_key;
        options.write_timeout = std::chrono::milliseconds(0);
        options.index_bytes = 8192;
        options.clock_margin = 64;
        auto tier = hot::Tier::create(std::move(rings), options, host, clock);
        EXPECT_TRUE(tier);
        host.tier = tier->get();
        (*tier)->raise_limit(clock + 1'000'000);
        return std::move(*tier);
    }

    hot::Operation operation(const Record& record) const {
        return {std::get<0>(record), std::get<1>(record), tier_->hash(std::get<0>(record)), std::get<2>(record)};
    }
    Record random_record() {
        std::string key = "key-" + std::to_string(random_.below(12));
        if (random_.one_in(16)) key += std::string(random_.below(200), 'k');
        if (random_.one_in(6)) return {key, "", true};
        const std::uint64_t bytes = random_.one_in(8) ? random_.below(3000) : random_.below(150);
        return {key, random_.bytes(bytes), false};
    }

    /// The newest committed version of a key, as the oracle knows it; 0: absent or erased.
    Version newest(const std::string& key, bool& tombstone) const {
        for (auto commit = commits_.rbegin(); commit != commits_.rend(); ++commit) {
            for (const Record& record : commit->second) {
                if (std::get<0>(record) != key) continue;
                tombstone = std::get<2>(record);
                return commit->first;
            }
        }
        tombstone = false;
        return 0;
    }

    void step() {
        switch (random_.below(12)) {
            case 0: write_batch(std::nullopt); break;
            case 1:
                write_batch(random_.one_in(2) && !commits_.empty() ? commits_.rbegin()->first / 2 : tier_->clock());
                break;
            case 2: put_if(); break;
            case 3: drain(); break;
            case 4:
                if (auto settled = tier_->settle_rings(random_.one_in(2) ? 1 : 4096); !settled) FAIL();
                break;
            case 5: sync(); break;
            case 6: {
                const auto time = tier_->write_time(static_cast<std::int64_t>(random_.next() >> 1));
                if (!time) {
                    EXPECT_EQ(time.error().code(), ErrorCode::full);
                }
                break;
            }
            default: put(); break;
        }
    }

    void finish(Result<Version> version, Records records) {
        in_flight_.clear();
        if (!version) {
            if (version.error().code() == ErrorCode::full) {
                drain();
                return;
            }
            ASSERT_EQ(version.error().code(), ErrorCode::conflict) << version.error().message();
            return;
        }
        if (!commits_.empty()) {
            ASSERT_GT(*version, commits_.rbegin()->first);
        }
        commits_[*version] = std::move(records);
        if (shape_.durability == Durability::power) durable_.insert(*version);
    }

    void put() {
        const Record record = random_record();
        in_flight_ = {record};
        finish(tier_->put(operation(record)), {record});
    }
    void put_if() {
        Record record = random_record();
        std::get<2>(record) = false;
        bool tombstone = false;
        const Version current = newest(std::get<0>(record), tombstone);
        const Version real = tombstone ? 0 : current;
        const bool wrong = random_.one_in(3);
        in_flight_ = wrong ? Records{} : Records{record};
        auto version = tier_->put_if(operation(record), wrong ? real + 1 : real);
        if (wrong && version) ADD_FAILURE() << "put_if succeeded on a wrong version";
        finish(std::move(version), {record});
    }
    void write_batch(std::optional<Version> unless_newer) {
        std::map<std::string, Record> records;
        for (std::uint64_t n = random_.between(1, 6); n > 0; --n) {
            Record record = random_record();
            records[std::get<0>(record)] = record;
        }
        Records list;
        std::vector<hot::Operation> operations;
        for (const auto& each : records) list.push_back(each.second);
        for (const Record& record : list) operations.push_back(operation(record));
        std::sort(operations.begin(), operations.end(),
                  [](const hot::Operation& a, const hot::Operation& b) { return a.hash < b.hash; });
        if (hot::frame_bytes_of(operations) > tier_->frame_bytes_max()) return;
        std::sort(list.begin(), list.end());
        bool conflicts = false;
        if (unless_newer) {
            for (const Record& record : list) {
                bool tombstone = false;
                conflicts = conflicts || newest(std::get<0>(record), tombstone) > *unless_newer;
            }
        }
        in_flight_ = conflicts ? Records{} : list;
        auto version = tier_->write(operations, unless_newer);
        EXPECT_FALSE(version && conflicts);
        finish(std::move(version), list);
    }
    void sync() {
        const Version latest = tier_->clock();
        ASSERT_TRUE(tier_->sync_all());
        for (const auto& commit : commits_) {
            if (commit.first <= latest) durable_.insert(commit.first);
        }
    }
    /// As Engine::drain(), with the cut remembered first.
    void drain() {
        const auto sealed = tier_->sync_all();
        ASSERT_TRUE(sealed);
        host_.cut_value = *sealed;
        std::erase_if(commits_, [&](const auto& commit) { return commit.first <= *sealed; });
        durable_.clear();
        const auto ends = tier_->prefix_ends(*sealed);
        tier_->move_dead_heads(ends);
        tier_->sweep_index();
        ASSERT_TRUE(tier_->move_free_heads(ends));
    }

    /// Another thread reads every key while a write is between its flush and its fence: what it is shown must last.
    void look_beside() {
        if (!per_write() || in_flight_.empty() || !random_.one_in(6)) return;
        std::thread([this] {
            hot::WriterSlot& slot = tier_->slots().mine();
            const hot::PinGuard pin(tier_->epochs(), slot);
            for (const Record& record : in_flight_) {
                const std::string& key = std::get<0>(record);
                const hot::Found found = tier_->find(slot, key, tier_->hash(key), tier_->latest(), host_.cut_value);
                if (found && found.value() == std::get<1>(record) && !commits_.contains(found.version)) {
                    seen_in_flight_ = found.version;
                }
            }
        }).join();
        explore();
    }

    void explore() {
        if (::testing::Test::HasFailure()) return;
        CrashImages::explore(pmem_, random_.next(), cap_, [this](std::span<std::byte> image) {
            if (::testing::Test::HasFailure()) return;
            check(image, false);
        });
    }
    /// kill -9: the memory is the medium.
    void check_killed() {
        seen_in_flight_ = 0;
        std::vector<std::byte> image(memory_.span().begin(), memory_.span().end());
        check(image, true);
    }

    void check(std::span<const std::byte> image, bool same_boot) {
        ++states_;
        std::copy(image.begin(), image.end(), scratch_.span().begin());
        const std::string replay = "seed " + std::to_string(seed_) + " state " + std::to_string(states_) +
                                   " operation " + std::to_string(explored_ops_) +
                                   (same_boot ? " killed" : " power cut");
        std::string problem;
        const platform::PersistDomain domain(shape_.granularity, nobody_);
        auto rings = attach_all(scratch_.span(), domain, problem);
        ASSERT_EQ(problem, "") << replay;
        hot::RecoveryOptions options{kSecret, host_.cut_value, shape_.durability == Durability::process && !same_boot,
                                     1};
        const auto judgement = hot::judge(rings, options);
        ASSERT_TRUE(judgement) << judgement.error().message() << ", " << replay;
        const auto found = records_of(rings, *judgement);
        compare(found, *judgement, same_boot, replay);
        if (::testing::Test::HasFailure()) return;
        if (states_ % 101 == 0) cut_repair(image, options, found, replay);
        if (states_ % 11 == 0) reopen(std::move(rings), *judgement, found, replay);
    }

    void compare(const std::map<Version, Records>& found, const hot::Judgement& judgement, bool same_boot,
                 const std::string& replay) {
        const bool only_durable = shape_.durability == Durability::process && !same_boot;
        for (const auto& commit : commits_) {
            const bool must =
                same_boot || durable_.contains(commit.first) || (only_durable && commit.first <= judgement.mark);
            const auto there = found.find(commit.first);
            if (there == found.end()) {
                ASSERT_FALSE(must) << "version " << commit.first << " is lost, " << replay;
                continue;
            }
            ASSERT_EQ(there->second, commit.second) << "version " << commit.first << ", " << replay;
            if (only_durable) {
                ASSERT_LE(commit.first, judgement.mark) << "not a prefix, " << replay;
            }
        }
        if (seen_in_flight_ != 0) {
            ASSERT_TRUE(found.contains(seen_in_flight_)) << "shown to a reader and lost, " << replay;
        }
        for (const auto& commit : found) {
            if (commits_.contains(commit.first)) continue;
            Records expected = in_flight_;
            std::sort(expected.begin(), expected.end());
            ASSERT_EQ(commit.second, expected) << "version " << commit.first << " was never written, " << replay;
        }
    }

    /// Cuts the power again at each drain of the repair; the second recovery must find the same.
    void cut_repair(std::span<const std::byte> image, const hot::RecoveryOptions& options,
                    const std::map<Version, Records>& expected, const std::string& replay) {
        Memory memory(image.size());
        std::copy(image.begin(), image.end(), memory.span().begin());
        SimPmem pmem(memory.span(), shape_.granularity);
        std::string problem;
        const auto domain = pmem.domain();
        auto rings = attach_all(memory.span(), domain, problem);
        const auto judgement = hot::judge(rings, options);
        ASSERT_TRUE(judgement) << replay;
        Memory second(image.size());
        pmem.before_drain = [&] {
            CrashImages::explore(pmem, random_.next(), 2, [&](std::span<std::byte> cut) {
                if (::testing::Test::HasFailure()) return;
                ++cut_again_;
                std::copy(cut.begin(), cut.end(), second.span().begin());
                std::string again;
                auto reattached = attach_all(second.span(), {shape_.granularity, nobody_}, again);
                ASSERT_EQ(again, "") << replay << " cut during repair";
                const auto rejudged = hot::judge(reattached, options);
                ASSERT_TRUE(rejudged) << rejudged.error().message() << ", " << replay << " cut during repair";
                ASSERT_EQ(records_of(reattached, *rejudged), expected) << replay << " cut during repair";
            });
        };
        ASSERT_TRUE(hot::repair(rings, *judgement, kSecret)) << replay;
    }

    /// Repairs, links, reads every key and writes one.
    void reopen(std::vector<std::unique_ptr<Ring>> rings, const hot::Judgement& judgement,
                const std::map<Version, Records>& found, const std::string& replay) {
        ++reopened_;
        ASSERT_TRUE(hot::repair(rings, judgement, kSecret)) << replay;
        StubHost host;
        host.cut_value = host_.cut_value;
        const Version clock = std::max(judgement.newest, tier_->clock());
        auto tier = open_tier(std::move(rings), host, clock);
        const auto linked = hot::rebuild_index(*tier, judgement, 1);
        ASSERT_TRUE(linked) << linked.error().message() << ", " << replay;
        std::map<std::string, std::pair<Version, Record>> newest;
        for (const auto& commit : found) {
            for (const Record& record : commit.second) newest[std::get<0>(record)] = {commit.first, record};
        }
        hot::WriterSlot& slot = tier->slots().mine();
        for (const auto& each : newest) {
            const hot::PinGuard pin(tier->epochs(), slot);
            const auto there = tier->find(slot, each.first, tier->hash(each.first), clock, host.cut_value);
            ASSERT_TRUE(there) << each.first << ", " << replay;
            ASSERT_EQ(there.version, each.second.first) << each.first << ", " << replay;
            ASSERT_EQ(there.value(), std::get<1>(each.second.second)) << replay;
        }
        const auto put = tier->put({"after", "recovery", tier->hash("after"), false});
        if (put) {
            ASSERT_GT(*put, clock) << replay;
        } else {
            ASSERT_EQ(put.error().code(), ErrorCode::full) << replay;
        }
        // Closed cleanly, every flipped acknowledgement would now count as corruption: judge once more.
        ASSERT_TRUE(tier->sync_all()) << replay;
        ASSERT_TRUE(tier->settle_rings(1)) << replay;
        std::string problem;
        auto again = attach_all(scratch_.span(), {shape_.granularity, nobody_}, problem);
        ASSERT_EQ(problem, "") << replay;
        const auto rejudged = hot::judge(again, {kSecret, host.cut_value, false, 1});
        ASSERT_TRUE(rejudged) << rejudged.error().message() << ", " << replay;
        ASSERT_EQ(rejudged->operations(), judgement.operations() + (put ? 1 : 0)) << replay;
    }

    const Shape shape_;
    const std::uint64_t seed_;
    Random random_;
    const std::size_t cap_;
    Memory memory_;
    Memory scratch_;
    SimPmem pmem_;
    NoObserver nobody_;
    StubHost host_;
    std::unique_ptr<hot::Tier> tier_;

    std::map<Version, Records> commits_;  ///< returned, above the cut
    std::set<Version> durable_;  ///< of those: must survive power loss
    Records in_flight_;
    Version seen_in_flight_ = 0;
    std::uint64_t states_ = 0, reopened_ = 0, cut_again_ = 0;
    int explored_ops_ = 0;
};

class HotCrash : public ::testing::TestWithParam<Shape> {};

TEST_P(HotCrash, EveryImageRecovers) {
    const SeedScope scope;
    const std::uint64_t wanted = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 4'000 : 60'000);
    std::uint64_t states = 0, reopened = 0, cut_again = 0;
    for (std::uint64_t world = 0; states < wanted && !HasFailure(); ++world) {
        World each(GetParam(), scope.seed() + world * 1000, 8);
        each.run(60);
        states += each.states();
        reopened += each.reopened();
        cut_again += each.cut_again();
    }
    std::printf("%llu crash states, and %llu more cut during repair; %llu opened, read and written\n",
                static_cast<unsigned long long>(states), static_cast<unsigned long long>(cut_again),
                static_cast<unsigned long long>(reopened));
}

std::string shape_name(const ::testing::TestParamInfo<Shape>& info) {
    return std::string(platform::to_string(info.param.granularity)) +
           (info.param.durability == Durability::power ? "_power_" : "_process_") + std::to_string(info.param.rings);
}

INSTANTIATE_TEST_SUITE_P(Shapes, HotCrash,
                         ::testing::Values(Shape{Granularity::cache_line, Durability::power, 1},
                                           Shape{Granularity::cache_line, Durability::power, 2},
                                           Shape{Granularity::cache_line, Durability::process, 2},
                                           Shape{Granularity::byte, Durability::power, 2},
                                           Shape{Granularity::page, Durability::power, 1},
                                           Shape{Granularity::page, Durability::process, 2}),
                         shape_name);

}  // namespace
}  // namespace zverse::test
