// Goal:    the check behind zverse-fsck finds every change of a byte that means something, names the file, crashes on
//          nothing, and finds nothing in a good store, however it was left.
// Method:  a small store with something in every kind of file. Random bits flipped in each file, files cut, zeroed,
//          swapped and removed, reads that fail; each time the whole check. What it does not find must be padding.
//
// ZVERSE_FLIPS is the number of random bits.
#include "store_check_fixture.h"

#include <support/failing_file_io.h>

#include <engine/superblock.h>
#include <hot/layout.h>
#include <tools/fsck/preen.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

/// Which bits of a ring's file mean something: of headers and frames all but links, the flags of a stamp that are over
/// with the writer, and padding.
class RingBits {
public:
    explicit RingBits(const std::string& image) : image_(image), means_(image.size() * 8) {
        hot::RingHeader header = at<hot::RingHeader>(0);
        const auto other = at<hot::RingHeader>(hot::kHeaderCopyBytes);
        if (other.sequence > header.sequence) header = other;
        mark(0, sizeof header);
        mark(hot::kHeaderCopyBytes, sizeof header);
        for (std::uint64_t position = header.head; position < header.settled;) {
            const std::uint64_t place = hot::kHeaderAreaBytes + position % header.bytes;
            mark_frame(place);
            position += at<hot::FrameHeader>(place).bytes();
            ++frames_;
        }
    }
    [[nodiscard]] bool means(std::uint64_t bit) const { return means_[bit]; }
    [[nodiscard]] std::uint64_t frames() const { return frames_; }

private:
    template <class T>
    [[nodiscard]] T at(std::uint64_t offset) const {
        T value;
        std::memcpy(&value, image_.data() + offset, sizeof value);
        return value;
    }
    void mark(std::uint64_t offset, std::uint64_t bytes, bool means = true) {
        for (std::uint64_t bit = offset * 8; bit < (offset + bytes) * 8; ++bit) means_[bit] = means;
    }
    void mark_frame(std::uint64_t place) {
        const auto frame = at<hot::FrameHeader>(place);
        mark(place, sizeof frame);
        constexpr std::uint64_t kFirstFlag = 58, kEndOfFlags = 62;
        for (std::uint64_t bit = kFirstFlag; bit < kEndOfFlags; ++bit) {
            means_[(place + offsetof(hot::FrameHeader, stamp)) * 8 + bit] = false;
        }
        std::uint64_t offset = place + sizeof frame;
        for (std::uint32_t i = 0; i < frame.count(); ++i) {
            const auto op = at<hot::OperationHeader>(offset);
            const std::uint64_t links = offsetof(hot::OperationHeader, back_units);
            mark(offset + links, sizeof op - links + op.key_bytes + op.value_bytes);
            offset += hot::operation_bytes(op.key_bytes, op.value_bytes);
        }
    }

    const std::string& image_;
    std::vector<bool> means_;
    std::uint64_t frames_ = 0;
};

TEST_F(StoreCheckTest, AGoodStoreIsCleanAtEveryLevel) {
    for (const CheckLevel level : {CheckLevel::quick, CheckLevel::normal, CheckLevel::full}) {
        const CheckReport report = check(level);
        expect_clean(report, "closed");
        EXPECT_TRUE(report.clean_shutdown);
        EXPECT_FALSE(report.needs_recovery);
        EXPECT_FALSE(report.cancelled);
        EXPECT_EQ(report.uuid.size(), 32U);
    }
    const CheckReport report = check();
    EXPECT_EQ(report.seen.segments, segments().size());
    Store store = must(Store::open(path, options));
    EXPECT_EQ(report.max_seen, must(store.verify()).clean() ? report.durable : 0) << "closing makes all of it durable";
    EXPECT_LE(report.max_seen, store.latest_version());
    EXPECT_EQ(report.floor, store.floor());
}

