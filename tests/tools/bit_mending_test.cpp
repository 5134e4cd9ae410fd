// Goal:    a block of which one bit is wrong comes back as it was: in place by what zverse-fsck -y does, which keeps
//          it as it was beside, and in a new store by zverse-recover --level desperate; two wrong bits are left alone.
// Method:  flipped bits all over the blocks and large values of a small store; its files, and all that it ever held,
//          are the oracle. Failing calls and power cuts in the middle of mending.
#include "recover_fixture.h"

#include <support/failing_file_io.h>
#include <support/sim_file_io.h>

#include <cold/flipped_bit.h>
#include <cold/layout.h>
#include <tools/common/exit_status.h>
#include <tools/fsck/bit_mending.h>
#include <tools/fsck/finding_kinds.h>
#include <tools/fsck/mending.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

class BitMendingTest : public RecoverTest {
protected:
    [[nodiscard]] CheckRequest twice() const {
        CheckRequest asked = RecoverTest::StoreCheckTest::request();
        asked.look_twice = true;
        asked.second_looks_max = std::numeric_limits<std::size_t>::max();
        return asked;
    }
    [[nodiscard]] CheckReport check_twice() const { return must(tools::check_store(*io, twice())); }
    tools::BitsTurned turn_back(const CheckReport& report) {
        tools::BitsTurned turned = tools::turn_bits_back(*io, twice(), report);
        EXPECT_FALSE(turned.failure) << turned.failure->message();
        return turned;
    }
    /// As zverse-fsck -y.
    [[nodiscard]] tools::FsckOutcome repair(platform::FileIo& files, const CheckRequest& check) const {
        tools::MendRequest asked;
        asked.check = check;
        asked.mode = tools::FsckMode::repair;
        return must(tools::check_and_mend(files, asked));
    }
    /// Flips a bit in the first block of every segment that begins with one.
    std::vector<fs::path> damage_blocks() {
        std::vector<fs::path> damaged;
        for (const fs::path& file : segments()) {
            flip_bit(file, kBitOfABlock);
            if (codes_of(check()).contains(std::string(codes::kValueChecksum))) {
                flip_bit(file, kBitOfABlock);  // it begins with a value
            } else {
                damaged.push_back(file);
            }
        }
        return damaged;
    }
    static constexpr std::uint64_t kBitOfABlock = 8 * (cold::kSegmentHeaderBytes + 60) + 2;
    /// Where blocks and values lie.
    [[nodiscard]] std::uint64_t random_bit(const fs::path& segment) {
        cold::SegmentHeader header;
        std::memcpy(&header, read_file(segment).data(), sizeof(header));
        return 8 * cold::kSegmentHeaderBytes + random.below(8 * (header.index.offset - cold::kSegmentHeaderBytes));
    }
    [[nodiscard]] RecoverReport recover_desperately(const std::string& what) {
        RecoverRequest asked = RecoverTest::request();
        asked.level = tools::RecoverLevel::desperate;
        fs::remove_all(target);
        RecoverReport report;
        must(tools::recover_store(*io, asked, report));
        truth->expect_recovered(open_to_read(target), report, what);
        return report;
    }
    [[nodiscard]] std::vector<fs::path> kept() const {
        return fs::exists(path / "lost+found") ? files("lost+found", "") : std::vector<fs::path>();
    }
};

TEST_F(BitMendingTest, EveryFlippedBitOfABlockComesBackInPlace) {
    const std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 10 : 60);
    const std::vector<fs::path> all = segments();
    std::uint64_t mended = 0, of_values = 0;
    for (std::uint64_t i = 0; i < flips && !HasFailure(); ++i) {
        const fs::path& file = all[random.below(all.size())];
        const std::string image = read_file(file);
        const std::uint64_t bit = random_bit(file);
        flip_bit(file, bit);
        const std::string damaged = read_file(file);
        const CheckReport report = check_twice();
        if (report.clean()) {
            write_file(file, image);  // padding
            continue;
        }
        ASSERT_EQ(report.seen.findings.size(), 1U);
        const Finding& finding = report.seen.findings.front();
        fs::remove_all(path / "lost+found");
        turn_back(report);
        if (finding.code == codes::kValueChecksum) {
            ++of_values;
            EXPECT_TRUE(read_file(file) == damaged) << "what a value must be its record knows";
            write_file(file, image);
            continue;
        }
        ++mended;
        EXPECT_EQ(tools::kind_of(report, finding).fix, "zverse-fsck -y");
        EXPECT_TRUE(read_file(file) == image) << file << ", bit " << bit;
        const auto aside = kept();
        ASSERT_EQ(aside.size(), 1U);
        EXPECT_EQ(aside[0].filename(), file.filename().string() + "-" + std::to_string(finding.offset));
        const std::string piece = read_file(aside[0]);
        EXPECT_TRUE(damaged.compare(finding.offset, piece.size(), piece) == 0 &&
                    bit / 8 < finding.offset + piece.size())
            << "what is kept is the block with the wrong bit";
        write_file(file, image);
    }
    std::printf("bits: %lu of %lu came back, %lu were of values\n", mended, flips, of_values);
    EXPECT_GT(mended, flips / 10);
}

