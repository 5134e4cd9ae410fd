// Goal:    A ring header that is damaged, foreign or half written is never taken for a good one, either copy alone is
//          enough, and a range that goes round the end of the area reaches the medium whole.
// Method:  Every single bit of both copies flipped; headers of other stores, shards and sizes; a simulated medium that
//          keeps only what was synced.
#include <support/hot_parts.h>
#include <support/seed.h>
#include <support/sim_pmem.h>

#include <xxhash.h>

namespace zverse::test {
namespace {

using hot::Ring;
using hot::RingHeader;
using hot::RingMarks;
using platform::Granularity;

constexpr std::uint64_t kRingBytes = 4096;
constexpr std::size_t kFileBytes = hot::kHeaderAreaBytes + kRingBytes;

class RingTest : public ::testing::Test {
protected:
    RingTest() { format_rings(memory_.span(), 1, domain_); }

    Result<std::unique_ptr<Ring>> attach(hot::RingIdentity identity = test_identity(0)) {
        return Ring::attach(memory_.span(), std::move(identity), domain_, kTestSecret);
    }
    RingHeader& header(unsigned copy) {
        return *reinterpret_cast<RingHeader*>(memory_.span().data() + copy * hot::kHeaderCopyBytes);
    }
    void flip(unsigned copy, std::size_t bit) {
        reinterpret_cast<unsigned char*>(&header(copy))[bit / 8] ^= static_cast<unsigned char>(1U << (bit % 8));
    }
    /// Changes both copies and makes their checksums good again.
    template <class Change>
    ErrorCode attach_changed(Change&& change) {
        for (unsigned copy = 0; copy < 2; ++copy) {
            change(header(copy));
            header(copy).checksum = XXH3_64bits(&header(copy), offsetof(RingHeader, checksum));
        }
        const auto ring = attach();
        EXPECT_FALSE(ring);
        return ring ? ErrorCode::io : ring.error().code();
    }