TEST_F(StoreCheckTest, AStoreThatWasKilledNeedsRecoveryAndHasNoDamage) {
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 50; ++i) must(store.put("after" + std::to_string(i), "x"));
    StoreAccess::abandon(store);
    const CheckReport report = check();
    expect_clean(report, "killed");
    EXPECT_FALSE(report.clean_shutdown);
    EXPECT_TRUE(report.needs_recovery);
    // A copy that was being written when the machine died is no damage.
    flip_bit(superblock(), 1000);
    flip_bit(ring(), 300);
    const CheckReport torn = check();
    expect_clean(torn, "torn copies");
    ASSERT_EQ(torn.left_by_crash.size(), 2U);
    EXPECT_EQ(torn.left_by_crash[0].code, codes::kSuperblockCopy);
    EXPECT_EQ(torn.left_by_crash[1].code, codes::kRingHeader);
}

TEST_F(StoreCheckTest, EveryFlippedBitIsFoundOrMeansNothing) {
    const std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 3'000 : 100'000);
    const std::string ring_image = read_file(ring());
    const RingBits ring_bits(ring_image);
    ASSERT_GT(ring_bits.frames(), 50U);
    const std::uint64_t ring_used = ring_image.find_last_not_of('\0') + 1;
    struct Target {
        fs::path file;
        std::uint64_t bytes;
        CheckPart part;
        std::uint64_t flips;
    };
    std::vector<Target> targets = {{superblock(), fs::file_size(superblock()), CheckPart::catalog, flips / 10},
                                   {ring(), ring_used, CheckPart::rings, flips / 5},
                                   {manifest(), fs::file_size(manifest()), CheckPart::catalog, flips / 5}};
    const std::vector<fs::path> all = segments();
    for (const fs::path& segment : all) {
        targets.push_back({segment, fs::file_size(segment), CheckPart::segments, flips / 2 / all.size()});
    }
    std::uint64_t found = 0, padding = 0;
    for (const Target& target : targets) {
        const std::string image = read_file(target.file);
        for (std::uint64_t i = 0; i < target.flips && !HasFailure(); ++i) {
            const std::uint64_t bit = random.below(target.bytes * 8);
            flip_bit(target.file, bit);
            const CheckReport report = check(CheckLevel::full, target.part);
            const std::string what = target.file.string() + ", bit " + std::to_string(bit);
            if (report.clean()) {
                ++padding;
                const bool means = target.file == ring() ? ring_bits.means(bit) : image[bit / 8] != '\0';
                EXPECT_FALSE(means || target.file == superblock()) << what << " was not found";
                const bool harmless = padding % 64 != 0 || read() == contents;
                EXPECT_TRUE(harmless) << what;
            } else {
                ++found;
                for (const Finding& finding : report.seen.findings) {
                    const bool named = finding.file == target.file.string() || finding.file == path.string();
                    EXPECT_TRUE(named) << what << ": " << finding.code << " names " << finding.file;
                }
            }
            flip_bit(target.file, bit);
        }
    }
    std::printf("fsck: %lu flips were found, %lu are of bytes that mean nothing\n", found, padding);
    EXPECT_GT(found, padding * 2);
    expect_clean(check(), "all bits are back");
}

TEST_F(StoreCheckTest, FilesThatWereCutZeroedOrSwappedAreFound) {
    std::vector<fs::path> all = segments();
    all.insert(all.end(), {superblock(), ring(), manifest()});
    constexpr std::size_t kSector = 512;
    std::uint64_t cases = 0;
    for (const fs::path& file : all) {
        const std::string image = read_file(file);
        const std::size_t step =
            std::max<std::size_t>(kSector, image.size() / (kSanitized ? 8 : 64) / kSector * kSector);
        for (std::size_t at = 0; at < image.size() && !HasFailure(); at += step, ++cases) {
            const std::string what = file.string() + " at " + std::to_string(at);
            fs::resize_file(file, at);
            EXPECT_FALSE(check().clean()) << what << ", cut";
            std::string changed = image;
            changed.replace(at, std::min(kSector, image.size() - at), std::min(kSector, image.size() - at), '\0');
            write_file(file, changed);
            // Of a sector of a ring all may be links; elsewhere what is not zero means something.
            const bool found_zeros = !check().clean() || changed == image;
            EXPECT_TRUE(found_zeros || (file == ring() && read() == contents)) << what << ", zeroed";
            changed = image;
            const auto bytes = static_cast<std::ptrdiff_t>(std::min({kSector, at, image.size() - at}));
            std::swap_ranges(changed.begin(), changed.begin() + bytes,
                             changed.begin() + static_cast<std::ptrdiff_t>(at));
            write_file(file, changed);
            const bool found_or_same = !check().clean() || read() == contents;
            EXPECT_TRUE(found_or_same) << what << ", swapped with the first sector";
        }
        write_file(file, image);
    }
    std::printf("fsck: %lu places cut, zeroed and swapped\n", cases);
    expect_clean(check(), "all files are back");
}