TEST_F(BitMendingTest, ManyBlocksOneBitEachAndNothingIsWrittenOver) {
    const FileTree before = read_tree(path / "cold");
    fs::create_directory(path / "lost+found");
    const std::vector<fs::path> damaged = damage_blocks();
    ASSERT_GT(damaged.size(), 1U);
    for (const fs::path& file : damaged) {
        write_file(path / "lost+found" / (file.filename().string() + "-4096"), "of an earlier time");
    }
    EXPECT_EQ(turn_back(check_twice()).places.size(), damaged.size());
    EXPECT_EQ(difference(before, read_tree(path / "cold")), "");
    expect_clean(check(), "mended");
    EXPECT_TRUE(read() == contents);
    ASSERT_EQ(kept().size(), 2 * damaged.size());
    for (const fs::path& file : damaged) {
        const fs::path name = path / "lost+found" / (file.filename().string() + "-4096");
        EXPECT_EQ(read_file(name), "of an earlier time");
        EXPECT_GT(read_file(name.string() + ".2").size(), 60U);
    }
}

TEST_F(BitMendingTest, TwoWrongBitsAreLeftAlone) {
    const fs::path file = segments().front();
    flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 60) + 2);
    flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 61) + 2);
    const FileTree before = read_tree(path);
    const CheckReport report = check_twice();
    EXPECT_FALSE(tools::is_one_bit(report, report.seen.findings.at(0)));
    turn_back(report);
    EXPECT_EQ(difference(before, read_tree(path)), "");
}

TEST_F(BitMendingTest, WhatReadsDifferentlyEachTimeIsLeftAlone) {
    const fs::path file = segments().front();
    flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 60) + 2);
    CheckReport report = check_twice();
    ASSERT_TRUE(tools::is_one_bit(report, report.seen.findings.at(0)));
    for (const auto reread : {tools::Reread::differs, tools::Reread::good, tools::Reread::failed}) {
        report.second_looks.begin()->second.reread = reread;
        const FileTree before = read_tree(path);
        turn_back(report);
        EXPECT_EQ(difference(before, read_tree(path)), "");
    }
}

TEST_F(BitMendingTest, AFailureOrAPowerCutLeavesTheBlockAsItWasOrAsItMustBe) {
    const fs::path file = segments().front();
    const std::string image = read_file(file);
    const std::uint64_t bit = 8 * (cold::kSegmentHeaderBytes + 60) + 2;
    flip_bit(file, bit);
    const std::string damaged = read_file(file);
    const CheckReport report = check_twice();
    ASSERT_EQ(report.seen.findings.size(), 1U);
    std::uint64_t cuts = 0, whole = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        SimFileIo disk;
        must(disk.create_directories(file.parent_path()));
        const auto written = must(disk.open(file, platform::OpenMode::create));
        must(written->write(std::as_bytes(std::span(damaged)), 0));
        must(written->sync());
        must(disk.sync_directory(file.parent_path()));
        const std::uint64_t failures = disk.failures();
        disk.fail_call(nth, EIO, true);
        const auto done = tools::turn_bits_back(disk, twice(), report);
        disk.fail_no_more();
        EXPECT_EQ(!done.failure, disk.failures() == failures) << nth;
        EXPECT_EQ(done.places.size(), done.failure ? 0U : 1U);
        for (int state = 0; state < 20; ++state, ++cuts) {
            const auto after = disk.crash(random.below(1'000'000));
            const auto again = must(after->open(file, platform::OpenMode::read));
            std::string bytes(image.size(), '\0');
            must(again->read_exact(std::as_writable_bytes(std::span(bytes)), 0));
            EXPECT_TRUE(bytes == image || (done.failure && bytes == damaged)) << "behind call " << nth;
            if (bytes != image) continue;
            ++whole;
            const fs::path aside =
                path / "lost+found" /
                (file.filename().string() + "-" + std::to_string(report.seen.findings.front().offset));
            const auto copy = must(after->open(aside, platform::OpenMode::read));
            std::string piece(report.second_looks.begin()->second.bytes, '\0');
            must(copy->read_exact(std::as_writable_bytes(std::span(piece)), 0));
            EXPECT_EQ(damaged.compare(report.seen.findings.front().offset, piece.size(), piece), 0)
                << "mended before what was there was kept, behind call " << nth;
        }
        if (disk.failures() == failures) break;
    }
    EXPECT_GT(cuts, 100U);
    EXPECT_GT(whole, 20U);
}

