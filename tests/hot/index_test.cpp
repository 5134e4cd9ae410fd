// Goal:    The index finds the newest address of each tag and nothing else: through overflow buckets, over dead entries
//          and wrapping addresses, and gives every credit back.
// Method:  Two rings of zeros whose heads the test moves; entries name places in them. A map is the oracle.
#include <hot/index.h>
#include <support/hot_parts.h>
#include <support/seed.h>
#include <support/threads.h>

#include <map>

namespace zverse::test {
namespace {

using hot::Address;
using hot::Index;
using hot::RingSet;

constexpr std::uint64_t kRingBytes = 8 << 10;

RingSet make_rings(std::span<std::byte> memory, unsigned count, const platform::PersistDomain& domain) {
    format_rings(memory, count, domain);
    std::string problem;
    auto rings = attach_rings(memory, count, domain, problem);
    EXPECT_EQ(problem, "");
    return RingSet(std::move(rings));
}

class IndexTest : public ::testing::Test {
protected:
    void make(std::uint64_t bytes, unsigned address_bits = 48) {
        auto made = Index::create(rings_, {.bytes = bytes, .address_bits = address_bits});
        ASSERT_TRUE(made);
        index_ = std::move(*made);
    }
    /// As a writer does it, with credits checked.
    void point_to(std::uint64_t hash, Address address) {
        for (;;) {
            const Index::Probe probe = index_->probe(hash);
            if (probe.live()) {
                if (index_->replace(probe, address)) return;
                continue;
            }
            ASSERT_TRUE(index_->take_credits(1));
            std::int64_t credits = 0;
            const auto inserted = index_->insert(hash, probe, address, credits);
            index_->return_credits(credits);
            if (inserted == Index::Insertion::done) return;
            ASSERT_EQ(inserted, Index::Insertion::raced);
            index_->return_credits(1);
        }
    }
    /// The address found, or 0.
    Address find(std::uint64_t hash) {
        const auto found = index_->find(hash);
        return found ? found.address() : 0;
    }
    static std::uint64_t hash(std::uint64_t bucket_bits, std::uint64_t bucket, std::uint64_t tag) {
        return (bucket_bits == 0 ? 0 : bucket << (64 - bucket_bits)) | tag << (50 - bucket_bits);
    }
    Address place(unsigned shard, std::uint64_t unit) { return hot::make_address(shard, kRingBytes + unit * 8); }

