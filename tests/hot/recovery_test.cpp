// Goal:    Recovery tells damage from torn writes, repairs so that everything accepted really is on the medium, and
//          gives back the same records in the same order, whatever the rings looked like.
// Method:  Rings written by a tier and then changed by hand, or by a simulated medium that fails; the crash images
//          are in hot_crash_test.
#include <support/hot_parts.h>
#include <support/seed.h>
#include <support/sim_pmem.h>
#include <support/stored_pages.h>

#include <cerrno>
#include <map>

namespace zverse::test {
namespace {

using platform::Granularity;

constexpr std::uint64_t kRingBytes = 64 << 10;
constexpr std::uint64_t kFileBytes = hot::kHeaderAreaBytes + kRingBytes;

/// Rings that are opened and left again and again.
class RecoveryTest : public ::testing::Test {
protected:
    void make(unsigned rings, Granularity granularity = Granularity::cache_line,
              Durability durability = Durability::power) {
        count_ = rings;
        durability_ = durability;
        memory_ = std::make_unique<AlignedMemory>(rings * kFileBytes);
        pmem_ = std::make_unique<SimPmem>(memory_->span(), granularity);
        format_rings(memory_->span(), rings, pmem_->domain());
    }
    std::vector<std::unique_ptr<hot::Ring>> attach() {
        std::string problem;
        auto rings = attach_rings(memory_->span(), count_, pmem_->domain(), problem);
        EXPECT_EQ(problem, "");
        return rings;
    }
    Result<hot::Judgement> judge(bool stop_at_mark = false) {
        return hot::judge(attach(), {kTestSecret, host_.cut(), stop_at_mark, 2});
    }
    /// Judges, repairs, links; `tier_` is open then.
    void open(unsigned threads = 2) {
        tier_.reset();
        auto rings = attach();
        auto judgement = hot::judge(rings, {kTestSecret, host_.cut(), false, threads});
        ASSERT_TRUE(judgement) << judgement.error().message();
        ASSERT_TRUE(hot::repair(rings, *judgement, kTestSecret));
        hot::TierOptions options;
        options.secret = kTestSecret;
        options.durability = durability_;
        options.sharding = Sharding::by_key;
        options.write_timeout = std::chrono::milliseconds(0);
        options.index_bytes = 64 << 10;
        clock_ = std::max(clock_, judgement->newest);
        auto tier = hot::Tier::create(std::move(rings), options, host_, clock_);
        ASSERT_TRUE(tier);
        tier_ = std::move(*tier);
        host_.tier = tier_.get();
        tier_->raise_limit(Version{1} << 40);
        const auto linked = hot::rebuild_index(*tier_, *judgement, threads);
        ASSERT_TRUE(linked) << linked.error().message();
    }
    Version put(const std::string& key, const std::string& value) {
        const auto version = tier_->put({key, value, tier_->hash(key), false});
        EXPECT_TRUE(version) << version.error().message();
        clock_ = tier_->clock();
        return version.value_or(0);
    }
    Version read(const std::string& key, Version as_of) {
        hot::WriterSlot& slot = tier_->slots().mine();
        const hot::PinGuard pin(tier_->epochs(), slot);
        return tier_->find(slot, key, tier_->hash(key), as_of, host_.cut()).version;
    }
    void flip(std::size_t offset, unsigned bit) { memory_->span()[offset] ^= static_cast<std::byte>(1U << bit); }
    [[nodiscard]] static std::uint64_t file_offset(std::uint64_t position) {
        return hot::kHeaderAreaBytes + position % kRingBytes;
    }