TEST_F(BitMendingTest, WhatIsNotTheBlockAnyMoreThatWasLookedAtIsLeftAlone) {
    const fs::path file = damage_blocks().at(0);
    const CheckReport report = check_twice();
    flip_bit(file, kBitOfABlock);  // somebody else mended it
    const std::string image = read_file(file);
    EXPECT_FALSE(turn_back(report).places.contains({file.string(), cold::kSegmentHeaderBytes}));
    EXPECT_TRUE(read_file(file) == image);
    flip_bit(file, kBitOfABlock);
    flip_bit(file, kBitOfABlock + 1);  // it has gone on
    const std::string worse = read_file(file);
    (void)turn_back(report);
    EXPECT_TRUE(read_file(file) == worse);
}

TEST_F(BitMendingTest, WhoeverIsStoppedTellsNothingMendedThatIsNot) {
    const std::vector<fs::path> damaged = damage_blocks();
    const fs::path hopeless = damaged.at(0);
    flip_bit(hopeless, kBitOfABlock + 1);
    const std::string two_bits = read_file(hopeless);
    const std::uint64_t findings = check().seen.findings.size();
    // As soon as something was kept, at the latest when the second check begins.
    CheckRequest asked = twice();
    asked.stopped = [this] { return fs::exists(path / "lost+found"); };
    const tools::FsckOutcome outcome = repair(*io, asked);
    EXPECT_TRUE(outcome.report.cancelled);
    EXPECT_EQ(outcome.exit, tools::kExitCorrected | tools::kExitDamaged | tools::kExitCancelled);
    ASSERT_EQ(outcome.corrected.size(), 1U) << "the one that was mended before it was stopped";
    EXPECT_EQ(outcome.report.seen.findings.size(), findings - 1);
    for (const Finding& finding : outcome.corrected) EXPECT_NE(finding.file, hopeless.string());
    EXPECT_TRUE(read_file(hopeless) == two_bits);
    // And goes on.
    const tools::FsckOutcome again = repair(*io, twice());
    EXPECT_EQ(again.exit, tools::kExitCorrected | tools::kExitDamaged);
    for (const Finding& finding : again.report.seen.findings) EXPECT_EQ(finding.file, hopeless.string());
}

TEST_F(BitMendingTest, AFullDiskInTheMiddleEndsItAndWhatIsMendedIsTold) {
    const FileTree before = read_tree(path / "cold");
    std::uint64_t partly = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        fs::remove_all(path / "lost+found");
        const std::vector<fs::path> damaged = damage_blocks();
        ASSERT_GT(damaged.size(), 1U);
        const auto failures = std::make_shared<Failures>();
        failures->only = "lost+found";
        failures->removes_fail = false;
        failures->fail_call(nth, ENOSPC, false);
        FailingFileIo failing(platform::make_posix_file_io(), failures);
        const tools::FsckOutcome outcome = repair(failing, twice());
        if (failures->failed == 0) {
            EXPECT_EQ(outcome.exit, tools::kExitCorrected);
            break;
        }
        ASSERT_EQ(outcome.failures.size(), 1U) << nth;
        EXPECT_EQ(outcome.failures[0].code(), ErrorCode::full);
        const std::uint64_t mended = outcome.corrected.size();
        partly += mended != 0 ? 1 : 0;
        EXPECT_EQ(outcome.exit, (mended != 0 ? tools::kExitCorrected : 0) | tools::kExitDamaged) << nth;
        EXPECT_EQ(kept().size(), mended) << "no part of a block is left for one, at call " << nth;
        EXPECT_EQ(repair(*io, twice()).exit, tools::kExitCorrected) << nth;
        EXPECT_EQ(difference(before, read_tree(path / "cold")), "");
    }
    EXPECT_GT(partly, 2U);
    EXPECT_TRUE(read() == contents);
}

