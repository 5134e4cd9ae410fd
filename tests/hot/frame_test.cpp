// Goal:    Nothing but a whole frame at its own place is ever accepted as one; what is accepted reads as it was
//          written.
// Method:  Frames of every shape, each of their bits flipped; lengths that lie, with checksums made good again;
//          frames at another place, of another lap, under another secret.
#include <support/hot_parts.h>
#include <support/seed.h>

#include <array>
#include <functional>

namespace zverse::test {
namespace {

using hot::FrameHeader;
using hot::FrameKind;
using hot::Operation;
using hot::OperationHeader;
using hot::Ring;
using hot::Stamp;
using hot::StampKind;

constexpr std::uint64_t kRingBytes = 16 << 10;
constexpr std::uint64_t kPlace = kRingBytes + 1024;

class FrameTest : public ::testing::Test {
protected:
    FrameTest() {
        format_rings(memory_.span(), 1, domain_);
        std::string problem;
        rings_ = attach_rings(memory_.span(), 1, domain_, problem);
        EXPECT_EQ(problem, "");
    }
    Ring& ring() { return *rings_[0]; }

    FrameHeader& fill(const std::vector<Operation>& operations, std::uint64_t position = kPlace, Version version = 77,
                      StampKind kind = StampKind::committed) {
        const std::uint64_t bytes = hot::frame_bytes_of(operations);
        hot::fill_frame(ring(), position, bytes, FrameKind::data, operations, kTestSecret, true, false, {});
        FrameHeader& frame = *ring().frame_at(position);
        const Stamp stamp = Stamp::stamped(kind, version, false);
        frame.stamp = stamp.word;
        hot::store_stamp_check(frame, kTestSecret, stamp);
        return frame;
    }
    hot::FrameCheck check(std::uint64_t position = kPlace, std::uint64_t limit = 2 * kRingBytes) {
        return hot::check_frame(ring(), position, limit, kTestSecret);
    }
    /// What recovery would take the frame for: valid here, and acceptable.
    bool accepted(std::uint64_t position = kPlace) { return ring().valid_at(position) && check(position).acceptable; }
    /// After a change that its writer could have made: only bounds can refuse it now.
    const char* problem_with_good_checksum(FrameHeader& frame) {
        frame.checksum = hot::frame_checksum(frame, kTestSecret);
        const auto found = check();
        EXPECT_FALSE(found.acceptable);
        return found.problem == nullptr ? "none" : found.problem;
    }
    std::string contents() {
        std::string text;
        hot::for_each_operation(ring(), kPlace, [&](const OperationHeader& op, std::uint64_t) {
            const auto* data = reinterpret_cast<const char*>(&op + 1);
            text += std::to_string(op.key_bytes) + ":" + std::string(data, op.key_bytes) + "=" +
                    std::string(data + op.key_bytes, op.value_bytes) + (op.tombstone != 0 ? "-" : "+");
        });
        return text;
    }

