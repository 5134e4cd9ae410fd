// Goal:    A walker steps over what is unfinished by its confirmed length and never by a stale one (slot.h A2), and
//          meets every valid frame behind it.
// Method:  Announcements set by hand in the slots of other threads, frames laid out by hand.
#include <hot/walk.h>
#include <support/hot_parts.h>

#include <thread>

namespace zverse::test {
namespace {

using hot::FrameHeader;
using hot::FrameKind;
using hot::Ring;

constexpr std::uint64_t kRingBytes = 8 << 10;

class WalkTest : public ::testing::Test {
protected:
    WalkTest() {
        format_rings(memory_.span(), 1, domain_);
        std::string problem;
        rings_ = attach_rings(memory_.span(), 1, domain_, problem);
        EXPECT_EQ(problem, "");
    }
    Ring& ring() { return *rings_[0]; }
    std::uint64_t put(std::uint64_t position, std::size_t value_bytes) {
        const std::string value(value_bytes, 'v');
        const hot::Operation operation{"key", value};
        const std::uint64_t bytes = hot::frame_bytes_of({&operation, 1});
        hot::fill_frame(ring(), position, bytes, FrameKind::data, {&operation, 1}, kTestSecret, true, false, {});
        return position + bytes;
    }
    std::vector<std::uint64_t> walk(std::uint64_t begin, std::uint64_t end) {
        std::vector<std::uint64_t> met;
        hot::walk_frames(slots_, ring(), begin, end,
                         [&](std::uint64_t position, FrameHeader&) { met.push_back(position); });
        return met;
    }

    AlignedMemory memory_{hot::kHeaderAreaBytes + kRingBytes};
    NoObserver nobody_;
    platform::PersistDomain domain_{platform::Granularity::byte, nobody_};
    std::vector<std::unique_ptr<Ring>> rings_;
    hot::WriterSlots slots_;
};

TEST_F(WalkTest, MeetsFramesAndFillersInOrder) {
    const std::uint64_t a = kRingBytes;
    const std::uint64_t b = put(a, 10), c = put(b, 500);
    hot::fill_filler(ring(), c, 192, kTestSecret);
    const std::uint64_t d = c + 192, end = put(d, 1);
    EXPECT_EQ(walk(a, end), (std::vector<std::uint64_t>{a, b, c, d}));
    EXPECT_EQ(walk(b, d), (std::vector<std::uint64_t>{b, c})) << "the end is not met";
}

TEST_F(WalkTest, StepsOverAnUnfinishedReservationByItsConfirmedLength) {
    const std::uint64_t a = kRingBytes, hole = put(a, 10), behind = hole + 1024, end = put(behind, 10);
    // Inside the hole lies what looks like a frame at its own place: an old lap can't, but the step must not depend on
    // it.
    put(hole + 256, 10);
    std::jthread([&] {
        hot::WriterSlot& slot = slots_.mine();
        slot.announced.store(ring().address_of(hole), std::memory_order_release);
        slot.announced_bytes.store(1024, std::memory_order_release);
    }).join();
    EXPECT_EQ(hot::announced_length(slots_, ring(), hole), 1024U);
    EXPECT_EQ(walk(a, end), (std::vector<std::uint64_t>{a, behind}));
}

TEST_F(WalkTest, WithoutALengthGoesLineByLineToTheNextFrame) {
    const std::uint64_t a = kRingBytes, hole = put(a, 10), behind = hole + 320, end = put(behind, 10);
    EXPECT_EQ(walk(a, end), (std::vector<std::uint64_t>{a, behind})) << "nobody announces it any more";
    slots_.mine().announced.store(ring().address_of(hole), std::memory_order_release);
    EXPECT_EQ(hot::announced_length(slots_, ring(), hole), 0U) << "announced, but its tail CAS may still fail";
    EXPECT_EQ(walk(a, end), (std::vector<std::uint64_t>{a, behind}));
}

TEST_F(WalkTest, LengthsOfOtherReservationsAreNotTaken) {
    const std::uint64_t hole = kRingBytes;
    slots_.mine().announced.store(ring().address_of(hole + 64), std::memory_order_release);
    slots_.mine().announced_bytes.store(640, std::memory_order_release);
    EXPECT_EQ(hot::announced_length(slots_, ring(), hole), 0U);
    slots_.mine().announced.store(hot::make_address(1, hole), std::memory_order_release);
    EXPECT_EQ(hot::announced_length(slots_, ring(), hole), 0U) << "the same position of another ring";
}

}  // namespace
}  // namespace zverse::test