TEST_F(BitMendingTest, ARecoveryThatIsStoppedWhileItTriesBitsLosesNothingAndGoesOn) {
    ASSERT_FALSE(damage_blocks().empty());
    // And in the middle of a large value.
    bool found = false;
    for (const fs::path& file : segments()) {
        flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 3'000) + 1);
        found = codes_of(check()).contains(std::string(codes::kValueChecksum));
        if (found) break;
        flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 3'000) + 1);
    }
    ASSERT_TRUE(found) << "no segment begins with a value";
    std::uint64_t stopped_runs = 0;
    for (std::uint64_t questions = 0;; ++questions) {
        RecoverRequest asked = RecoverTest::request();
        asked.level = tools::RecoverLevel::desperate;
        std::uint64_t asked_times = 0;
        asked.stopped = [&] { return ++asked_times > questions; };
        RecoverReport report;
        fs::remove_all(target);
        const auto done = tools::recover_store(*io, asked, report);
        asked.stopped = [] { return false; };
        if (!done) {
            ++stopped_runs;
            EXPECT_TRUE(report.cancelled) << questions;
            EXPECT_EQ(report.lost_records_count, 0U) << "stopped at question " << questions;
            EXPECT_TRUE(report.losses.empty()) << "stopped at question " << questions;
            asked.resume = fs::exists(target / "SUPERBLOCK");
            report = {};
            must(tools::recover_store(*io, asked, report));
        }
        EXPECT_TRUE(report.lossless()) << "stopped at question " << questions;
        truth->expect_recovered(open_to_read(target), report, "stopped at question " + std::to_string(questions));
        if (done || HasFailure()) break;
    }
    EXPECT_GT(stopped_runs, 10U);
}

TEST_F(BitMendingTest, WithoutZonesNoBitsAreTried) {
    const fs::path file = damage_blocks().at(0);
    cold::SegmentHeader header;
    std::memcpy(&header, read_file(file).data(), sizeof(header));
    flip_bit(file, 8 * header.zones.offset + 3);
    const RecoverReport report = recover_desperately("no zones");
    for (const tools::CorrectedBit& bit : report.corrected) EXPECT_NE(bit.file, file.string());
    EXPECT_FALSE(report.lossless());
}

TEST_F(BitMendingTest, ARecoveryReadsThemTurnedBackOnlyWhenAsked) {
    const std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 5 : 40);
    const std::vector<fs::path> all = segments();
    std::uint64_t corrected = 0;
    for (std::uint64_t i = 0; i < flips && !HasFailure(); ++i) {
        const fs::path& file = all[random.below(all.size())];
        const std::uint64_t bit = random_bit(file);
        flip_bit(file, bit);
        const std::string what = file.string() + ", bit " + std::to_string(bit);
        const FileTree before = read_tree(path);
        const bool meant = !check().clean();
        const RecoverReport report = recover_desperately(what);
        EXPECT_TRUE(report.lossless()) << what;
        if (meant) {
            ++corrected;
            ASSERT_EQ(report.corrected.size(), 1U) << what;
            EXPECT_EQ(*report.corrected.begin(),
                      (tools::CorrectedBit{file.string(), bit / 8, static_cast<unsigned>(bit % 8)}));
            EXPECT_FALSE(recover(what).lossless()) << what << " is no proof unless it is asked for";
        }
        EXPECT_EQ(difference(before, read_tree(path)), "") << "the source is only read";
        flip_bit(file, bit);
    }
    std::printf("bits: %lu of %lu were corrected\n", corrected, flips);
    EXPECT_GT(corrected, flips / 10);
}

TEST_F(BitMendingTest, ARecoveryTakesNoBlockWithTwo) {
    const fs::path file = segments().front();
    flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 60) + 2);
    flip_bit(file, 8 * (cold::kSegmentHeaderBytes + 61) + 2);
    const RecoverReport report = recover_desperately("two bits");
    EXPECT_FALSE(report.lossless());
    EXPECT_TRUE(report.corrected.empty());
}

TEST(FlippedBit, IsFoundWhereverItIsAndNotBehindALimit) {
    std::vector<std::byte> bytes(100, std::byte{0x5a});
    const std::vector<std::byte> right = bytes;
    const auto is_right = [&] { return bytes == right; };
    for (const std::uint64_t bit : {0U, 7U, 8U, 300U, 799U}) {
        bytes[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << bit % 8)};
        EXPECT_EQ(cold::turn_bit_back(bytes, {}, is_right), bit);
        EXPECT_EQ(bytes, right);
    }
    bytes[5] ^= std::byte{3};
    const std::vector<std::byte> wrong = bytes;
    EXPECT_EQ(cold::turn_bit_back(bytes, {}, is_right), std::nullopt);
    EXPECT_EQ(bytes, wrong) << "as they were";
    EXPECT_EQ(cold::turn_bit_back(bytes, [] { return true; }, [] { return true; }), std::nullopt) << "stopped";
    std::vector<std::byte> many(cold::kTriedBytesMax + 1);
    EXPECT_EQ(cold::turn_bit_back(many, {}, [] { return true; }), std::nullopt);
}

}  // namespace
}  // namespace zverse::test
