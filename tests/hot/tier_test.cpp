// Goal:    What the tier promises beside records: the clock stays below its limit, floors only rise, who waits is woken
//          or told why not, in order, and a callback never waits.
// Method:  Tiers over plain memory; frames in the making are built by hand, so that a thread need not be stopped there.
#include <support/hot_parts.h>

#include <algorithm>
#include <array>
#include <thread>

namespace zverse::test {
namespace {

using hot::Stamp;
using platform::Granularity;
using platform::PersistDomain;

constexpr std::uint64_t kRingBytes = 64 << 10;
constexpr auto kPatience = std::chrono::milliseconds(3000);

/// Extends the limit exactly as asked, and counts.
class CountingHost final : public hot::Host {
public:
    std::atomic<Version> cut_value{0};
    hot::Tier* tier = nullptr;
    int extended = 0;
    std::atomic<int> space_wanted{0};

    [[nodiscard]] Version cut() const noexcept override { return cut_value.load(std::memory_order_acquire); }
    [[nodiscard]] Result<Newest> newest_below(std::string_view) const override { return Newest{}; }
    [[nodiscard]] Result<void> extend_limit(Version wanted) override {
        ++extended;
        tier->raise_limit(wanted);
        return {};
    }
    void want_space() noexcept override { ++space_wanted; }
};

class TierTest : public ::testing::Test {
protected:
    void open(hot::TierOptions options, Version clock = 0) {
        format_rings(memory_.span(), 1, domain_);
        std::string problem;
        auto rings = attach_rings(memory_.span(), 1, domain_, problem);
        ASSERT_EQ(problem, "");
        options.secret = kTestSecret;
        if (options.index_bytes == 0) options.index_bytes = 64 << 10;
        auto tier = hot::Tier::create(std::move(rings), std::move(options), host_, clock);
        ASSERT_TRUE(tier);
        tier_ = std::move(*tier);
        host_.tier = tier_.get();
    }
    void open() {
        open({.write_timeout = kPatience});
        tier_->raise_limit(Version{1} << 40);
    }
    hot::Ring& ring() { return tier_->rings()[0]; }
    Result<Version> put(const std::string& key, std::size_t bytes = 10) {
        const std::string value(bytes, 'v');
        return tier_->put({key, value, tier_->hash(key), false});
    }
    void fill() {
        while (ring().tail.load() < 2 * kRingBytes - 2048) ASSERT_TRUE(put("key", 900));
    }
    /// The frame of a writer that has not come to its stamp, announced by this thread.
    hot::OperationRef make_pending(bool published) {
        const hot::Operation operation{"pending", "value", tier_->hash("pending"), false};
        const std::uint64_t position = ring().tail.load(), bytes = hot::frame_bytes_of({&operation, 1});
        hot::WriterSlot& slot = tier_->slots().mine();
        slot.announced.store(ring().address_of(position));
        ring().tail.store(position + bytes);
        hot::fill_frame(ring(), position, bytes, hot::FrameKind::data, {&operation, 1}, kTestSecret, true, false, {});
        const auto ref = hot::RingSet::operation_at(ring(), position + sizeof(hot::FrameHeader));
        if (published) {
            std::int64_t credits = 0;
            const auto probe = tier_->index().probe(operation.hash);
            EXPECT_EQ(tier_->index().insert(operation.hash, probe, ref.address(), credits),
                      hot::Index::Insertion::done);
        }
        return ref;
    }
    /// Everything leaves the ring; its space may be used again, and its entries are swept, if so wanted.
    void drain(bool free, bool sweep) {
        host_.cut_value.store(tier_->clock(), std::memory_order_release);
        const auto ends = tier_->prefix_ends(tier_->clock());
        tier_->move_dead_heads(ends);
        if (sweep) tier_->sweep_index();
        if (!free) return;
        EXPECT_TRUE(tier_->move_free_heads(ends));
    }
    /// Until so many writers wait; each had the time for its first try.
    void await_waiters(std::uint32_t count) {
        while (ring().queue.size() != count) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }

    AlignedMemory memory_{hot::kHeaderAreaBytes + kRingBytes};
    NoObserver nobody_;
    PersistDomain domain_{Granularity::byte, nobody_};
    CountingHost host_;
    std::unique_ptr<hot::Tier> tier_;
};

TEST_F(TierTest, AFloorOnlyRises) {
    open();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(put("key"));
    const hot::OperationRef ref = make_pending(false);
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::PinGuard pin(tier_->epochs(), slot);
    EXPECT_FALSE(tier_->visible(slot, ref, 15));
    EXPECT_EQ(ref.stamp().number(), 15U);
    EXPECT_FALSE(tier_->visible(slot, ref, 5)) << "a snapshot that is older";
    EXPECT_EQ(ref.stamp().number(), 15U) << "whoever saw nothing as of 15 must see nothing again";
    EXPECT_EQ(tier_->seal(slot), 20U);
    EXPECT_EQ(ref.stamp().number(), 20U);
    // A reader that came after the seal had read the clock.
    EXPECT_FALSE(tier_->visible(slot, ref, 25));
    EXPECT_EQ(tier_->seal(slot), 20U);
    EXPECT_EQ(ref.stamp().number(), 25U);
}

/// A reservation that is not filled yet holds what was there a lap ago: user bytes, which may look like anything.
TEST_F(TierTest, ASealLeavesUnfilledReservationsAlone) {
    open();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(put("key"));
    for (const bool behind_filler : {false, true}) {
        const std::uint64_t start = ring().tail.load();
        const std::uint64_t position = start + (behind_filler ? hot::kLineBytes : 0);
        if (behind_filler) hot::fill_filler(ring(), start, hot::kLineBytes, kTestSecret);
        hot::FrameHeader& frame = *ring().frame_at(position);
        frame.stamp = Stamp::stamped(hot::StampKind::committed, 7, true).word;
        const hot::FrameHeader before = frame;
        tier_->slots().mine().announced.store(ring().address_of(start));
        EXPECT_EQ(tier_->seal(tier_->slots().mine()), 20U);
        EXPECT_EQ(std::memcmp(&before, &frame, sizeof frame), 0) << "its writer may just be filling it";
        ring().tail.store(position + hot::kLineBytes);
    }
}

TEST_F(TierTest, ReadersStampForOthersOnlyFarFromTheLimit) {
    open({.clock_margin = 64}, 100);
    const hot::OperationRef ref = make_pending(true);
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::PinGuard pin(tier_->epochs(), slot);
    const auto read = [&](Version as_of) {
        return tier_->find(slot, "pending", tier_->hash("pending"), as_of, 0).version;
    };
    for (Version as_of = 101; as_of < 120; ++as_of) EXPECT_EQ(read(as_of), 0U);
    EXPECT_TRUE(ref.stamp().is_pending());
    EXPECT_EQ(tier_->clock(), 100U) << "the limit";
    tier_->raise_limit(1000);
    EXPECT_EQ(read(120), 101U) << "raised often enough, it is helped";
}

TEST_F(TierTest, TheClockStaysBelowItsLimit) {
    open({.clock_margin = 64});
    for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(put("key"));
        ASSERT_LE(tier_->clock(), tier_->limit());
    }
    EXPECT_GE(host_.extended, 2);
    const Version limit = tier_->limit();
    tier_->raise_limit(limit - 10);
    EXPECT_EQ(tier_->limit(), limit) << "who comes late does not lower it";
}

TEST_F(TierTest, ACallbackNeverWaits) {
    open({.write_timeout = std::chrono::milliseconds(0), .clock_margin = 64});
    hot::WriterSlot& slot = tier_->slots().mine();
    {
        const hot::PinGuard pin(tier_->epochs(), slot);
        const auto refused = put("key");
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), ErrorCode::full);
        EXPECT_EQ(host_.extended, 0);
    }
    tier_->raise_limit(Version{1} << 40);
    while (put("key", 900)) {}
    const hot::PinGuard pin(tier_->epochs(), slot);
    const auto refused = put("key", 900);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::full);
    EXPECT_NE(refused.error().message().find("callback"), std::string::npos) << refused.error().message();
}

TEST_F(TierTest, RefusedWritesSayWhyAlsoToThoseWhoWait) {
    open();
    fill();
    std::jthread waiter([&] {
        const auto refused = put("key", 8000);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), ErrorCode::read_only) << refused.error().message();
    });
    await_waiters(1);
    tier_->refuse_writes(Error(ErrorCode::read_only, "no more"));
    waiter.join();
    const auto refused = put("key");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "no more");
}