TEST_F(StoreCheckTest, MissingAndForeignFilesAreFound) {
    std::vector<fs::path> all = segments();
    all.insert(all.end(), {superblock(), ring(), manifest()});
    for (const fs::path& file : all) {
        fs::rename(file, directory / "aside");
        EXPECT_FALSE(check(CheckLevel::quick).clean()) << file << " is missing";
        write_file(file, "");
        fs::resize_file(file, std::uint64_t{20} << 30);  // sparse: nobody reads it into memory
        EXPECT_FALSE(check(CheckLevel::quick).clean()) << file << " is huge";
        write_file(file, "#!/bin/sh\necho not a store\n");
        EXPECT_FALSE(check(CheckLevel::quick).clean()) << file << " is a text file";
        write_file(file, random.bytes(fs::file_size(directory / "aside")));
        EXPECT_FALSE(check(CheckLevel::quick).clean()) << file << " is random bytes";
        fs::rename(directory / "aside", file);
    }
    const std::string first = read_file(segments()[0]), second = read_file(segments()[1]);
    const std::vector<fs::path> two = segments();
    write_file(two[0], second);
    write_file(two[1], first);
    EXPECT_TRUE(codes_of(check(CheckLevel::quick)).contains(std::string(codes::kSegmentUnusable)));
    write_file(two[0], first);
    write_file(two[1], second);
    expect_clean(check(), "all files are back");
}

TEST_F(StoreCheckTest, LevelsReadWhatTheySay) {
    // The segment with the large value: its bytes lie outside of blocks.
    bool in_value = false, in_block = false;
    for (const fs::path& segment : segments()) {
        const std::uint64_t bits = fs::file_size(segment) * 8;
        for (int i = 0; i < 200 && !(in_value && in_block); ++i) {
            const std::uint64_t bit = random.below(bits);
            flip_bit(segment, bit);
            const std::set<std::string> full = codes_of(check(CheckLevel::full, CheckPart::segments));
            const bool quick = check(CheckLevel::quick, CheckPart::segments).clean();
            const bool normal = check(CheckLevel::normal, CheckPart::segments).clean();
            if (full.contains(std::string(codes::kValueChecksum))) {
                in_value = true;
                EXPECT_TRUE(normal) << "values are of level full";
            }
            if (full.contains(std::string(codes::kBlockChecksum))) {
                in_block = true;
                EXPECT_TRUE(quick) << "blocks are of level normal";
                EXPECT_FALSE(normal);
            }
            flip_bit(segment, bit);
        }
    }
    EXPECT_TRUE(in_value && in_block);
}