    unsigned count_ = 0;
    Durability durability_ = Durability::power;
    std::unique_ptr<AlignedMemory> memory_;
    std::unique_ptr<SimPmem> pmem_;
    LonelyHost host_;
    std::unique_ptr<hot::Tier> tier_;
    Version clock_ = 0;
};

TEST_F(RecoveryTest, DamageBelowSettledIsCorruptionAtItsOffset) {
    make(1);
    open();
    for (int i = 0; i < 20; ++i) put("key" + std::to_string(i), "value");
    ASSERT_TRUE(tier_->settle_rings(1));
    const std::uint64_t frame_bytes = 128;
    const std::uint64_t settled = attach()[0]->marks().settled;
    ASSERT_EQ(settled, kRingBytes + 20 * frame_bytes);
    for (std::uint64_t frame = 0; frame < 20; ++frame) {
        // Validity word, lines, checksum, stamp, its check, the operation's sizes, its key.
        for (const std::uint64_t field : {0, 8, 16, 24, 32, 40 + 20, 40 + 32}) {
            const std::uint64_t offset = file_offset(kRingBytes + frame * frame_bytes);
            flip(offset + field, 1);
            const auto judgement = judge();
            ASSERT_FALSE(judgement) << "frame " << frame << " field " << field;
            EXPECT_EQ(judgement.error().code(), ErrorCode::corrupt);
            const std::string message = judgement.error().message();
            EXPECT_NE(message.find("ring-0"), std::string::npos) << message;
            EXPECT_NE(message.find("offset " + std::to_string(offset) + ","), std::string::npos) << message;
            flip(offset + field, 1);
        }
    }
    EXPECT_TRUE(judge());
}

TEST_F(RecoveryTest, DamageAboveSettledIsATornWrite) {
    make(1);
    open();
    std::vector<Version> versions;
    for (int i = 0; i < 10; ++i) versions.push_back(put("key" + std::to_string(i), "value"));
    flip(file_offset(kRingBytes + 3 * 128) + 16, 5);
    flip(file_offset(kRingBytes + 9 * 128) + 72, 5);
    open();
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(read("key" + std::to_string(i), clock_),
                  i == 3 || i == 9 ? 0 : versions[static_cast<std::size_t>(i)]);
    }
    // The gap is a filler now, and all of it is settled: nothing of the torn ones comes back.
    const auto judgement = judge();
    ASSERT_TRUE(judgement) << judgement.error().message();
    EXPECT_EQ(judgement->operations(), 8U);
    EXPECT_TRUE(judgement->rings[0].strays.empty());
    EXPECT_EQ(judgement->rings[0].accepted.size(), 1U) << "no gap";
}

TEST_F(RecoveryTest, NothingIsChangedBeforeEveryRingIsJudged) {
    make(3);
    open();
    for (int i = 0; i < 60; ++i) put("key" + std::to_string(i), "value");
    ASSERT_TRUE(tier_->settle_rings(1));
    put("torn", "value");
    for (std::size_t ring = 0; ring < 3; ++ring) {
        const std::vector<std::byte> whole(memory_->span().begin(), memory_->span().end());
        flip(ring * kFileBytes + file_offset(kRingBytes) + 16, 0);
        const std::vector<std::byte> before(memory_->span().begin(), memory_->span().end());
        EXPECT_FALSE(judge()) << "ring " << ring;
        EXPECT_TRUE(std::equal(before.begin(), before.end(), memory_->span().begin()));
        std::copy(whole.begin(), whole.end(), memory_->span().begin());
    }
}

TEST_F(RecoveryTest, FramesOfAnEarlierLapDoNotComeBack) {
    make(1);
    open();
    // Several laps; the space behind the tail is full of frames that once were good.
    for (int lap = 0; lap < 4; ++lap) {
        for (int i = 0; i < 400; ++i) put("lap" + std::to_string(lap), "value");
        const auto sealed = tier_->sync_all();
        ASSERT_TRUE(sealed);
        host_.cut_value.store(*sealed, std::memory_order_release);
        const auto ends = tier_->prefix_ends(*sealed);
        tier_->move_dead_heads(ends);
        tier_->sweep_index();
        ASSERT_TRUE(tier_->move_free_heads(ends));
    }
    const Version last = put("last", "value");
    const auto judgement = judge();
    ASSERT_TRUE(judgement) << judgement.error().message();
    EXPECT_EQ(judgement->operations(), 1U);
    EXPECT_TRUE(judgement->rings[0].strays.empty()) << "validity words know their lap";
    // Also when the cut is not there to tell: the head alone must do.
    host_.cut_value.store(0, std::memory_order_release);
    const auto without = judge();
    ASSERT_TRUE(without);
    EXPECT_EQ(without->operations(), 1U);
    EXPECT_EQ(without->newest, last);
}

/// Per-write durability leaves nothing for settling to flush: a frame or filler forgotten shows here.
TEST_F(RecoveryTest, WhatIsSettledIsOnTheMedium) {
    const SeedScope scope;
    Random random(scope.seed());
    make(1);
    open();
    AlignedMemory image(memory_->span().size());
    NoObserver nobody;
    for (int i = 0; i < 2000; ++i) {
        const auto version = tier_->put({"key", std::string(random.below(1500), 'v'), tier_->hash("key"), false});
        if (!version) {
            const auto ends = tier_->prefix_ends(tier_->clock());
            host_.cut_value.store(tier_->clock(), std::memory_order_release);
            tier_->move_dead_heads(ends);
            tier_->sweep_index();
            ASSERT_TRUE(tier_->move_free_heads(ends));
        }
        ASSERT_TRUE(tier_->settle_rings(1));
        std::copy(pmem_->medium().begin(), pmem_->medium().end(), image.span().begin());
        std::string problem;
        const auto rings = attach_rings(image.span(), 1, {Granularity::cache_line, nobody}, problem);
        ASSERT_EQ(problem, "");
        const auto judgement = hot::judge(rings, {kTestSecret, host_.cut(), false, 1});
        ASSERT_TRUE(judgement) << judgement.error().message() << " after put " << i;
    }
}

TEST_F(RecoveryTest, AGapRoundTheEndOfTheAreaIsFilled) {
    // Found by hot_crash_test, seed 12001: one filler over such a gap made the next open report corruption.
    for (std::uint64_t torn_from = 0; torn_from <= 10; ++torn_from) {
        make(1);
        host_.cut_value.store(0, std::memory_order_release);
        clock_ = 0;
        open();
        while (tier_->rings()[0].tail.load() < 2 * kRingBytes - 5 * 192) put("before", std::string(60, 'v'));
        const auto sealed = tier_->sync_all();
        ASSERT_TRUE(sealed);
        host_.cut_value.store(*sealed, std::memory_order_release);
        const auto ends = tier_->prefix_ends(*sealed);
        tier_->move_dead_heads(ends);
        tier_->sweep_index();
        ASSERT_TRUE(tier_->move_free_heads(ends));
        const std::uint64_t begin = tier_->rings()[0].tail.load();
        std::vector<Version> versions;
        for (int i = 0; i < 12; ++i) versions.push_back(put("key" + std::to_string(i), std::string(60, 'v')));
        const std::uint64_t end = tier_->rings()[0].tail.load();
        ASSERT_GT(end, 2 * kRingBytes) << "goes round the end";
        // Everything from there to the last frame is torn, fillers too.
        for (std::uint64_t place = begin + torn_from * 64; place < end - 192; place += 64) {
            memory_->span()[file_offset(place)] ^= std::byte{1};
        }
        for (int again = 0; again < 2; ++again) {
            open();
            EXPECT_EQ(read("key11", clock_), versions[11]) << torn_from;
        }
        ASSERT_TRUE(judge());
    }
}

TEST_F(RecoveryTest, UserBytesThatLookLikeAFrameAreNone) {
    make(1);
    open();
    put("key", "value");
    // The user knows the format and the address at which his value will lie, but not the secret.
    std::string value(512, '\0');
    const hot::Secret guess{0, 0};
    for (std::size_t line = 0; line < value.size() / 64; ++line) {
        hot::FrameHeader forged{};
        forged.validity = hot::validity_of(guess, hot::make_address(0, kRingBytes + 128 + 128 + line * 64));
        forged.lines = 1;
        forged.count_kind = static_cast<std::uint32_t>(hot::FrameKind::filler) << 24;
        std::memcpy(value.data() + line * 64, &forged, sizeof forged);
    }
    put("forged", value);
    open();
    EXPECT_NE(read("forged", clock_), 0U);
    const auto judgement = judge();
    ASSERT_TRUE(judgement);
    EXPECT_TRUE(judgement->rings[0].strays.empty());
}

TEST_F(RecoveryTest, RingsAreLinkedInVersionOrder) {
    const SeedScope scope;
    Random random(scope.seed());
    make(3);
    open();
    // Keys whose operations lie in several rings: written through hashes that choose the ring, linked by the real one.
    std::map<std::string, std::vector<Version>> written;
    for (int i = 0; i < 500; ++i) {
        const std::string key = "key" + std::to_string(random.below(4));
        const auto version = tier_->put({key, "value", random.next(), false});
        ASSERT_TRUE(version);
        written[key].push_back(*version);
    }
    clock_ = tier_->clock();
    for (const unsigned threads : {1U, 2U, 7U}) {
        open(threads);
        EXPECT_EQ(tier_->index().credits(), tier_->index().capacity() - 4) << "one entry per key";
        for (const auto& each : written) {
            for (const Version version : each.second) ASSERT_EQ(read(each.first, version), version) << threads;
            for (std::size_t i = 1; i < each.second.size(); ++i) {
                ASSERT_EQ(read(each.first, each.second[i] - 1), each.second[i - 1]) << threads << " threads";
            }
        }
    }
}

/// Cut off in the middle: the frames of one ring lie behind each other in an order that is not that of versions.
TEST_F(RecoveryTest, RingsThatAreNotInVersionOrderAreLinkedInVersionOrder) {
    const SeedScope scope;
    Random random(scope.seed());
    make(1);
    const auto rings = attach();
    std::vector<Version> versions;
    for (Version version = 1; version <= 300; ++version) versions.push_back(version);
    // Writers reserve in one order and take versions in another, but never far apart.
    for (std::size_t i = 0; i + 4 < versions.size(); i += 3) std::swap(versions[i], versions[i + random.below(4)]);
    std::uint64_t position = kRingBytes;
    for (const Version version : versions) {
        const hot::Operation operation{"key", "value"};
        const std::uint64_t bytes = hot::frame_bytes_of({&operation, 1});
        hot::fill_frame(*rings[0], position, bytes, hot::FrameKind::data, {&operation, 1}, kTestSecret, true, false,
                        {});
        hot::FrameHeader& frame = *rings[0]->frame_at(position);
        const auto stamp = hot::Stamp::stamped(hot::StampKind::committed, version, false);
        frame.stamp = stamp.word;
        hot::store_stamp_check(frame, kTestSecret, stamp);
        position += bytes;
    }
    open(1);
    for (Version version = 1; version <= 300; ++version) ASSERT_EQ(read("key", version), version);
}

TEST_F(RecoveryTest, AbortedFramesAndTimesAreNoRecords) {
    make(1);
    open();
    const Version first = put("key", "value");
    EXPECT_TRUE(tier_->write_time(123456789));
    const hot::Operation both[] = {{"key", "lost", tier_->hash("key")}, {"other", "lost", tier_->hash("other")}};
    EXPECT_FALSE(tier_->write(both, 0));
    clock_ = tier_->clock();
    open();
    EXPECT_EQ(read("key", clock_), first);
    EXPECT_EQ(read("other", clock_), 0U);
    const auto judgement = judge();
    ASSERT_TRUE(judgement);
    EXPECT_EQ(judgement->operations(), 1U);
    ASSERT_EQ(judgement->rings[0].times.size(), 1U);
    EXPECT_EQ(judgement->rings[0].times[0].nanoseconds, 123456789);
    EXPECT_EQ(judgement->newest, clock_) << "an aborted frame's version was handed out, too";
}

/// After a failed sync the kernel takes the pages for clean, and what is in memory for what is on the disk. A second
/// process that recovers must store to them, or its own sync does nothing.
TEST_F(RecoveryTest, PagesAreStoredToAgainBeforeTheyAreSynced) {
    make(1, Granularity::page);
    open();
    for (int i = 0; i < 100; ++i) put("key" + std::to_string(i), std::string(200, 'v'));
    tier_.reset();
    const auto rings = attach();
    const auto judgement = hot::judge(rings, {kTestSecret, 0, false, 1});
    ASSERT_TRUE(judgement);
    const StoredPages watch(memory_->span());
    std::vector<std::size_t> synced_clean;
    pmem_->before_sync = [&](std::size_t first, std::size_t last) {
        for (std::size_t page = first / 4096; page < last / 4096; ++page) {
            if (!watch.stored(page)) synced_clean.push_back(page);
        }
    };
    ASSERT_TRUE(hot::repair(rings, *judgement, kTestSecret));
    EXPECT_TRUE(synced_clean.empty()) << "page " << synced_clean[0] << " and " << synced_clean.size() - 1
                                      << " more were synced without a store: after a failed sync that does nothing";
}

TEST_F(RecoveryTest, EverythingAcceptedIsOnTheMediumBeforeTheFirstRead) {
    for (const auto granularity : {Granularity::cache_line, Granularity::page}) {
        make(1, granularity, Durability::process);
        clock_ = 0;
        open();
        // Nothing of these was synced; the process dies, the memory stays.
        for (int i = 0; i < 50; ++i) put("key" + std::to_string(i), std::string(300, 'v'));
        flip(file_offset(kRingBytes + 384), 0);  // a gap
        flip(file_offset(kRingBytes + 10 * 384) + 72, 0);  // and a stray
        ASSERT_FALSE(pmem_->dirty_units().empty());
        open();
        EXPECT_TRUE(pmem_->dirty_units().empty()) << platform::to_string(granularity);
    }
}

TEST_F(RecoveryTest, AKilledProcessLeavesWholeFramesThatAreMadeDurable) {
    for (const auto granularity : {Granularity::cache_line, Granularity::page}) {
        make(1, granularity, Durability::process);
        clock_ = 0;
        open();
        for (int i = 0; i < 50; ++i) put("key" + std::to_string(i), std::string(300, 'v'));
        ASSERT_FALSE(pmem_->dirty_units().empty());
        open();
        EXPECT_TRUE(pmem_->dirty_units().empty()) << platform::to_string(granularity);
    }
}

/// Wherever the power goes during a repair, nothing is settled that is not on the medium.
TEST_F(RecoveryTest, ARepairThatIsCutNeverSettlesTooMuch) {
    for (const auto granularity : {Granularity::cache_line, Granularity::page}) {
        make(1, granularity, Durability::process);
        clock_ = 0;
        open();
        for (int i = 0; i < 3; ++i) put("key" + std::to_string(i), "value");
        tier_.reset();
        flip(file_offset(kRingBytes + 128) + 16, 0);  // a gap
        const auto rings = attach();
        const auto repaired = hot::judge(rings, {kTestSecret, 0, false, 1});
        ASSERT_TRUE(repaired);
        AlignedMemory image(memory_->span().size());
        NoObserver nobody;
        std::uint64_t images = 0;
        pmem_->before_drain = [&] {
            CrashImages::explore(*pmem_, 1, 12, [&](std::span<std::byte> cut) {
                if (HasFailure()) return;
                ++images;
                std::copy(cut.begin(), cut.end(), image.span().begin());
                std::string problem;
                const auto again = attach_rings(image.span(), 1, {granularity, nobody}, problem);
                ASSERT_EQ(problem, "");
                for (const bool stop_at_mark : {false, true}) {
                    const auto rejudged = hot::judge(again, {kTestSecret, 0, stop_at_mark, 1});
                    ASSERT_TRUE(rejudged) << rejudged.error().message();
                }
            });
        };
        ASSERT_TRUE(hot::repair(rings, *repaired, kTestSecret));
        pmem_->before_drain = nullptr;
        EXPECT_GT(images, 10U);
    }
}

TEST_F(RecoveryTest, WhatIsClearedOrFilledIsSoOnTheMediumToo) {
    for (const auto granularity : {Granularity::cache_line, Granularity::page}) {
        make(1, granularity, Durability::process);
        host_.cut_value.store(0, std::memory_order_release);
        clock_ = 0;
        open();
        std::vector<Version> versions;
        for (int i = 0; i < 50; ++i) versions.push_back(put("key" + std::to_string(i), std::string(300, 'v')));
        ASSERT_TRUE(tier_->sync_all());
        ASSERT_TRUE(tier_->settle_rings(1));
        for (int i = 0; i < 5; ++i) put("torn" + std::to_string(i), std::string(300, 'v'));
        const std::uint64_t tail = tier_->rings()[0].tail.load();
        flip(file_offset(tail - 5 * 384) + 16, 0);  // a gap above settled
        flip(file_offset(tail - 384) + 16, 0);  // the last frame, which recovery ends before
        // A cut was recorded, and the power went before the heads moved: what it took is no frame any more.
        host_.cut_value.store(versions[20], std::memory_order_release);
        pmem_->evict();
        open();
        EXPECT_TRUE(pmem_->dirty_units().empty()) << platform::to_string(granularity);
        // Neither a later mark nor another cut brings back what was cleared.
        host_.cut_value.store(0, std::memory_order_release);
        const auto judgement = judge();
        ASSERT_TRUE(judgement) << judgement.error().message();
        EXPECT_EQ(judgement->operations(), 29U + 3U);
    }
}

TEST_F(RecoveryTest, LinesClearedFarBehindTheLastFrameAreSyncedToo) {
    for (const auto granularity : {Granularity::cache_line, Granularity::page}) {
        make(1, granularity, Durability::process);
        clock_ = 0;
        open();
        put("key", "value");
        std::vector<std::uint64_t> torn;
        for (const std::size_t bytes : {6000, 6000, 10}) {
            torn.push_back(tier_->rings()[0].tail.load());
            put("torn", std::string(bytes, 'v'));
        }
        for (const std::uint64_t position : torn) flip(file_offset(position) + 16, 0);
        pmem_->evict();
        open();
        EXPECT_TRUE(pmem_->dirty_units().empty()) << platform::to_string(granularity);
        for (const std::uint64_t position : torn) EXPECT_EQ(tier_->rings()[0].frame_at(position)->validity, 0U);
    }
}

TEST_F(RecoveryTest, AFailedSyncStopsWritingForGood) {
    make(1, Granularity::page);
    open();
    put("key", "value");
    pmem_->fail_syncs_with = EIO;
    const auto failed = tier_->put({"key", "second", tier_->hash("key"), false});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::io);
    EXPECT_EQ(failed.error().os_errno(), EIO);
    const Version mark = tier_->durable_mark();
    pmem_->fail_syncs_with = 0;
    const auto again = tier_->sync_all();
    ASSERT_FALSE(again) << "a sync that succeeds after one that failed proves nothing";
    EXPECT_EQ(again.error().code(), ErrorCode::io);
    const auto refused = tier_->put({"key", "third", tier_->hash("key"), false});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::read_only) << refused.error().message();
    EXPECT_EQ(tier_->durable_mark(), mark) << "readers are not shown what may be lost";
    EXPECT_EQ(read("key", tier_->latest()), mark);
}