TEST_F(TierTest, SpaceThatComesBackWakesWhoeverWaitsForIt) {
    open();
    fill();
    std::jthread waiter([&] { EXPECT_TRUE(put("key", 8000)); });
    await_waiters(1);
    drain(true, false);
}

TEST_F(TierTest, EntriesThatComeBackWakeWhoeverWaitsForThem) {
    open({.write_timeout = kPatience, .index_bytes = 128});
    tier_->raise_limit(Version{1} << 40);
    for (std::int64_t i = 0; i < tier_->index().capacity(); ++i) ASSERT_TRUE(put("key" + std::to_string(i)));
    std::jthread waiter([&] { EXPECT_TRUE(put("one more")); });
    await_waiters(1);
    drain(false, true);
}

TEST_F(TierTest, NobodyOvertakesWhoWaitsForMoreSpace) {
    open();
    fill();
    std::jthread large([&] { EXPECT_TRUE(put("key", 8000)); });
    await_waiters(1);
    std::atomic<bool> overtook{false};
    std::jthread small([&] {
        EXPECT_TRUE(put("key"));
        overtook.store(true);
    });
    while (ring().queue.size() != 2 && !overtook.load()) std::this_thread::yield();
    EXPECT_FALSE(overtook.load()) << "a stream of small writes would starve a large one";
    drain(true, true);
}

TEST_F(TierTest, WhoWaitsForSpaceSaysSo) {
    open();
    fill();
    const int before = host_.space_wanted;
    std::jthread waiter([&] { EXPECT_TRUE(put("key", 8000)); });
    await_waiters(1);
    EXPECT_EQ(host_.space_wanted - before, 2) << "because the ring is tight, and because it waits";
    drain(true, false);
}

/// With a margin of 64 each write looks at the rings.
TEST_F(TierTest, WritersAreHeldBackForWhatTheyWroteToTightRings) {
    open({.write_timeout = kPatience, .clock_margin = 64});
    tier_->raise_limit(Version{1} << 40);
    const std::chrono::nanoseconds flush_time = std::chrono::seconds(1);
    tier_->pace().set_flush_time(flush_time);
    std::uint64_t paced = 0;
    std::uint64_t held = 0;
    int times = 0;
    while (ring().tail.load() < 2 * kRingBytes - 2048) {
        const std::uint64_t tail = ring().tail.load(), used = tail - ring().free_head.load();
        const int wanted = host_.space_wanted;
        ASSERT_TRUE(put("key", 900));
        EXPECT_EQ(host_.space_wanted - wanted, used >= kRingBytes / 2 ? 1 : 0) << used;
        const auto per_mib = hot::delay_per_mib(used, kRingBytes, flush_time);
        if (per_mib.count() == 0) paced = 0;
        const auto delay =
            static_cast<std::uint64_t>(static_cast<double>(per_mib.count()) * static_cast<double>(paced) / (1 << 20));
        if (delay >= 100'000) {
            held += std::min<std::uint64_t>(delay, 1'000'000);
            paced = 0;
            ++times;
        }
        paced += ring().tail.load() - tail;
        ASSERT_EQ(tier_->pace().delayed_nanoseconds(), held) << "with " << used << " bytes used";
    }
    EXPECT_GT(times, 5);
    EXPECT_GE(held, 3'000'000U) << "some are as long as they may be";
    // A callback never waits.
    const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
    ASSERT_TRUE(put("key", 900));
    EXPECT_EQ(tier_->pace().delayed_nanoseconds(), held);
}

TEST_F(TierTest, TightRingsAreLookedAtOften) {
    open();
    tier_->pace().set_flush_time(std::chrono::microseconds(10));
    while (ring().tail.load() < 2 * kRingBytes - kRingBytes / 5) ASSERT_TRUE(put("key", 900));
    const int before = host_.space_wanted;
    std::jthread([&] {
        for (int i = 0; i < 40; ++i) ASSERT_TRUE(put("key"));
    }).join();
    EXPECT_EQ(host_.space_wanted - before, 3) << "at the first write, and after sixteen each";
}