TEST_F(StoreCheckTest, WhatCannotBeReadIsAFindingAndTheRestIsStillRead) {
    const auto failures = std::make_shared<Failures>();
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    const CheckReport good = must(tools::check_store(failing, request()));
    const std::uint64_t calls = failures->calls;
    ASSERT_GT(calls, 20U);
    std::uint64_t told = 0;
    for (std::uint64_t nth = 1; nth <= calls; ++nth) {
        failures->fail_call(nth, EIO, false);
        const auto report = tools::check_store(failing, request());
        failures->fail_no_more();
        if (!report) {
            EXPECT_EQ(report.error().code(), ErrorCode::io) << nth;
            continue;
        }
        if (!report->clean()) ++told;
        EXPECT_GT(report->seen.bytes, 0U);
    }
    EXPECT_GT(told, calls / 2);
    failures->fail_call(1, EIO, true);
    EXPECT_FALSE(tools::check_store(failing, request()).has_value()) << "not even whether there is a store";
    EXPECT_EQ(good.seen.segments, segments().size());
}

TEST_F(StoreCheckTest, PreenMendsCopiesAndNothingElse) {
    flip_bit(superblock(), 500);
    flip_bit(ring(), 300);
    flip_bit(manifest(), 200);
    for (const fs::path& segment : segments()) flip_bit(segment, 8 * (fs::file_size(segment) - 2000));
    const CheckReport damaged = check();
    EXPECT_EQ(codes_of(damaged),
              (std::set<std::string>{std::string(codes::kSuperblockCopy), std::string(codes::kRingHeader),
                                     std::string(codes::kManifestCopy), std::string(codes::kSegmentHeader)}));
    ASSERT_TRUE(tools::can_preen(damaged));
    must(tools::preen(request(), damaged));
    expect_clean(check(), "mended");
    EXPECT_TRUE(read() == contents);

    const std::string image = read_file(ring());
    flip_bit(ring(), image.rfind("key") * 8);
    EXPECT_FALSE(tools::can_preen(check())) << "a frame is no copy";
}

TEST_F(StoreCheckTest, CopiesOfTheSuperblockThatDifferAreWhatACrashLeft) {
    // Killed while it closed, or opened: both copies are whole, one of them is older.
    const std::string before = read_file(superblock());
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.put("one more", "version"));
    must(store.close());
    std::string mixed = read_file(superblock());
    mixed.replace(0, engine::kSuperblockCopyBytes, before, 0, engine::kSuperblockCopyBytes);
    write_file(superblock(), mixed);
    const CheckReport report = check();
    expect_clean(report, "two copies");
    EXPECT_TRUE(report.needs_recovery);
    must(tools::preen(request(), report));
    EXPECT_FALSE(check().needs_recovery);
}

TEST_F(StoreCheckTest, OfAManifestOnlyTheLastEditMayBeTorn) {
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.pin("one more", kLatest));
    must(store.put("after", "x"));
    StoreAccess::abandon(store);
    const std::string image = read_file(manifest());
    std::uint64_t last = image.size() / 8 * 8;
    while (last > 0 && image.find_first_not_of('\0', last - 8) >= last) last -= 8;
    flip_bit(manifest(), (last - 8) * 8);  // in the second copy of the last edit
    const CheckReport torn = check();
    expect_clean(torn, "the last edit");
    EXPECT_EQ(torn.left_by_crash.size(), 1U);
    flip_bit(manifest(), 200);  // and in the first one
    EXPECT_EQ(codes_of(check()), std::set<std::string>{std::string(codes::kManifestCopy)});
}

TEST_F(StoreCheckTest, TheLastFrameIsFoundMissingToo) {
    const std::string image = read_file(ring());
    const RingBits bits(image);
    std::uint64_t last = image.size() * 8 - 1;
    while (!bits.means(last)) --last;
    flip_bit(ring(), last);
    EXPECT_EQ(codes_of(check()), std::set<std::string>{std::string(codes::kFrameDamaged)});
}