    AlignedMemory memory_{hot::kHeaderAreaBytes + kRingBytes};
    NoObserver nobody_;
    platform::PersistDomain domain_{platform::Granularity::byte, nobody_};
    std::vector<std::unique_ptr<Ring>> rings_;
};

OperationHeader& first_operation(FrameHeader& frame) { return *reinterpret_cast<OperationHeader*>(&frame + 1); }

TEST_F(FrameTest, ReadsAsItWasWritten) {
    const SeedScope scope;
    Random random(scope.seed());
    for (int round = 0; round < 500; ++round) {
        std::vector<std::pair<std::string, std::string>> texts(random.between(1, 6));
        std::vector<Operation> operations;
        std::string wanted;
        for (auto& text : texts) {
            text = {random.bytes(random.between(1, 200)), random.bytes(random.one_in(3) ? random.below(2000) : 10)};
            const bool tombstone = random.one_in(4);
            if (tombstone) text.second.clear();
            operations.push_back({text.first, text.second, 0, tombstone});
            wanted +=
                std::to_string(text.first.size()) + ":" + text.first + "=" + text.second + (tombstone ? "-" : "+");
        }
        if (hot::frame_bytes_of(operations) > kRingBytes / 2) continue;
        const FrameHeader& frame = fill(operations);
        ASSERT_TRUE(accepted()) << check().problem;
        EXPECT_EQ(contents(), wanted);
        EXPECT_EQ(check().bytes, frame.bytes());
        EXPECT_EQ(check().stamp.number(), 77U);
    }
}

TEST_F(FrameTest, EveryFlippedBitIsSeenOrMeansNothing) {
    const std::string key = "a key", long_key(70, 'k'), value(300, 'v'), large(1500, 'w');
    const std::vector<std::vector<Operation>> shapes{
        {{key, "v"}}, {{key, "", 0, true}}, {{key, value}}, {{key, value}, {"other", large}}, {{long_key, ""}}};
    for (const auto& shape : shapes) {
        FrameHeader& frame = fill(shape);
        ASSERT_TRUE(accepted()) << check().problem;
        const std::string wanted = contents();
        auto* bytes = reinterpret_cast<unsigned char*>(&frame);
        std::size_t harmless = 0;
        for (std::size_t bit = 0; bit < frame.bytes() * 8; ++bit) {
            bytes[bit / 8] ^= static_cast<unsigned char>(1U << (bit % 8));
            if (accepted()) {
                ++harmless;  // links, flags of the stamp, padding: not content
                ASSERT_EQ(contents(), wanted) << "bit " << bit;
                ASSERT_EQ(check().stamp.number(), 77U) << "bit " << bit;
                ASSERT_EQ(check().stamp.kind(), StampKind::committed) << "bit " << bit;
            }
            bytes[bit / 8] ^= static_cast<unsigned char>(1U << (bit % 8));
        }
        std::size_t content = 0;
        for (const Operation& operation : shape) content += 16 + operation.key.size() + operation.value.size();
        EXPECT_LE(harmless, (frame.bytes() - sizeof(FrameHeader) - content) * 8 + 4) << "content that no bit protects";
    }
}

TEST_F(FrameTest, LengthsThatLieAreRefusedWithGoodChecksums) {
    const auto fresh = [this]() -> FrameHeader& { return fill({{"key", "value"}, {"second", "another"}}); };
    first_operation(fresh()).value_bytes = 4000;
    EXPECT_STREQ(problem_with_good_checksum(*ring().frame_at(kPlace)), "key or value beyond the end of its frame");
    first_operation(fresh()).key_bytes = 60'000;
    EXPECT_STREQ(check().problem, "key or value beyond the end of its frame");
    first_operation(fresh()).back_units += 1;
    EXPECT_STREQ(problem_with_good_checksum(*ring().frame_at(kPlace)), "operation that names another frame");
    first_operation(fresh()).tombstone = 2;
    EXPECT_STREQ(problem_with_good_checksum(*ring().frame_at(kPlace)), "operation with unknown flags");
    first_operation(fresh()).reserved = 1;
    EXPECT_STREQ(problem_with_good_checksum(*ring().frame_at(kPlace)), "operation with unknown flags");
    fresh().count_kind += 100;
    EXPECT_STREQ(check().problem, "operation beyond the end of its frame");
    fresh().lines = 0;
    EXPECT_STREQ(check().problem, "frame length out of bounds");
    fresh().lines = 0xffff'ffff;
    EXPECT_STREQ(check().problem, "frame length out of bounds");
    fresh().count_kind = (fresh().count_kind & 0xff'ffff) | (9U << 24);
    EXPECT_STREQ(check().problem, "unknown kind of frame");
    fresh();
    EXPECT_STREQ(check(kPlace, kPlace + 64).problem, "frame length out of bounds") << "reaches the limit";
}

TEST_F(FrameTest, AFrameDoesNotGoRoundTheEnd) {
    const std::uint64_t last = 2 * kRingBytes - 64;
    FrameHeader& frame = fill({{"key", "short"}}, last - 64);
    ASSERT_EQ(frame.lines, 2U);
    EXPECT_TRUE(hot::check_frame(ring(), last - 64, 3 * kRingBytes, kTestSecret).acceptable);
    std::memcpy(ring().at(last), &frame, 64);
    EXPECT_STREQ(hot::check_frame(ring(), last, 3 * kRingBytes, kTestSecret).problem, "frame length out of bounds");
}

TEST_F(FrameTest, OnlyStampedFramesAreAccepted) {
    FrameHeader& frame = fill({{"key", "value"}});
    for (const Stamp stamp :
         {Stamp::pending(0, true), Stamp::pending(77, false), Stamp::stamped(StampKind::filler, 0, false)}) {
        frame.stamp = stamp.word;
        hot::store_stamp_check(frame, kTestSecret, stamp);
        EXPECT_STREQ(check().problem, "frame without a version");
    }
    fill({{"key", "value"}}, kPlace, 78, StampKind::aborted);
    EXPECT_TRUE(accepted());
    // Not checked yet, still dirty: the number alone is worth nothing.
    FrameHeader& unchecked = fill({{"key", "value"}}, kPlace, 79);
    unchecked.stamp_check = 0;
    EXPECT_STREQ(check().problem, "stamp check mismatch");
}

TEST_F(FrameTest, AStampCheckBelongsToItsFrameKindAndNumber) {
    const FrameHeader first = fill({{"key", "value"}}, kPlace, 77);
    FrameHeader& second = fill({{"key", "value"}}, kPlace + 1024, 77);
    second.stamp_check = first.stamp_check;
    EXPECT_FALSE(accepted(kPlace + 1024)) << "the check of another frame";
    FrameHeader& third = fill({{"key", "value"}}, kPlace, 77);
    third.stamp = Stamp::stamped(StampKind::committed, 76, false).word;
    EXPECT_FALSE(accepted());
    third.stamp = Stamp::stamped(StampKind::aborted, 77, false).word;
    EXPECT_FALSE(accepted());
}

TEST_F(FrameTest, AFrameIsValidOnlyAtItsOwnPlaceLapAndSecret) {
    fill({{"key", "value"}});
    EXPECT_TRUE(ring().valid_at(kPlace));
    EXPECT_FALSE(ring().valid_at(kPlace + kRingBytes)) << "the same bytes one lap later";
    std::memcpy(ring().at(kPlace + 1024), ring().at(kPlace), 128);
    EXPECT_FALSE(ring().valid_at(kPlace + 1024)) << "copied to another place";
    // The same frame as another store would write it, or a user who knows the format.
    const hot::Secret other{kTestSecret.a + 1, kTestSecret.b};
    EXPECT_NE(hot::validity_of(other, ring().address_of(kPlace)), ring().validity_at(kPlace));
    const hot::Secret another{kTestSecret.a, kTestSecret.b + 2};
    EXPECT_NE(hot::validity_of(another, ring().address_of(kPlace)), ring().validity_at(kPlace));
}

/// Looks at the frame whenever its body begins its way to the medium.
class BodyObserver final : public platform::PersistObserver {
public:
    std::function<void()> look;
    int drains = 0;
    void on_flush(const void*, std::size_t) noexcept override {
        if (look) look();
    }
    void on_drain() noexcept override { ++drains; }
    Result<void> on_sync(const void*, std::size_t) noexcept override { return {}; }
};

TEST(FrameBody, IsOnTheMediumBeforeTheFrameIsValid) {
    AlignedMemory memory(hot::kHeaderAreaBytes + kRingBytes);
    BodyObserver observer;
    const platform::PersistDomain domain(platform::Granularity::cache_line, observer);
    format_rings(memory.span(), 1, domain);
    std::string problem;
    const auto rings = attach_rings(memory.span(), 1, domain, problem);
    ASSERT_EQ(problem, "");
    const std::string value(3000, 'v');
    const Operation operations[] = {{"first", value}, {"second", value}};
    int looks = 0;
    observer.look = [&] {
        ++looks;
        EXPECT_FALSE(rings[0]->valid_at(kPlace)) << "whoever finds it valid reads what is not there yet";
    };
    observer.drains = 0;
    hot::fill_frame(*rings[0], kPlace, hot::frame_bytes_of(operations), FrameKind::data, operations, kTestSecret, false,
                    true, {});
    EXPECT_GT(looks, 0);
    EXPECT_EQ(observer.drains, 1) << "one fence for the whole body";
    EXPECT_TRUE(rings[0]->valid_at(kPlace));
}

TEST_F(FrameTest, FillersAreBornStamped) {
    for (const std::uint64_t bytes : {64, 128, 4096}) {
        hot::fill_filler(ring(), kPlace, bytes, kTestSecret);
        ASSERT_TRUE(accepted()) << check().problem;
        EXPECT_EQ(check().bytes, bytes);
        EXPECT_EQ(ring().frame_at(kPlace)->kind(), FrameKind::filler);
        EXPECT_FALSE(Stamp{ring().frame_at(kPlace)->stamp}.dirty());
        ring().frame_at(kPlace)->lines += 1;
        EXPECT_FALSE(check().acceptable) << "its length is protected";
    }
}

TEST_F(FrameTest, FillersHaveNoOperationsAndNoVersion) {
    const auto problem_of = [this](Stamp stamp, std::uint32_t count) {
        FrameHeader& frame = fill({{"key", "value"}});
        frame.count_kind = count | static_cast<std::uint32_t>(FrameKind::filler) << 24;
        frame.stamp = stamp.word;
        hot::store_stamp_check(frame, kTestSecret, stamp);
        frame.checksum = hot::frame_checksum(frame, kTestSecret);
        return check().problem;
    };
    const char* const wrong = "filler with operations or a version";
    EXPECT_EQ(problem_of(Stamp::stamped(StampKind::filler, 0, false), 0), nullptr);
    EXPECT_STREQ(problem_of(Stamp::stamped(StampKind::filler, 0, false), 1), wrong);
    EXPECT_STREQ(problem_of(Stamp::stamped(StampKind::filler, 7, false), 0), wrong);
    EXPECT_STREQ(problem_of(Stamp::stamped(StampKind::committed, 0, false), 0), wrong);
}

/// A header line of which some words are of this lap and some of the last one, above a body of the last one.
TEST_F(FrameTest, ATornHeaderDoesNotReviveTheFrameBelowIt) {
    const std::string first(300, 'a'), second(300, 'b');
    fill({{"key", first}}, kPlace, 76);
    std::array<std::uint64_t, 64> old{}, torn{};
    std::memcpy(old.data(), ring().at(kPlace), sizeof old);
    const FrameHeader& frame = fill({{"key", second}}, kPlace + kRingBytes, 77);
    std::array<std::uint64_t, 5> now{};
    std::memcpy(now.data(), &frame, sizeof now);
    for (unsigned words = 0; words < 31; ++words) {  // 31: a whole header above an old body; bodies have their own test
        torn = old;
        for (unsigned word = 0; word < 5; ++word) {
            if ((words >> word & 1) != 0) torn[word] = now[word];
        }
        std::memcpy(ring().at(kPlace), torn.data(), sizeof torn);
        const bool valid = ring().valid_at(kPlace + kRingBytes);
        EXPECT_FALSE(valid && hot::check_frame(ring(), kPlace + kRingBytes, 3 * kRingBytes, kTestSecret).acceptable)
            << "words " << words;
    }
}

TEST_F(FrameTest, WhatLiesBehindARecordIsZero) {
    std::memset(ring().at(kPlace), 0xff, 4096);
    for (const std::vector<Operation>& operations :
         {std::vector<Operation>{{"key", "value"}}, std::vector<Operation>{{"key", "value"}, {"other", "v"}}}) {
        const FrameHeader& frame = fill(operations);
        std::uint64_t end = sizeof(FrameHeader);
        for (const Operation& operation : operations) {
            const std::uint64_t used = sizeof(OperationHeader) + operation.key.size() + operation.value.size();
            for (std::uint64_t i = used; i < hot::operation_bytes(operation.key.size(), operation.value.size()); ++i) {
                EXPECT_EQ(*ring().at(kPlace + end + i), std::byte{0});
            }
            end += hot::operation_bytes(operation.key.size(), operation.value.size());
        }
        for (; end < frame.bytes(); ++end) EXPECT_EQ(*ring().at(kPlace + end), std::byte{0}) << end;
    }
}

TEST_F(FrameTest, HashesDependOnTheSecretAndTheWholeKey) {
    EXPECT_NE(hot::hash_key(kTestSecret, "key"), hot::hash_key({1, 2}, "key"));
    EXPECT_NE(hot::hash_key(kTestSecret, "key"), hot::hash_key(kTestSecret, std::string_view("key\0", 4)));
    EXPECT_NE(hot::hash_key(kTestSecret, std::string(300, 'x')), hot::hash_key(kTestSecret, std::string(301, 'x')));
}

}  // namespace
}  // namespace zverse::test
