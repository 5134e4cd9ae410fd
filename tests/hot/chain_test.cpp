// Goal:    A read as of an old version takes about 16 + log(n) steps through a chain of n versions, and finds the one.
// Method:  Steps are counted, not timed: compiled with support/interleave.h, every atomic load is. Chains are built by
//          puts and by recovery, of one key and of two that share a chain.
#include <support/hot_parts.h>
#include <support/seed.h>

namespace zverse::test {
namespace {

using interleave::points;

constexpr std::uint64_t kVersions = 100'000;
/// Loads of one find: at most this many per step, for a walk down to an anchor, from anchor to anchor, and back.
constexpr std::uint64_t kLoadsMax = std::uint64_t{6} * (16 + 16 + 2 * 17);

class ChainTest : public ::testing::Test {
protected:
    /// The version found as of `as_of`, and how many loads it took.
    std::pair<Version, std::uint64_t> find(hot::Tier& tier, std::string_view key, std::uint64_t hash, Version as_of,
                                           Version cut = 0) {
        hot::WriterSlot& slot = tier.slots().mine();
        const hot::PinGuard pin(tier.epochs(), slot);
        const std::uint64_t before = points();
        const hot::Found found = tier.find(slot, key, hash, as_of, cut);
        const std::uint64_t loads = points() - before;
        bool unusual = false;
        const hot::Found usual = tier.find_usual(key, hash, as_of, cut, unusual);
        EXPECT_TRUE(unusual || usual.op == found.op) << "the short way answers otherwise";
        return {found.version, loads};
    }
};

TEST_F(ChainTest, OldVersionsAreFoundInLogarithmicSteps) {
    const SeedScope scope;
    Random random(scope.seed());
    PlainTier tier(1, 16 << 20);
    for (std::uint64_t i = 1; i <= kVersions; ++i) {
        const auto version = tier.put("key", "v");
        ASSERT_TRUE(version);
        ASSERT_EQ(*version, i) << "one thread burns no version";
    }
    std::uint64_t most = 0;
    for (int i = 0; i < 5000; ++i) {
        const Version as_of = i < 200 ? kVersions - static_cast<Version>(i) : random.between(1, kVersions);
        const auto [version, loads] = find(*tier, "key", tier->hash("key"), as_of);
        ASSERT_EQ(version, as_of);
        most = std::max(most, loads);
    }
    std::printf("at most %llu loads for one of %llu versions\n", static_cast<unsigned long long>(most),
                static_cast<unsigned long long>(kVersions));
    EXPECT_LE(most, kLoadsMax);
    EXPECT_EQ(find(*tier, "key", tier->hash("key"), 0).first, 0U);
    // Below the cut nothing is answered, and it is known as quickly.
    const auto [version, loads] = find(*tier, "key", tier->hash("key"), kVersions / 2, kVersions / 2);
    EXPECT_EQ(version, 0U);
    EXPECT_LE(loads, kLoadsMax);
}

TEST_F(ChainTest, JumpsOverOtherKeysOfTheChainAndAbortedFramesFindTheRightVersion) {
    const SeedScope scope;
    Random random(scope.seed());
    PlainTier tier(2, 1 << 20);
    const std::string keys[] = {"one", "two", "three"};
    constexpr std::uint64_t kOneHash = 0x1234'5678'9abc'def0;
    std::vector<std::pair<Version, unsigned>> written;
    for (int i = 0; i < 6000; ++i) {
        const unsigned key = static_cast<unsigned>(random.below(3));
        if (random.one_in(10)) {
            // A transaction that conflicts leaves an aborted frame in the chain.
            const hot::Operation both[] = {{keys[key], "x", kOneHash}, {"other", "x", kOneHash + 1}};
            const auto lost = tier->write(both, 0);
            ASSERT_FALSE(written.size() > 100 && lost);
            if (lost) written.emplace_back(*lost, key);
            continue;
        }
        // by_core: both rings take part, so that links cross.
        const auto version = tier->put({keys[key], "v", kOneHash, false});
        ASSERT_TRUE(version) << version.error().message();
        written.emplace_back(*version, key);
    }
    const Version latest = tier->latest();
    for (int i = 0; i < 20'000; ++i) {
        const Version as_of = random.between(1, latest);
        const unsigned key = static_cast<unsigned>(random.below(3));
        Version wanted = 0;
        for (auto each = written.rbegin(); each != written.rend(); ++each) {
            if (each->second != key || each->first > as_of) continue;
            wanted = each->first;
            break;
        }
        ASSERT_EQ(find(*tier, keys[key], kOneHash, as_of).first, wanted) << keys[key] << " as of " << as_of;
    }
}

/// Puts far above the older operation of their chain do not look at it (ring.h R6): their jumps come with later puts.
TEST_F(ChainTest, PutsThatDoNotLookBelowGetTheirJumpLater) {
    constexpr std::uint64_t kOften = 230;
    PlainTier tier(1, 64 << 20);
    const std::string key = "key";
    std::vector<Version> versions;
    std::uint64_t without_jump = 0;
    for (std::uint64_t i = 0; i < kOften; ++i) {
        const auto version = tier.put(key, "v");
        ASSERT_TRUE(version);
        versions.push_back(*version);
        const auto top = [&] {
            hot::WriterSlot& slot = tier->slots().mine();
            const hot::PinGuard pin(tier->epochs(), slot);
            return hot::RingSet::jump_of(tier->chain(tier->hash(key)));
        };
        if (top().is_unknown()) ++without_jump;
        for (int other = 0; other < 2200; ++other) ASSERT_TRUE(tier.put("other" + std::to_string(other), "v"));
        ASSERT_FALSE(top().is_unknown());
    }
    EXPECT_GT(without_jump, kOften * 9 / 10);
    for (const Version version : versions) {
        const auto [found, loads] = find(*tier, key, tier->hash(key), version);
        ASSERT_EQ(found, version);
        ASSERT_LE(loads, kLoadsMax) << "version " << version;
    }
}

TEST_F(ChainTest, LinksBelowTheDeadHeadAreNotFollowed) {
    const SeedScope scope;
    Random random(scope.seed());
    PlainTier tier(1, 64 << 10);
    Version cut = 0;
    for (int round = 0; round < 200; ++round) {
        for (std::uint64_t i = random.between(1, 300); i > 0; --i) {
            if (!tier.put("key", "v")) break;
        }
        const Version latest = tier->latest();
        for (int i = 0; i < 50 && latest > cut; ++i) {
            const Version as_of = random.between(cut + 1, latest);
            ASSERT_EQ(find(*tier, "key", tier->hash("key"), as_of, cut).first, as_of);
        }
        cut = tier.drain();
        ASSERT_EQ(tier.read("key", latest), 0U) << "taken by the drain";
    }
}

/// V1: what a ring still holds below the cut is ignored, whatever the lower tiers say instead.
TEST_F(ChainTest, ConditionalWritesIgnoreWhatIsBelowTheCut) {
    PlainTier tier(1, 64 << 10);
    const Version first = *tier.put("key", "v");
    tier.host.cut_value.store(first);
    EXPECT_EQ(tier.read("key", tier->latest()), 0U);
    // The lower tiers know nothing of the key, so it is absent.
    const auto second = tier->put_if({"key", "again", tier->hash("key"), false}, 0);
    ASSERT_TRUE(second) << second.error().message();
    const hot::Operation both[] = {{"key", "x", tier->hash("key")}, {"other", "x", tier->hash("other")}};
    EXPECT_FALSE(tier->write(both, first)) << "the second one is newer";
    EXPECT_TRUE(tier->write(both, *second));
}

/// C3: of two operations in one chain the upper one stands on the lower one, which is the transaction's own.
TEST_F(ChainTest, TransactionsLookBelowTheirOwnOperations) {
    PlainTier tier(1, 64 << 10);
    constexpr std::uint64_t kOneHash = 0x1234'5678'9abc'def0;
    const hot::Operation both[] = {{"one", "x", kOneHash}, {"two", "x", kOneHash}};
    for (const hot::Operation& each : both) {
        const Version version = *tier->put(each);
        const auto lost = tier->write(both, version - 1);
        ASSERT_FALSE(lost) << each.key;
        EXPECT_EQ(lost.error().version(), version);
    }
}

TEST_F(ChainTest, RecoveryLinksChainsThatAreAsQuick) {
    const SeedScope scope;
    Random random(scope.seed());
    constexpr std::uint64_t kRingBytes = 8 << 20;
    AlignedMemory memory(2 * (hot::kHeaderAreaBytes + kRingBytes));
    NoObserver nobody;
    const platform::PersistDomain domain(platform::Granularity::byte, nobody);
    format_rings(memory.span(), 2, domain);
    std::string problem;
    const auto open = [&](Version clock) {
        auto rings = attach_rings(memory.span(), 2, domain, problem);
        EXPECT_EQ(problem, "");
        auto judgement = hot::judge(rings, {kTestSecret, 0, false, 2});
        EXPECT_TRUE(judgement);
        EXPECT_TRUE(hot::repair(rings, *judgement, kTestSecret));
        hot::TierOptions options;
        options.secret = kTestSecret;
        options.index_bytes = 8 << 20;
        options.shard_of_cpu = {0};
        static LonelyHost host;
        auto tier = hot::Tier::create(std::move(rings), options, host, clock);
        EXPECT_TRUE(tier);
        (*tier)->raise_limit(Version{1} << 40);
        EXPECT_TRUE(hot::rebuild_index(**tier, *judgement, 2));
        return std::move(*tier);
    };
    constexpr std::uint64_t kCount = 50'000;
    {
        const auto tier = open(0);
        for (std::uint64_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(tier->put({"key", "v", tier->hash("key"), false}));
            if (i % 100 == 0) {
                const std::string other = "other" + std::to_string(i);
                ASSERT_TRUE(tier->put({other, "v", tier->hash(other), false}));
            }
        }
    }
    const auto tier = open(Version{1} << 20);
    std::uint64_t most = 0;
    for (int i = 0; i < 2000; ++i) {
        const Version as_of = random.between(1, kCount);
        const auto [version, loads] = find(*tier, "key", tier->hash("key"), as_of);
        ASSERT_LE(version, as_of);
        ASSERT_GE(version + 1, as_of) << "every version but one in a hundred is the key's";
        most = std::max(most, loads);
    }
    EXPECT_LE(most, kLoadsMax);
}

}  // namespace
}  // namespace zverse::test