    AlignedMemory memory_{kFileBytes};
    NoObserver nobody_;
    platform::PersistDomain domain_{Granularity::byte, nobody_};
};

TEST_F(RingTest, AFreshRingIsEmpty) {
    const auto ring = attach();
    ASSERT_TRUE(ring);
    EXPECT_EQ((*ring)->marks().head, kRingBytes);
    EXPECT_EQ((*ring)->marks().settled, kRingBytes);
    EXPECT_EQ((*ring)->marks().durable, 0U);
    EXPECT_EQ((*ring)->tail.load(), kRingBytes) << "position 0 means nothing";
}

TEST_F(RingTest, EveryFlippedBitOfOneCopyIsSeenAndTheOtherCopyUsed) {
    {
        const auto ring = attach();
        ASSERT_TRUE(ring);
        ASSERT_TRUE((*ring)->raise_marks({kRingBytes + 64, kRingBytes + 128, 7}, Ring::Copies::both));
    }
    for (unsigned copy = 0; copy < 2; ++copy) {
        for (std::size_t bit = 0; bit < sizeof(RingHeader) * 8; ++bit) {
            flip(copy, bit);
            const auto ring = attach();
            ASSERT_TRUE(ring) << "copy " << copy << " bit " << bit << ": " << ring.error().message();
            EXPECT_EQ((*ring)->marks().head, kRingBytes + 64) << "copy " << copy << " bit " << bit;
            EXPECT_EQ((*ring)->marks().settled, kRingBytes + 128) << "copy " << copy << " bit " << bit;
            EXPECT_EQ((*ring)->marks().durable, 7U) << "copy " << copy << " bit " << bit;
            flip(copy, bit);
        }
    }
}

TEST_F(RingTest, ABitFlippedInBothCopiesIsCorruption) {
    for (std::size_t bit = 0; bit < sizeof(RingHeader) * 8; ++bit) {
        flip(0, bit);
        for (const std::size_t other : {bit, (bit * 7 + 13) % (sizeof(RingHeader) * 8)}) {
            flip(1, other);
            const auto ring = attach();
            ASSERT_FALSE(ring) << "bits " << bit << " and " << other;
            EXPECT_EQ(ring.error().code(), ErrorCode::corrupt) << ring.error().message();
            EXPECT_NE(ring.error().message().find("ring-0"), std::string::npos) << "names its file";
            flip(1, other);
        }
        flip(0, bit);
    }
}

TEST_F(RingTest, ForeignAndImpossibleHeadersAreRefused) {
    const RingHeader good = header(0);
    const auto refused = [&](auto&& change) {
        header(0) = header(1) = good;
        return attach_changed(change);
    };
    EXPECT_EQ(refused([](RingHeader& h) { h.store[0] = 9; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.store[1] = 9; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.shard = 1; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.bytes *= 2; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.head += 1; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.settled += 8; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.head = 0; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.head += 64; }), ErrorCode::corrupt) << "head above settled";
    EXPECT_EQ(refused([](RingHeader& h) { h.settled += kRingBytes + 64; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](RingHeader& h) { h.magic += std::uint64_t{1} << 56; }), ErrorCode::incompatible);
    EXPECT_EQ(refused([](RingHeader& h) { h.magic ^= 1; }), ErrorCode::corrupt);
}

TEST_F(RingTest, BothCopiesAloneTellTheWholeTruthAfterBothAreWritten) {
    const auto check = [this](auto&& write, const RingMarks& wanted) {
        {
            const auto ring = attach();
            ASSERT_TRUE(ring);
            ASSERT_TRUE(write(**ring));
        }
        for (unsigned destroyed = 0; destroyed < 2; ++destroyed) {
            const RingHeader kept = header(destroyed);
            header(destroyed) = {};
            const auto ring = attach();
            ASSERT_TRUE(ring);
            EXPECT_EQ((*ring)->marks().head, wanted.head) << "without copy " << destroyed;
            EXPECT_EQ((*ring)->marks().settled, wanted.settled) << "without copy " << destroyed;
            EXPECT_EQ((*ring)->marks().durable, wanted.durable) << "without copy " << destroyed;
            header(destroyed) = kept;
        }
    };
    const RingMarks first{kRingBytes + 64, kRingBytes + 640, 5};
    check([&](Ring& ring) { return ring.raise_marks(first, Ring::Copies::both); }, first);
    const RingMarks lower{kRingBytes + 64, kRingBytes + 64, 5};
    check([&](Ring& ring) { return ring.set_marks(lower); }, lower);
}

TEST_F(RingTest, MarksRiseFieldByField) {
    const auto ring = attach();
    ASSERT_TRUE(ring);
    ASSERT_TRUE((*ring)->raise_marks({kRingBytes + 128, 0, 9}, Ring::Copies::both));
    ASSERT_TRUE((*ring)->raise_marks({kRingBytes + 64, kRingBytes + 64, 4}, Ring::Copies::one));
    const RingMarks marks = (*ring)->marks();
    EXPECT_EQ(marks.head, kRingBytes + 128);
    EXPECT_EQ(marks.settled, kRingBytes + 128) << "what is below the head is settled";
    EXPECT_EQ(marks.durable, 9U);
}

TEST_F(RingTest, AWriteTakesTheOlderCopy) {
    const auto ring = attach();
    ASSERT_TRUE(ring);
    const RingHeader newer = header(1);
    ASSERT_GT(newer.sequence, header(0).sequence);
    ASSERT_TRUE((*ring)->raise_marks({0, 0, 3}, Ring::Copies::one));
    EXPECT_EQ(std::memcmp(&header(1), &newer, sizeof newer), 0) << "the only good copy was overwritten";
    EXPECT_EQ(header(0).durable, 3U);
    EXPECT_GT(header(0).sequence, newer.sequence);
}

/// R5: words of a later write, cut off too, must not add up with a torn copy to the header that was lost.
TEST(RingOnAMedium, ATornCopyIsNeverCompletedByALaterWrite) {
    const SeedScope seed;
    AlignedMemory memory(kFileBytes), torn(kFileBytes), again(kFileBytes);
    SimPmem pmem(memory.span(), Granularity::cache_line);
    format_rings(memory.span(), 1, pmem.domain());
    std::string problem;
    const auto rings = attach_rings(memory.span(), 1, pmem.domain(), problem);
    const auto attach_image = [&](std::span<std::byte> image, AlignedMemory& to,
                                  const platform::PersistDomain& domain) {
        std::copy(image.begin(), image.end(), to.span().begin());
        return attach_rings(to.span(), 1, domain, problem);
    };
    NoObserver nobody;
    int lost = 0;
    const auto write_after = [&](std::span<std::byte> image) {
        SimPmem second(torn.span(), Granularity::cache_line);
        const auto found = attach_image(image, torn, second.domain());
        ASSERT_EQ(problem, "");
        second.evict();
        const RingMarks marks = found[0]->marks();
        if (marks.durable != 0) return;
        ++lost;
        second.before_drain = [&] {
            CrashImages::explore(second, seed.seed(), 64, [&](std::span<std::byte> cut) {
                const auto last = attach_image(cut, again, {Granularity::cache_line, nobody});
                ASSERT_EQ(problem, "");
                ASSERT_EQ(last[0]->marks().durable, 0U) << "a header that was judged lost came back";
            });
        };
        ASSERT_TRUE(found[0]->set_marks(marks));
    };
    pmem.before_drain = [&] { CrashImages::explore(pmem, seed.seed(), 64, write_after); };
    ASSERT_TRUE(rings[0]->raise_marks({0, 0, 7}, Ring::Copies::one));
    EXPECT_GT(lost, 0);
}

TEST(RingOnAMedium, HeaderWritesSurviveOnEveryGranularity) {
    for (const auto granularity : {Granularity::byte, Granularity::cache_line, Granularity::page}) {
        AlignedMemory memory(kFileBytes);
        SimPmem pmem(memory.span(), granularity);
        format_rings(memory.span(), 1, pmem.domain());
        EXPECT_TRUE(pmem.dirty_units().empty()) << platform::to_string(granularity);
        std::string problem;
        const auto rings = attach_rings(memory.span(), 1, pmem.domain(), problem);
        ASSERT_EQ(problem, "");
        ASSERT_TRUE(rings[0]->raise_marks({kRingBytes + 64, 0, 0}, Ring::Copies::both));
        EXPECT_TRUE(pmem.dirty_units().empty()) << platform::to_string(granularity);
    }
}

TEST(RingOnAMedium, FlushAndSyncGoRoundTheEnd) {
    for (const auto granularity : {Granularity::cache_line, Granularity::page}) {
        for (std::uint64_t begin = 0; begin < kRingBytes; begin += 512) {
            for (const std::uint64_t length : {std::uint64_t{64}, std::uint64_t{1024}, kRingBytes}) {
                AlignedMemory memory(kFileBytes);
                SimPmem pmem(memory.span(), granularity);
                format_rings(memory.span(), 1, pmem.domain());
                std::string problem;
                const auto rings = attach_rings(memory.span(), 1, pmem.domain(), problem);
                ASSERT_EQ(problem, "");
                const std::uint64_t first = kRingBytes + begin;
                for (std::uint64_t i = 0; i < length; ++i) *rings[0]->at(first + i) = std::byte{1};
                if (granularity == Granularity::cache_line) {
                    rings[0]->flush(first, first + length);
                    pmem.domain().drain();
                } else {
                    ASSERT_TRUE(rings[0]->sync(first, first + length));
                }
                EXPECT_TRUE(pmem.dirty_units().empty()) << "from " << begin << ", " << length << " bytes";
            }
        }
    }
}

TEST(RingOnAMedium, AFailedSyncIsReported) {
    AlignedMemory memory(kFileBytes);
    SimPmem pmem(memory.span(), Granularity::page);
    format_rings(memory.span(), 1, pmem.domain());
    std::string problem;
    const auto rings = attach_rings(memory.span(), 1, pmem.domain(), problem);
    ASSERT_EQ(problem, "");
    pmem.fail_syncs_with = EIO;
    const auto synced = rings[0]->sync(kRingBytes, kRingBytes + 64);
    ASSERT_FALSE(synced);
    EXPECT_EQ(synced.error().os_errno(), EIO);
    const auto raised = rings[0]->raise_marks({kRingBytes + 64, 0, 0}, Ring::Copies::both);
    ASSERT_FALSE(raised);
    EXPECT_NE(raised.error().message().find("ring-0"), std::string::npos) << raised.error().message();
    // Round the end of the area, where either half may fail.
    for (int failing = 0; failing < 2; ++failing) {
        int nth = 0;
        pmem.before_sync = [&](std::size_t, std::size_t) { pmem.fail_syncs_with = nth++ == failing ? EIO : 0; };
        EXPECT_FALSE(rings[0]->sync(2 * kRingBytes - 64, 2 * kRingBytes + 64)) << "half " << failing;
    }
}

TEST(RingOnAMedium, FailedHeaderWritesNeverTouchTheOtherCopy) {
    AlignedMemory memory(kFileBytes);
    SimPmem pmem(memory.span(), Granularity::page);
    format_rings(memory.span(), 1, pmem.domain());
    std::string problem;
    const auto rings = attach_rings(memory.span(), 1, pmem.domain(), problem);
    ASSERT_EQ(problem, "");
    const std::vector<std::byte> before(memory.span().begin(), memory.span().end());
    pmem.fail_syncs_with = EIO;
    for (int attempt = 0; attempt < 3; ++attempt) {
        ASSERT_FALSE(rings[0]->raise_marks({kRingBytes + 64, 0, 0}, Ring::Copies::both));
        const auto newer =
            static_cast<std::ptrdiff_t>(hot::kHeaderCopyBytes);  // copy 1, written last by the formatting
        EXPECT_TRUE(std::equal(before.begin() + newer, before.begin() + 2 * newer, memory.span().begin() + newer))
            << "attempt " << attempt;
    }
    pmem.fail_syncs_with = 0;
    ASSERT_TRUE(rings[0]->raise_marks({kRingBytes + 64, 0, 0}, Ring::Copies::both));
}

}  // namespace
}  // namespace zverse::test