TEST_F(StoreCheckTest, RingsAreReadAPieceAtATimeAndRoundTheirEnd) {
    // Frames of all sizes over several MiB, some across the places where one piece ends, and a ring that has wrapped.
    path = directory / "large";
    options.ring_bytes = std::uint64_t{8} << 20;
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 60; ++i) must(store.put("settled", random.bytes(100'000)));
    must(store.flush());
    std::uint64_t unsettled = 0;
    for (std::uint64_t bytes = 0; bytes < (std::uint64_t{5} << 20); ++unsettled) {
        const std::string value = random.bytes(random.one_in(20) ? random.below(700'000) : random.below(3'000));
        must(store.put("key" + std::to_string(unsettled), value));
        bytes += value.size();
    }
    must(store.close());
    const CheckReport report = check(CheckLevel::quick);
    expect_clean(report, "large frames");
    EXPECT_EQ(report.seen.records, unsettled);
    const std::string image = read_file(ring());
    for (int i = 0; i < 50; ++i) {
        const std::uint64_t bit = random.below(image.size() * 8);
        flip_bit(ring(), bit);
        EXPECT_EQ(check(CheckLevel::quick, CheckPart::rings).clean(), !RingBits(image).means(bit)) << bit;
        flip_bit(ring(), bit);
    }
}

TEST_F(StoreCheckTest, ForeignFilesAreNothingToRecover) {
    fs::create_directory(path / "cold" / "lost+found");
    write_file(path / "cold" / ".nfs0001", "x");
    EXPECT_FALSE(check().needs_recovery);
    write_file(path / "cold" / "000000009999.zseg.writing", "x");
    EXPECT_TRUE(check().needs_recovery);
}

TEST_F(StoreCheckTest, WantOfFilesIsNoDamage) {
    const auto failures = std::make_shared<Failures>();
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    failures->only = ".zseg";
    failures->fail_call(3, EMFILE, true);
    expect_error(tools::check_store(failing, request()), ErrorCode::full, "Too many open files");
}

TEST_F(StoreCheckTest, ALoadThatWasNotFinishedIsToldAndNotPreened) {
    path = directory / "loading";
    Store store = must(StoreAccess::open_to_load(path, options, engine::Load::begin));
    WriteBatch batch;
    batch.put("key", "value");
    must(StoreAccess::load_at(store, batch, 5));
    StoreAccess::abandon(store);
    const CheckReport report = check();
    expect_clean(report, "a load");
    EXPECT_TRUE(report.load_unfinished);
    EXPECT_FALSE(tools::can_preen(report));
}

TEST_F(StoreCheckTest, ALostSuperblockLeavesSegmentsToBeRead) {
    write_file(superblock(), std::string(fs::file_size(superblock()), '\0'));
    const CheckReport report = check();
    EXPECT_EQ(codes_of(report), std::set<std::string>{std::string(codes::kSuperblockLost)});
    EXPECT_EQ(report.seen.segments, segments().size());
    EXPECT_EQ(report.uuid.size(), 32U) << "the segments tell it";
}

TEST_F(StoreCheckTest, DirectoriesWithoutAStoreAndStoresInUseAreNoFindings) {
    CheckRequest nowhere = request();
    nowhere.store = directory / "nowhere";
    expect_error(tools::check_store(*io, nowhere), ErrorCode::not_found, "nowhere");
    fs::create_directory(directory / "empty");
    nowhere.store = directory / "empty";
    expect_error(tools::check_store(*io, nowhere), ErrorCode::not_found, "empty");
    fs::create_directory(directory / "empty" / "cold");
    write_file(directory / "empty" / "cold" / "000000000001.zseg", "half a checkpoint");
    write_file(directory / "empty" / "MANIFEST-1", "half a checkpoint");
    write_file(directory / "empty" / "SUPERBLOCK.creating", "half a checkpoint");
    expect_error(tools::check_store(*io, nowhere), ErrorCode::not_found, "checkpoint");
    Store store = must(Store::open(path, options));
    expect_error(try_check(), ErrorCode::locked, std::to_string(::getpid()));
    must(store.close());
}

TEST_F(StoreCheckTest, StopsWhenItIsTold) {
    CheckRequest asked = request();
    int questions = 0;
    asked.stopped = [&] { return ++questions > 3; };
    const CheckReport report = must(tools::check_store(*io, asked));
    EXPECT_TRUE(report.cancelled);
    EXPECT_LT(report.seen.segments, segments().size());
}

}  // namespace
}  // namespace zverse::test
