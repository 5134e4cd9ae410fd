// Goal:    zverse-recover puts every record that can be proved into the new store or what is lost into the report;
//          nothing that was not written, nothing older in the place of something lost; complete_up_to is right.
// Method:  a small store with something in every kind of file, damaged in every way that files can be, and each time a
//          whole recovery, whose store and report are held against all that was ever written.
//
// ZVERSE_RECOVERIES is the number of random bits.
#include "recover_fixture.h"

#include <support/failing_file_io.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

TEST_F(RecoverTest, AGoodStoreIsRecoveredWhole) {
    const FileTree before = read_tree(path);
    const RecoverReport report = recover("good");
    EXPECT_TRUE(report.lossless());
    EXPECT_EQ(report.complete_up_to(), truth->latest());
    EXPECT_EQ(report.written, truth->records().size());
    EXPECT_EQ(open_to_read(target).latest_version(), truth->latest());
    EXPECT_EQ(difference(before, read_tree(path)), "");
    CheckRequest checked = StoreCheckTest::request();
    checked.store = target;
    expect_clean(must(tools::check_store(*io, checked)), "the new store");
}

TEST_F(RecoverTest, EveryFlippedBitCostsAtMostWhatTheReportSays) {
    const std::uint64_t flips = environment_number("ZVERSE_RECOVERIES", kSanitized ? 100 : 1'000);
    std::vector<fs::path> files = segments();
    files.insert(files.end(), {superblock(), ring(), manifest()});
    std::uint64_t lossless = 0, exact = 0, uncertain = 0;
    for (std::uint64_t i = 0; i < flips && !HasFailure(); ++i) {
        const fs::path& file = files[random.below(files.size())];
        const std::uint64_t bytes = std::min<std::uint64_t>(fs::file_size(file), 200'000);
        const std::uint64_t bit = random.below(bytes * 8);
        flip_bit(file, bit);
        const RecoverReport report = recover(file.string() + ", bit " + std::to_string(bit));
        flip_bit(file, bit);
        uncertain += report.uncertain_count;
        if (report.lossless()) {
            ++lossless;
            continue;
        }
        // Of a block the zones know the versions, so that the first one lost is known.
        Version missing = truth->newest();
        const Truth::Records found = Truth::read(open_to_read(target));
        for (const auto& [id, value] : truth->records()) {
            const auto there = found.find(id);
            if (there != found.end() && there->second == value) continue;
            missing = id.first - 1;
            break;
        }
        if (report.complete_up_to() == missing) ++exact;
    }
    std::printf(
        "recover: %lu flips, %lu without a loss; of the others complete_up_to is exact in %lu; %lu keys were "
        "uncertain\n",
        flips, lossless, exact, uncertain);
    EXPECT_GT(uncertain, 0U);
    EXPECT_GT(lossless, flips / 10);
    EXPECT_GT(exact * 10, (flips - lossless) * 9);
}

TEST_F(RecoverTest, FilesThatWereCutZeroedOrAreMissing) {
    std::vector<fs::path> all = segments();
    all.insert(all.end(), {superblock(), ring(), manifest()});
    std::uint64_t cases = 0;
    for (const fs::path& file : all) {
        const std::string image = read_file(file);
        fs::remove(file);
        recover(file.string() + " is missing");
        const std::size_t used = std::min<std::size_t>(image.size(), image.find_last_not_of('\0') + 1);
        for (int i = 0; i < (kSanitized ? 2 : 12) && !HasFailure(); ++i, ++cases) {
            const std::size_t at = random.below(used) / 512 * 512;
            write_file(file, image.substr(0, at));
            recover(file.string() + " cut at " + std::to_string(at));
            std::string changed = image;
            const std::size_t bytes = std::min<std::size_t>(random.below(64) * 512, changed.size() - at);
            changed.replace(at, bytes, bytes, '\0');
            write_file(file, changed);
            recover(file.string() + ", " + std::to_string(bytes) + " zeros at " + std::to_string(at));
            changed = image;
            const auto swapped = static_cast<std::ptrdiff_t>(std::min<std::size_t>(at, 4096));
            std::swap_ranges(changed.begin(), changed.begin() + swapped,
                             changed.begin() + static_cast<std::ptrdiff_t>(at - static_cast<std::size_t>(swapped)));
            write_file(file, changed);
            recover(file.string() + ", swapped with " + std::to_string(at));
        }
        write_file(file, image);
    }
    std::printf("recover: %lu places cut, zeroed and swapped\n", cases);
}

TEST_F(RecoverTest, WithoutACatalogTheSegmentsTellTheRest) {
    fs::remove(manifest());
    const RecoverReport report = recover("no catalog");
    EXPECT_TRUE(report.catalog_lost);
    EXPECT_TRUE(report.lossless());
    EXPECT_EQ(report.written, truth->records().size());
    EXPECT_EQ(report.complete_up_to(), truth->latest());
}

TEST_F(RecoverTest, WithoutASuperblockSegmentsAreLeft) {
    fs::remove(superblock());
    const RecoverReport report = recover("no superblock");
    EXPECT_TRUE(report.superblock_lost);
    EXPECT_GT(report.written, truth->records().size() / 2);
    EXPECT_LT(report.complete_up_to(), truth->newest());
}

TEST_F(RecoverTest, BadSectorsAreLeftOutAndTheRestIsRead) {
    const auto failures = std::make_shared<Failures>();
    fs::path bad_file;
    std::uint64_t bad_at = 0;
    constexpr std::uint64_t kSector = 512;
    failures->is_bad = [&](const fs::path& file, std::uint64_t offset, std::uint64_t bytes) {
        return file == bad_file && offset < bad_at + kSector && bad_at < offset + bytes;
    };
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    std::vector<fs::path> all = segments();
    all.insert(all.end(), {superblock(), ring(), manifest()});
    for (const fs::path& file : all) {
        bad_file = file;
        const std::uint64_t bytes = std::min<std::uint64_t>(fs::file_size(file), 200'000);
        for (int i = 0; i < (kSanitized ? 3 : 20) && !HasFailure(); ++i) {
            bad_at = random.below(bytes) / kSector * kSector;
            recover(file.string() + ", bad sector at " + std::to_string(bad_at), failing);
        }
    }
}

}  // namespace
}  // namespace zverse::test
