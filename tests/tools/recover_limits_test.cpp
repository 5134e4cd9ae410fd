// Goal:    what zverse-recover claims holds at its limits: versions that were asked for and forgotten, frames that a
//          crash may or may not have cut short, files that are gone or are none, values as large as a ring takes.
// Method:  stores made into those states, and what the report says of each.
#include "recover_fixture.h"

#include <support/failing_file_io.h>

#include <hot/layout.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string>

namespace zverse::test {
namespace {

class RecoverLimitsTest : public RecoverTest {
protected:
    [[nodiscard]] Result<void> try_recover(const RecoverRequest& asked, RecoverReport& report) {
        fs::remove_all(target);
        return tools::recover_store(*io, asked, report);
    }
    RecoverReport recover_as(const RecoverRequest& asked) {
        RecoverReport report;
        must(try_recover(asked, report));
        return report;
    }
    /// Killed with frames above the settled mark; returns where the frame of the key begins in the ring's file.
    std::uint64_t kill_with_frames(const std::string& key) {
        Store store = must(StoreAccess::open(path, options, internals));
        for (int i = 0; i < 9; ++i) must(store.put("later" + std::to_string(i), "value"));
        StoreAccess::abandon(store);
        learn();
        const std::size_t at = read_file(ring()).rfind(key);
        EXPECT_NE(at, std::string::npos);
        return at - sizeof(hot::OperationHeader) - sizeof(hot::FrameHeader);
    }
    [[nodiscard]] Version version_of(const std::string& key) const {
        for (const auto& [id, value] : truth->records()) {
            if (id.second == key) return id.first;
        }
        return 0;
    }
};

TEST_F(RecoverLimitsTest, AFrameWhoseFirstWordIsDamagedMayHaveBeenAcknowledged) {
    flip_bit(ring(), kill_with_frames("later5") * 8 + 3);
    const RecoverReport report = recover_as(request());
    EXPECT_EQ(report.torn_frames, 0U) << "it does not even look like one";
    EXPECT_EQ(report.complete_up_to(), version_of("later5") - 1);
    EXPECT_EQ(report.newest, version_of("later8"));
}

TEST_F(RecoverLimitsTest, ABadSectorAboveTheSettledMarkIsALoss) {
    const std::uint64_t place = kill_with_frames("later5");
    const auto failures = std::make_shared<Failures>();
    failures->is_bad = [&](const fs::path& file, std::uint64_t offset, std::uint64_t bytes) {
        return file == ring() && offset < place + 64 && place < offset + bytes;
    };
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    RecoverReport report;
    fs::remove_all(target);
    must(tools::recover_store(failing, request(), report));
    EXPECT_TRUE(report.any_key_uncertain);
    EXPECT_FALSE(report.lossless());
    EXPECT_LT(report.complete_up_to(), version_of("later5"));
}

TEST_F(RecoverLimitsTest, AValueThatTheMediumGivesOnceAndNoMoreIsLost) {
    // Read while records are gathered, and again when they are written.
    const auto failures = std::make_shared<Failures>();
    std::uint64_t reads = 0;
    failures->is_bad = [&](const fs::path& file, std::uint64_t, std::uint64_t bytes) {
        return file.extension() == ".zseg" && bytes == 6'000 && ++reads > 5;
    };
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    RecoverReport report;
    fs::remove_all(target);
    must(tools::recover_store(failing, request(), report));
    ASSERT_GT(reads, 5U) << "the fixture settles five such values";
    EXPECT_GT(report.lost_records_count, 0U);
    truth->expect_recovered(open_to_read(target), report, "values that are gone");
}

TEST_F(RecoverLimitsTest, ARingThatWasCutOffGivesWhatIsLeft) {
    fs::resize_file(ring(), kill_with_frames("later5"));
    const RecoverReport report = recover("cut off");
    EXPECT_EQ(report.newest, version_of("later4"));
    EXPECT_EQ(report.complete_up_to(), version_of("later4"));
    EXPECT_TRUE(report.any_key_uncertain) << "nobody knows what was behind";
    EXPECT_FALSE(report.lossless());
}

TEST_F(RecoverLimitsTest, SegmentsOfAnotherStoreAreOutvoted) {
    const fs::path mine = path;
    path = directory / "foreign";
    fill();
    const std::string foreign = read_file(segments().front());
    path = mine;
    write_file(path / "cold" / "000000000000.zseg", foreign);
    fs::remove(superblock());
    fs::remove(manifest());
    const RecoverReport report = recover_as(request());
    EXPECT_GT(report.written, truth->records().size() / 2);
}

TEST_F(RecoverLimitsTest, ASortIsNotHeldUpByAFileThatAKillLeft) {
    // On disk: some MiB of records in memory for a few.
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 4'000; ++i) {
        must(store.put("key" + std::to_string(i), random.bytes(1'000)));
        if (i % 500 == 499) must(store.flush());
    }
    must(store.close());
    learn();
    write_file(directory / "1.spill", "");
    RecoverRequest asked = request();
    asked.memory_bytes = std::uint64_t{2} << 20;
    fs::remove_all(target);
    RecoverReport report;
    must(tools::recover_store(*io, asked, report));
    EXPECT_TRUE(report.lossless());
    EXPECT_EQ(read_file(directory / "1.spill"), "") << "it is not ours";
}

TEST_F(RecoverLimitsTest, WhatMayHaveBeenForgottenIsRefused) {
    fs::remove(manifest());
    RecoverRequest asked = request();
    asked.rewind = 40;
    EXPECT_EQ(recover_as(asked).complete_up_to(), 40U) << "the request says that history is whole";
    asked.floor.reset();
    RecoverReport report;
    expect_error(try_recover(asked, report), ErrorCode::version_too_old);
    asked.rewind.reset();
    asked.as_of = 40;
    expect_error(try_recover(asked, report), ErrorCode::version_too_old);
    EXPECT_FALSE(fs::exists(target));
}

TEST_F(RecoverLimitsTest, WithoutAnySegmentNothingIsComplete) {
    fs::remove(manifest());
    for (const fs::path& segment : segments()) fs::remove(segment);
    EXPECT_EQ(recover_as(request()).complete_up_to(), 0U);
}

TEST_F(RecoverLimitsTest, DamageAboveWhatWasAskedForIsNoLoss) {
    RecoverRequest asked = request();
    for (int i = 0; i < 500 && !asked.rewind; ++i) {
        const fs::path segment = segments()[random.below(segments().size())];
        const std::uint64_t bit = random.below(fs::file_size(segment) * 8);
        flip_bit(segment, bit);
        const RecoverReport report = recover("a flip");
        const Version from = report.losses.empty() ? 0 : report.losses.front().piece.version_min;
        if (from > 1) {
            asked.rewind = from - 1;
        } else {
            flip_bit(segment, bit);
        }
    }
    ASSERT_TRUE(asked.rewind.has_value());
    const RecoverReport report = recover_as(asked);
    EXPECT_TRUE(report.lossless());
    EXPECT_EQ(report.uncertain_count, 0U);
    EXPECT_EQ(report.complete_up_to(), *asked.rewind);
}

TEST_F(RecoverLimitsTest, WhatIsNoFileIsLostAndHoldsNobodyUp) {
    const fs::path pipe = path / "cold" / "000000000999.zseg";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    fs::create_directory(path / "cold" / "000000000998.zseg");
    fs::remove(manifest());
    const RecoverReport report = recover_as(request());
    EXPECT_TRUE(report.catalog_lost);
    EXPECT_EQ(report.losses.size(), 1U) << "without a catalog the pipe may have been a segment; folders are not listed";
    EXPECT_GE(report.written, truth->records().size());
    ASSERT_EQ(::mkfifo((path / "MANIFEST-9").c_str(), 0600), 0);
    EXPECT_TRUE(recover_as(request()).catalog_lost);
}

TEST_F(RecoverLimitsTest, AValueThatFillsAFrameHasNoRoomForALongerName) {
    constexpr std::size_t kNearlyAQuarter = 262'000;
    path = directory / "large";
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 3; ++i) must(store.put("large" + std::to_string(i), random.bytes(kNearlyAQuarter)));
    must(store.put("middle", random.bytes(100'000)));
    must(store.flush());
    const std::set<fs::path> before = [&] {
        const auto all = segments();
        return std::set<fs::path>(all.begin(), all.end());
    }();
    for (int i = 0; i < 3; ++i) must(store.put("large" + std::to_string(i), "small"));
    must(store.put("middle", "small"));
    must(store.flush());
    must(store.close());
    learn();
    for (const fs::path& segment : segments()) {
        if (!before.contains(segment)) flip_bit(segment, 8 * 4'100);
    }
    const RecoverReport report = recover_as(request());
    EXPECT_EQ(report.uncertain_count, 4U);
    const Store recovered = open_to_read(target);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(must(recovered.get("large" + std::to_string(i))).has_value());
    EXPECT_TRUE(must(recovered.get("lost+found/middle")).has_value());
}

}  // namespace
}  // namespace zverse::test
