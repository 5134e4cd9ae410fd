// Goal:    what of a segment is made from its blocks comes back byte for byte, whatever of it was damaged, and nothing
//          is touched where a block is damaged too.
// Method:  flipped bits, zeroed sections and cut files of a small store; the files as they were are the oracle.
#include "store_check_fixture.h"

#include <support/sim_file_io.h>

#include <cold/layout.h>
#include <cold/segment_rebuild.h>
#include <tools/fsck/preen.h>
#include <tools/fsck/rebuildable.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

class RebuildTest : public StoreCheckTest {
protected:
    static cold::SegmentHeader header_of(const std::string& image) {
        cold::SegmentHeader header;
        std::memcpy(&header, image.data(), sizeof(header));
        return header;
    }
    /// Files that the check says can be made whole, and are then.
    std::uint64_t rebuild_all(const CheckReport& report) {
        for (const auto& [file, segment] : report.rebuildable) must(tools::rebuild(*io, file, segment));
        return report.rebuildable.size();
    }
    static bool has_columns(const cold::SegmentHeader& header) { return header.columns.bytes != 0; }
};

TEST_F(RebuildTest, EveryFlippedBitBesideTheBlocksComesBack) {
    const std::uint64_t flips = environment_number("ZVERSE_FLIPS", kSanitized ? 200 : 2'000);
    const std::vector<fs::path> all = segments();
    std::uint64_t rebuilt = 0, harmless = 0, copies = 0;
    for (std::uint64_t i = 0; i < flips && !HasFailure(); ++i) {
        const fs::path& file = all[random.below(all.size())];
        const std::string image = read_file(file);
        const cold::SegmentHeader header = header_of(image);
        const std::uint64_t bit = 8 * header.index.offset + random.below(8 * (image.size() - header.index.offset));
        const std::string what = file.string() + ", bit " + std::to_string(bit);
        flip_bit(file, bit);
        const CheckReport report = check(CheckLevel::full, CheckPart::segments);
        const bool lost =
            bit / 8 >= header.dictionary.offset && bit / 8 < header.dictionary.offset + header.dictionary.bytes;
        if (report.clean()) {
            ++harmless;
        } else if (codes_of(report) == std::set<std::string>{std::string(codes::kSegmentHeader)}) {
            ++copies;
        } else if (lost) {
            EXPECT_EQ(report.rebuildable.size(), 0U) << what << " is of the dictionary, which nothing else has";
        } else {
            EXPECT_TRUE(tools::can_preen(report)) << what;
            EXPECT_EQ(rebuild_all(report), 1U) << what;
            EXPECT_TRUE(read_file(file) == image) << what;
            ++rebuilt;
        }
        write_file(file, image);
    }
    std::printf("rebuild: %lu of %lu flips came back, %lu were of padding, %lu of copies\n", rebuilt, flips, harmless,
                copies);
    EXPECT_GT(rebuilt, flips / 4);
}

TEST_F(RebuildTest, WholeSectionsComeBack) {
    // Enough records of each key for curves that have columns.
    path = directory / "columns";
    options.ring_bytes = std::uint64_t{4} << 20;
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 20'000; ++i) {
        must(store.put("key" + std::to_string(random.below(500)), random.bytes(random.below(60))));
        if (i % 4'000 == 3'999) must(store.flush());
    }
    must(store.compact());
    must(store.close());
    std::uint64_t with_columns = 0;
    for (const fs::path& file : segments()) {
        const std::string image = read_file(file);
        const cold::SegmentHeader header = header_of(image);
        with_columns += has_columns(header) ? 1 : 0;
        const auto lose = [&](const cold::Section& section, const char* name, bool comes_back) {
            if (section.bytes == 0) return;
            std::string damaged = image;
            for (std::uint64_t i = 0; i < section.bytes; ++i) damaged[section.offset + i] ^= 0x5a;
            write_file(file, damaged);
            const CheckReport report = check();
            EXPECT_FALSE(report.clean()) << name;
            EXPECT_EQ(tools::can_preen(report), comes_back) << file << ": " << name;
            rebuild_all(report);
            EXPECT_EQ(read_file(file) == image, comes_back) << file << ": " << name;
            write_file(file, image);
        };
        lose(header.index, "index", true);
        lose(header.zones, "zones", true);
        lose(header.columns, "columns", true);
        lose(header.keys, "keys", true);
        lose(header.dictionary, "dictionary", false);
    }
    EXPECT_GT(with_columns, 0U);
}

TEST_F(RebuildTest, WhatWasCutOffBehindTheBlocksComesBack) {
    std::uint64_t whole = 0;
    for (const fs::path& file : segments()) {
        const std::string image = read_file(file);
        const cold::SegmentHeader header = header_of(image);
        for (const std::uint64_t bytes : {image.size() - 1, image.size() - 4096, image.size() - 5000,
                                          header.zones.offset + 10, header.index.offset}) {
            fs::resize_file(file, bytes);
            const CheckReport report = check();
            if (tools::can_preen(report) && rebuild_all(report) == 1) {
                ++whole;
                EXPECT_TRUE(read_file(file) == image) << file << " of " << bytes;
            }
            write_file(file, image);
        }
        fs::resize_file(file, header.index.offset - 4096);
        EXPECT_FALSE(tools::can_preen(check())) << file << " lacks a block";
        write_file(file, image + "behind its end");
        EXPECT_FALSE(tools::can_preen(check()));
        write_file(file, image);
    }
    EXPECT_GT(whole, segments().size());
}