TEST_F(RecoveryTest, AFailedSyncMovesNothing) {
    make(1, Granularity::page, Durability::process);
    open();
    put("key", "value");
    ASSERT_TRUE(tier_->sync_all());
    const std::uint64_t synced = tier_->rings()[0].synced.load();
    put("key", "second");
    pmem_->fail_syncs_with = EIO;
    ASSERT_FALSE(tier_->sync_all());
    EXPECT_EQ(tier_->rings()[0].synced.load(), synced);
    pmem_->fail_syncs_with = 0;
    (void)tier_->settle_rings(1);
    EXPECT_LE(attach()[0]->marks().settled, synced);
}

/// Header writes fail, all else succeeds.
TEST_F(RecoveryTest, HeadersThatCantBeWrittenStopWriting) {
    const auto fail_headers = [this](bool fail) {
        pmem_->before_sync = [this, fail](std::size_t first, std::size_t) {
            pmem_->fail_syncs_with = fail && first < hot::kHeaderAreaBytes ? EIO : 0;
        };
    };
    const auto expect_read_only = [this] {
        const auto refused = tier_->put({"key", "v", tier_->hash("key"), false});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), ErrorCode::read_only) << refused.error().message();
    };
    const auto reopen = [&] {
        make(1, Granularity::page, Durability::process);
        clock_ = 0;
        open();
        put("key", "value");
    };
    reopen();
    fail_headers(true);
    EXPECT_FALSE(tier_->sync_all()) << "its durable mark is lost";
    EXPECT_EQ(tier_->durable_mark(), 0U);
    expect_read_only();

    reopen();
    ASSERT_TRUE(tier_->sync_all());
    fail_headers(true);
    EXPECT_FALSE(tier_->settle_rings(1));
    expect_read_only();

    reopen();
    ASSERT_TRUE(tier_->sync_all());
    const auto ends = tier_->prefix_ends(tier_->clock());
    tier_->move_dead_heads(ends);
    fail_headers(true);
    EXPECT_FALSE(tier_->move_free_heads(ends));
    EXPECT_EQ(tier_->rings()[0].free_head.load(), kRingBytes) << "ring.h R3";
    fail_headers(false);
    EXPECT_TRUE(tier_->move_free_heads(ends));
}