    AlignedMemory memory_{2 * (hot::kHeaderAreaBytes + kRingBytes)};
    NoObserver nobody_;
    platform::PersistDomain domain_{platform::Granularity::byte, nobody_};
    RingSet rings_ = make_rings(memory_.span(), 2, domain_);
    std::unique_ptr<Index> index_;
};

TEST_F(IndexTest, FindsWhatWasInsertedAndReplaced) {
    make(1024);
    EXPECT_EQ(index_->bucket_bits(), 4U);
    EXPECT_EQ(find(hash(4, 3, 5)), 0U);
    point_to(hash(4, 3, 5), place(0, 10));
    point_to(hash(4, 3, 6), place(1, 20));
    EXPECT_EQ(find(hash(4, 3, 5)), place(0, 10));
    EXPECT_EQ(find(hash(4, 3, 6)), place(1, 20));
    EXPECT_EQ(find(hash(4, 2, 5)), 0U) << "the tag of another bucket";
    point_to(hash(4, 3, 5), place(1, 30));
    EXPECT_EQ(find(hash(4, 3, 5)), place(1, 30));
    EXPECT_EQ(index_->credits(), index_->capacity() - 2);
}

TEST_F(IndexTest, OverflowsAndKeepsEveryTagApart) {
    make(128);
    const unsigned bits = index_->bucket_bits();
    for (std::uint64_t tag = 1; tag <= 14; ++tag) point_to(hash(bits, 1, tag), place(tag % 2, tag));
    for (std::uint64_t tag = 1; tag <= 14; ++tag) EXPECT_EQ(find(hash(bits, 1, tag)), place(tag % 2, tag)) << tag;
    EXPECT_EQ(find(hash(bits, 1, 15)), 0U);
    EXPECT_EQ(find(hash(bits, 0, 1)), 0U);
    EXPECT_EQ(index_->credits(), 0) << "7 entries per bucket, wherever they went";
    EXPECT_FALSE(index_->take_credits(1));
    for (const auto& ring : rings_) ring->dead_head.store(kRingBytes + std::uint64_t{8} * 15);
    EXPECT_EQ(index_->sweep(), 14U) << "overflow buckets too";
    EXPECT_EQ(index_->credits(), index_->capacity());
}

TEST_F(IndexTest, AFullIndexRefusesCreditsWholly) {
    make(128);
    EXPECT_TRUE(index_->take_credits(10));
    EXPECT_FALSE(index_->take_credits(5));
    EXPECT_EQ(index_->credits(), 4) << "nothing taken by the one that failed";
    index_->return_credits(10);
    EXPECT_EQ(index_->credits(), index_->capacity());
}

TEST_F(IndexTest, AStaleProbeChangesNothing) {
    make(1024);
    point_to(hash(4, 3, 5), place(0, 10));
    const Index::Probe stale = index_->probe(hash(4, 3, 5));
    point_to(hash(4, 3, 5), place(0, 11));
    EXPECT_FALSE(index_->replace(stale, place(0, 12)));
    EXPECT_EQ(find(hash(4, 3, 5)), place(0, 11));
}

TEST_F(IndexTest, ATagTakesOverItsOwnDeadEntry) {
    make(128);
    const unsigned bits = index_->bucket_bits();
    for (std::uint64_t tag = 1; tag <= 7; ++tag) point_to(hash(bits, 1, tag), place(0, tag));
    rings_[0].dead_head.store(kRingBytes + std::uint64_t{8} * 8);
    EXPECT_EQ(find(hash(bits, 1, 5)), 0U) << "dead";
    point_to(hash(bits, 1, 5), place(0, 100));
    EXPECT_EQ(find(hash(bits, 1, 5)), place(0, 100));
    // Its dead entry must not be among those that are left: two entries of a tag would hide writes (X1).
    EXPECT_EQ(index_->sweep(), 6U);
    EXPECT_EQ(find(hash(bits, 1, 5)), place(0, 100));
    EXPECT_EQ(index_->credits(), index_->capacity() - 1);
}

TEST_F(IndexTest, AnotherTagReusesADeadEntryBeforeItOverflows) {
    make(128);
    const unsigned bits = index_->bucket_bits();
    for (std::uint64_t tag = 1; tag <= 7; ++tag) point_to(hash(bits, 1, tag), place(tag == 4 ? 1 : 0, tag));
    rings_[1].dead_head.store(kRingBytes + std::uint64_t{8} * 8);
    point_to(hash(bits, 1, 9), place(0, 50));
    EXPECT_EQ(find(hash(bits, 1, 9)), place(0, 50));
    EXPECT_EQ(index_->sweep(), 0U) << "the dead entry was reused";
    for (std::uint64_t tag = 1; tag <= 7; ++tag) EXPECT_EQ(find(hash(bits, 1, tag)), tag == 4 ? 0 : place(0, tag));
    EXPECT_EQ(index_->credits(), index_->capacity() - 7);
}

TEST_F(IndexTest, ASweepClearsTheDeadOnlyAndReturnsTheirCredits) {
    make(256);
    const unsigned bits = index_->bucket_bits();
    for (std::uint64_t tag = 1; tag <= 20; ++tag) point_to(hash(bits, tag % 4, tag), place(tag % 2, tag));
    rings_[0].dead_head.store(kRingBytes + std::uint64_t{8} * 11);
    EXPECT_EQ(index_->sweep(), 5U);  // 2, 4 .. 10
    for (std::uint64_t tag = 1; tag <= 20; ++tag) {
        EXPECT_EQ(find(hash(bits, tag % 4, tag)), tag % 2 == 0 && tag <= 10 ? 0 : place(tag % 2, tag)) << tag;
    }
    EXPECT_EQ(index_->credits(), index_->capacity() - 15);
    EXPECT_EQ(index_->sweep(), 0U);
}

/// X3: with few address bits positions wrap many times; swept in time, an entry never names a younger operation.
TEST_F(IndexTest, AddressesWrap) {
    const SeedScope scope;
    Random random(scope.seed());
    make(512, 14);  // 13 bits of units per ring: 8 rings' worth
    ASSERT_GE(index_->sweep_distance(), kRingBytes);
    std::map<std::uint64_t, Address> oracle;
    std::uint64_t tail[2] = {kRingBytes, kRingBytes}, swept[2] = {kRingBytes, kRingBytes};
    for (int step = 0; step < 60'000; ++step) {
        const unsigned shard = static_cast<unsigned>(random.below(2));
        const std::uint64_t room = rings_[shard].dead_head.load() + kRingBytes - tail[shard];
        const std::uint64_t wanted = 64 * random.between(1, 8);
        if (wanted > room || random.one_in(40)) {
            // Heads never fall.
            const std::uint64_t head = tail[shard] - 64 * random.below(2);
            rings_[shard].dead_head.store(std::max(rings_[shard].dead_head.load(), head));
            if (tail[shard] + kRingBytes - swept[shard] > index_->sweep_distance()) {
                index_->sweep();
                swept[0] = tail[0], swept[1] = tail[1];
            }
            continue;
        }
        const std::uint64_t key = hash(index_->bucket_bits(), random.below(8), random.between(1, 5));
        const Address address = hot::make_address(shard, tail[shard]);
        tail[shard] += wanted;
        if (index_->credits() == 0) index_->sweep();
        if (index_->credits() == 0 && !index_->probe(key).live()) continue;
        point_to(key, address);
        oracle[key] = address;
        const std::uint64_t looked = hash(index_->bucket_bits(), random.below(8), random.between(1, 5));
        const auto there = oracle.find(looked);
        const bool alive = there != oracle.end() &&
                           hot::unit_of(there->second) * 8 >= rings_[hot::shard_of(there->second)].dead_head.load();
        ASSERT_EQ(find(looked), alive ? there->second : 0) << "step " << step;
    }
    EXPECT_GT(tail[0] / 8 >> 13, 10U) << "never wrapped";
}

/// X1 with real threads: all of them insert the same new tags while entries die under them.
TEST_F(IndexTest, ThreadsThatInsertTheSameTagsAgreeOnOneEntry) {
    const SeedScope scope;
    constexpr std::size_t kThreads = 4;
    const int rounds = kSanitized ? 300 : 3000;
    make(256);
    const unsigned bits = index_->bucket_bits();
    for (int round = 0; round < rounds; ++round) {
        // Each tag is written at growing places of the ring; the last one must be found by all.
        std::atomic<std::uint64_t> next{1};
        std::array<std::atomic<std::uint64_t>, 3> writes{};
        run_threads(kThreads, [&](std::size_t thread) {
            Random random(mix(scope.seed(), static_cast<std::uint64_t>(round) * kThreads + thread));
            for (int i = 0; i < 6; ++i) {
                const std::uint64_t tag = random.below(3);
                const Address mine = place(0, 200 + next.fetch_add(1));
                point_to(hash(bits, 2, tag + 1), mine);
                writes[tag].fetch_add(1);
                if (find(hash(bits, 2, tag + 1)) == 0) ADD_FAILURE() << "a confirmed entry is not found";
            }
        });
        std::int64_t tags = 0;
        for (std::uint64_t tag = 0; tag < 3; ++tag) tags += writes[tag].load() > 0 ? 1 : 0;
        ASSERT_EQ(index_->capacity() - index_->credits(), tags)
            << "round " << round << ": an entry too many or too few";
        rings_[0].dead_head.store(kRingBytes + kRingBytes);
        const std::uint64_t swept = index_->sweep();
        if (round % 2 == 0) {
            ASSERT_EQ(swept, static_cast<std::uint64_t>(tags)) << "round " << round;
        }
        rings_[0].dead_head.store(kRingBytes);
    }
}

}  // namespace
}  // namespace zverse::test