TEST(Tier, TheWeakestMediumDecides) {
    NoObserver nobody;
    for (const bool first : {false, true}) {
        std::array<AlignedMemory, 2> memory{AlignedMemory(hot::kHeaderAreaBytes + kRingBytes),
                                            AlignedMemory(hot::kHeaderAreaBytes + kRingBytes)};
        std::vector<std::unique_ptr<hot::Ring>> rings;
        for (unsigned shard = 0; shard < 2; ++shard) {
            const PersistDomain domain((shard == 0) == first ? Granularity::page : Granularity::byte, nobody);
            ASSERT_TRUE(hot::format_ring(memory[shard].span(), test_identity(shard), domain));
            auto ring = hot::Ring::attach(memory[shard].span(), test_identity(shard), domain, kTestSecret);
            ASSERT_TRUE(ring);
            rings.push_back(std::move(*ring));
        }
        LonelyHost host;
        const auto tier = hot::Tier::create(std::move(rings), {.secret = kTestSecret}, host, 0);
        ASSERT_TRUE(tier);
        EXPECT_EQ((*tier)->granularity(), Granularity::page);
        EXPECT_TRUE((*tier)->group_commits());
    }
}

/// Adds up what is synced of the circular area.
class SyncObserver final : public platform::PersistObserver {
public:
    explicit SyncObserver(std::span<const std::byte> area) : area_(area) {}
    std::uint64_t bytes = 0;
    void on_flush(const void*, std::size_t) noexcept override {}
    void on_drain() noexcept override {}
    Result<void> on_sync(const void* address, std::size_t length) noexcept override {
        const auto* begin = static_cast<const std::byte*>(address);
        if (begin < area_.data()) return {};  // a header
        EXPECT_LE(begin + length, area_.data() + area_.size());
        bytes += length;
        return {};
    }

private:
    std::span<const std::byte> area_;
};

TEST(Tier, ASyncNeverCoversMoreThanALap) {
    AlignedMemory memory(hot::kHeaderAreaBytes + kRingBytes);
    SyncObserver observer(memory.span().subspan(hot::kHeaderAreaBytes));
    const PersistDomain domain(Granularity::page, observer);
    format_rings(memory.span(), 1, domain);
    std::string problem;
    auto rings = attach_rings(memory.span(), 1, domain, problem);
    ASSERT_EQ(problem, "");
    LonelyHost host;
    auto made = hot::Tier::create(std::move(rings),
                                  {.secret = kTestSecret,
                                   .durability = Durability::process,
                                   .write_timeout = std::chrono::milliseconds(0),
                                   .index_bytes = 4096},
                                  host, 0);
    ASSERT_TRUE(made);
    hot::Tier& tier = **made;
    host.tier = &tier;
    tier.raise_limit(1 << 20);
    const auto fill = [&] {
        while (tier.put({"key", std::string(900, 'v'), tier.hash("key"), false})) {}
    };
    fill();
    // A helped writer that has not cleared its announcement holds `synced` back, and then heads pass it.
    std::jthread([&] {
        tier.slots().mine().announced.store(tier.rings()[0].address_of(kRingBytes));
        EXPECT_TRUE(tier.sync_all());
        tier.slots().mine().announced.store(0);
    }).join();
    ASSERT_EQ(tier.rings()[0].synced.load(), kRingBytes);
    const auto ends = tier.prefix_ends(tier.clock());
    tier.move_dead_heads(ends);
    ASSERT_TRUE(tier.move_free_heads(ends));
    fill();
    ASSERT_GT(tier.rings()[0].tail.load(), 2 * kRingBytes + 1024);
    observer.bytes = 0;
    EXPECT_TRUE(tier.sync_all());
    EXPECT_EQ(observer.bytes, kRingBytes);
}

/// What a batch reserved and did not need is not kept by a thread that may never write again.
TEST(TierCredits, AThreadThatEndedKeepsFew) {
    PlainTier tier(1, 1 << 20);
    const std::int64_t empty = tier->index().credits();
    constexpr int kKeys = 3000;
    const auto write_all = [&] {
        std::vector<std::string> keys;
        std::vector<hot::Operation> operations;
        for (int i = 0; i < kKeys; ++i) keys.push_back("key" + std::to_string(i));
        for (const std::string& key : keys) operations.push_back({key, "", tier->hash(key), false});
        std::sort(operations.begin(), operations.end(), [](const auto& a, const auto& b) { return a.hash < b.hash; });
        ASSERT_TRUE(tier->write(operations, std::nullopt));
    };
    write_all();
    for (int round = 0; round < 3; ++round) std::jthread(write_all).join();
    EXPECT_GE(tier->index().credits(), empty - kKeys - 100);
}

}  // namespace
}  // namespace zverse::test