TEST_F(RecoveryTest, ARepairThatCantWriteItsHeadersFails) {
    for (int good = 0; good < 4; ++good) {
        make(1, Granularity::page, Durability::process);
        clock_ = 0;
        open();
        put("key", "value");
        const auto rings = attach();
        const auto judgement = hot::judge(rings, {kTestSecret, 0, false, 1});
        ASSERT_TRUE(judgement);
        int headers = 0;
        pmem_->before_sync = [&](std::size_t first, std::size_t) {
            pmem_->fail_syncs_with = first < hot::kHeaderAreaBytes && headers++ >= good ? EIO : 0;
        };
        EXPECT_FALSE(hot::repair(rings, *judgement, kTestSecret)) << good << " header writes succeeded";
    }
}

TEST_F(RecoveryTest, HeadsAndSettledAreInBothHeaderCopies) {
    make(1, Granularity::page, Durability::process);
    open();
    const auto expect_marks = [this](std::uint64_t head, std::uint64_t settled) {
        AlignedMemory image(memory_->span().size());
        for (unsigned destroyed = 0; destroyed < 2; ++destroyed) {
            std::copy(pmem_->medium().begin(), pmem_->medium().end(), image.span().begin());
            std::memset(image.span().data() + destroyed * hot::kHeaderCopyBytes, 0, hot::kHeaderCopyBytes);
            std::string problem;
            const auto rings = attach_rings(image.span(), 1, pmem_->domain(), problem);
            ASSERT_EQ(problem, "");
            EXPECT_EQ(rings[0]->marks().head, head) << "without copy " << destroyed;
            EXPECT_EQ(rings[0]->marks().settled, settled) << "without copy " << destroyed;
        }
    };
    put("key", "value");
    ASSERT_TRUE(tier_->sync_all());
    const std::uint64_t first = tier_->rings()[0].tail.load();
    ASSERT_TRUE(tier_->settle_rings(1));
    expect_marks(kRingBytes, first);
    put("key", "value");
    ASSERT_TRUE(tier_->sync_all());
    const auto ends = tier_->prefix_ends(tier_->clock());
    tier_->move_dead_heads(ends);
    ASSERT_TRUE(tier_->move_free_heads(ends));
    expect_marks(tier_->rings()[0].tail.load(), tier_->rings()[0].tail.load());
}