TEST_F(RebuildTest, PreenMakesThemAndNothingWhereABlockIsDamaged) {
    const FileTree before = read_tree(path / "cold");
    for (const fs::path& file : segments()) {
        const cold::SegmentHeader header = header_of(read_file(file));
        flip_bit(file, 8 * (header.index.offset + 3));
        flip_bit(file, 8 * header.zones.offset + 5);
    }
    CheckReport report = check();
    ASSERT_TRUE(tools::can_preen(report));
    const fs::path first = segments().front();
    flip_bit(first, 8 * 4200);  // in the first block
    EXPECT_FALSE(tools::can_preen(check()));
    flip_bit(first, 8 * 4200);
    must(tools::preen(request(), report));
    EXPECT_EQ(difference(before, read_tree(path / "cold")), "");
    expect_clean(check(), "mended");
    EXPECT_TRUE(read() == contents);
}

TEST_F(RebuildTest, AKillOrAPowerCutInTheMiddleLosesNothing) {
    const fs::path file = segments().back();
    const std::string image = read_file(file);
    const cold::SegmentHeader header = header_of(image);
    std::string damaged = image;
    for (const cold::Section& section : {header.index, header.zones, header.keys}) damaged[section.offset + 9] ^= 0x10;
    tools::RebuildableSegment segment;
    segment.store = {header.store[0], header.store[1]};
    segment.segment = header.segment;
    const fs::path at = "/segment";
    const auto put = [&](SimFileIo& disk) {
        const auto written = must(disk.open(at, platform::OpenMode::create));
        must(written->write(std::as_bytes(std::span(damaged)), 0));
        must(written->sync());
        must(disk.sync_directory("/"));
    };
    const auto expect_whole = [&](SimFileIo& disk, const std::string& when) {
        const auto again = must(disk.open(at, platform::OpenMode::read));
        std::string bytes(image.size(), '\0');
        must(again->read_exact(std::as_writable_bytes(std::span(bytes)), 0));
        EXPECT_TRUE(bytes == image) << when;
    };
    std::uint64_t cuts = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        SimFileIo disk;
        put(disk);
        const std::uint64_t failures = disk.failures();
        disk.fail_call(nth, EIO, true);
        const auto done = tools::rebuild(disk, at, segment);
        disk.fail_no_more();
        for (int state = 0; state < 20; ++state, ++cuts) {
            const auto after = disk.crash(random.below(1'000'000));
            if (done) expect_whole(*after, "rebuilt before the cut");
            must(tools::rebuild(*after, at, segment));
            expect_whole(*after, "rebuilt behind call " + std::to_string(nth));
        }
        if (disk.failures() == failures) break;
    }
    EXPECT_GT(cuts, 100U);
}

TEST_F(RebuildTest, PartsTellEachOtherWhereTheirKeysEnd) {
    path = directory / "parts";
    options.ring_bytes = std::uint64_t{8} << 20;
    options.compression = Compression::none;
    Store store = must(StoreAccess::open(path, options, internals));
    const std::string value = random.bytes(16'000);
    for (int i = 0; i < 9'000; ++i) {
        if (i % 400 == 399) must(store.flush());
        must(store.put(random.bytes(12), value));
    }
    must(store.compact());
    must(store.close());
    std::uint64_t parts = 0;
    for (const fs::path& file : segments()) {
        const std::string image = read_file(file);
        const cold::SegmentHeader header = header_of(image);
        if (header.part != 0 || header.last_part == 0) ++parts;
        std::string damaged = image;
        for (std::uint64_t i = 0; i < header.keys.bytes; ++i) damaged[header.keys.offset + i] = '\0';
        write_file(file, damaged);
        const CheckReport report = check(CheckLevel::normal);
        EXPECT_TRUE(tools::can_preen(report)) << file << ", part " << header.part;
        EXPECT_EQ(rebuild_all(report), 1U);
        EXPECT_TRUE(read_file(file) == image) << file;
        if (header.last_part != 0) continue;
        // What a neighbour says may be wrong: then the checksum of the keys tells.
        write_file(file, damaged);
        tools::RebuildableSegment misled = report.rebuildable.at(file.string());
        misled.hints.end->back() = static_cast<char>(misled.hints.end->back() ^ 1);  // as long
        expect_error(tools::rebuild(*io, file, misled), ErrorCode::corrupt, file.string());
        EXPECT_TRUE(read_file(file) == damaged) << file;
        write_file(file, image);
    }
    EXPECT_GT(parts, 2U) << "no component has a part with neighbours on both sides";
}

}  // namespace
}  // namespace zverse::test