/// Recovery after a kill makes everything durable; a power cut afterwards must not take it back.
TEST_F(RecoveryTest, WhatAKilledProcessLeftSurvivesALaterPowerCut) {
    make(1, Granularity::page, Durability::process);
    open();
    for (int i = 0; i < 20; ++i) put("key" + std::to_string(i), "value");
    open();
    pmem_->evict();  // all that was not synced may as well be there
    const auto judgement = judge(true);
    ASSERT_TRUE(judgement) << judgement.error().message();
    EXPECT_EQ(judgement->operations(), 20U);
    EXPECT_EQ(judgement->mark, clock_);
}

TEST_F(RecoveryTest, ATimeOfAnotherLengthIsNone) {
    make(1);
    const auto rings = attach();
    std::uint64_t position = kRingBytes;
    for (const std::string_view value : {"", "abc", "12345678", "longer than that"}) {
        const hot::Operation operation{"", value};
        const std::uint64_t bytes = hot::frame_bytes_of({&operation, 1});
        hot::fill_frame(*rings[0], position, bytes, hot::FrameKind::time, {&operation, 1}, kTestSecret, true, false,
                        {});
        hot::FrameHeader& frame = *rings[0]->frame_at(position);
        const auto stamp = hot::Stamp::stamped(hot::StampKind::committed, position, false);
        frame.stamp = stamp.word;
        hot::store_stamp_check(frame, kTestSecret, stamp);
        position += bytes;
    }
    const auto judgement = judge();
    ASSERT_TRUE(judgement);
    EXPECT_EQ(judgement->rings[0].frames, 4U);
    ASSERT_EQ(judgement->rings[0].times.size(), 1U);
}

TEST_F(RecoveryTest, AFailureDuringRepairIsReported) {
    make(1, Granularity::page);
    open();
    put("key", "value");
    tier_.reset();
    const auto rings = attach();
    const auto judgement = hot::judge(rings, {kTestSecret, 0, false, 1});
    ASSERT_TRUE(judgement);
    // The headers can be written, the frames can't.
    pmem_->before_sync = [this](std::size_t first, std::size_t) {
        pmem_->fail_syncs_with = first >= hot::kHeaderAreaBytes ? EIO : 0;
    };
    const auto repaired = hot::repair(rings, *judgement, kTestSecret);
    ASSERT_FALSE(repaired);
    EXPECT_EQ(repaired.error().os_errno(), EIO);
}

TEST_F(RecoveryTest, ARepairedRingGoesOnWhereItEnded) {
    make(1);
    open();
    for (int round = 0; round < 30; ++round) {
        const Version version = put("key" + std::to_string(round), std::string(100 * (round % 7), 'v'));
        open();
        for (int old = 0; old <= round; ++old) ASSERT_NE(read("key" + std::to_string(old), clock_), 0U) << round;
        ASSERT_EQ(read("key" + std::to_string(round), clock_), version);
    }
}

}  // namespace
}  // namespace zverse::test
