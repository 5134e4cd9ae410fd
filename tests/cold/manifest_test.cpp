// Goal:    a manifest's state is what its appended edits make of it: after every power cut, all that was acknowledged
//          and at most what was being appended; a damaged one is refused or read rightly, never otherwise.
// Method:  random edits on the simulated disk, beside a state that takes the same edits; at random moments the power
//          goes, with whatever of the unsynced sectors, sizes and names the disk likes; failing calls; flipped bits.
#include <support/results.h>
#include <support/seed.h>
#include <support/sim_file_io.h>
#include <support/temp_store.h>

#include <cold/cold_tier.h>
#include <cold/manifest.h>

#include <platform/file_io.h>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using cold::Edit;
using cold::Manifest;
using cold::ManifestState;

constexpr std::uint64_t kStore[2] = {5, 6};
const std::filesystem::path kDirectory = "/store";

/// Opened for writing.
Result<Manifest> open_to_write(SimFileIo& io) {
    auto manifest = Manifest::open(io, kDirectory, kStore);
    if (!manifest) return manifest;
    if (auto started = manifest->start_writing(); !started) return std::unexpected(started.error());
    return manifest;
}

/// A new one, opened for writing.
Manifest make_manifest(SimFileIo& io) {
    must(io.create_directories(kDirectory));
    must(io.sync_directory("/"));
    must(Manifest::create(io, kDirectory, kStore, {}));
    return must(open_to_write(io));
}

Edit random_edit(Random& random, const ManifestState& state) {
    Edit edit;
    for (std::uint64_t i = random.between(1, 5); i-- > 0;) {
        const std::uint64_t id = random.between(1, 30);
        switch (random.below(8)) {
            case 0: edit.set_cut(random.next() >> 8); break;
            case 1: edit.set_floor(random.below(1000)); break;
            case 2: edit.pin(random.bytes(random.below(200)), id); break;
            case 3: edit.unpin(state.pins.empty() ? "none" : state.pins.begin()->first); break;
            case 4: edit.add_time(id, static_cast<std::int64_t>(random.below(1'000'000'000'000))); break;
            case 5: edit.remove_times_before(id); break;
            default:
                edit.add_segment(100 + id, 8 + random.below(1'000'000));  // which stays, and so does the component
                edit.set_begin(100 + id, random.bytes(random.below(300)));
                edit.add_segment(100 + id, 7);
                if (random.one_in(3)) edit.remove_segment(100 + id, 7);
                if (random.one_in(3)) edit.remove_component(100 + id);
        }
    }
    return edit;
}

TEST(ManifestTest, KeepsItsStateOverOpenings) {
    const SeedScope seed;
    Random random(seed.seed());
    SimFileIo io;
    (void)make_manifest(io);
    ManifestState expected;
    for (int opening = 0; opening < 50; ++opening) {
        Manifest manifest = must(open_to_write(io));
        ASSERT_EQ(manifest.state(), expected);
        for (std::uint64_t i = random.below(40); i-- > 0;) {
            const Edit edit = random_edit(random, expected);
            must(manifest.append(edit));
            ASSERT_TRUE(Edit::apply(edit.bytes(), expected));
        }
        ASSERT_EQ(manifest.state(), expected);
        ASSERT_EQ(must(Manifest::open(io, kDirectory, kStore)).state(), expected);
        ASSERT_EQ(must(io.list(kDirectory)).size(), 1U);
    }
}

TEST(ManifestTest, RollsWhenItHasGrown) {
    SimFileIo io;
    Manifest manifest = make_manifest(io);
    const auto first = must(io.list(kDirectory));
    for (int i = 0; i < 100; ++i) {
        Edit edit;
        edit.pin("name", static_cast<Version>(i));
        edit.pin(std::string(20'000, 'x'), 1);
        must(manifest.append(edit));
    }
    EXPECT_NE(must(io.list(kDirectory)), first);
    EXPECT_EQ(must(io.list(kDirectory)).size(), 1U);
    EXPECT_EQ(must(Manifest::open(io, kDirectory, kStore)).state(), manifest.state());
}

TEST(ManifestTest, ThinsTimesWhenThereAreMany) {
    SimFileIo io;
    Manifest manifest = make_manifest(io);
    const auto first = must(io.list(kDirectory));
    constexpr std::int64_t kHour = 3'600'000'000'000;
    Version version = 0;
    std::size_t added = 0;
    for (std::int64_t hour = 0; hour < 24 * 14; ++hour, ++added) {
        Edit edit;
        // The last one, for which it rolls, is of one second of many.
        for (int second = 0; second < 120; ++second) edit.add_time(++version, hour * kHour + second * 1'000'000'000LL);
        must(manifest.append(edit));
    }
    EXPECT_NE(must(io.list(kDirectory)), first) << "it is written anew for its times alone";
    EXPECT_LT(manifest.state().times.size(), version / 2);
    EXPECT_EQ(manifest.state().times.back().version, version);
    EXPECT_EQ(must(Manifest::open(io, kDirectory, kStore)).state(), manifest.state());
    platform::Audit audit;
    manifest.audit(audit);
    EXPECT_TRUE(audit.take().clean());
}

TEST(ManifestTest, SetsRoomAside) {
    const TempDirectory directory;
    const auto io = platform::make_posix_file_io();
    must(Manifest::create(*io, directory.path(), kStore, {}));
    Manifest manifest = must(Manifest::open(*io, directory.path(), kStore));
    must(manifest.start_writing());
    const auto aside = [&] {
        const auto path = directory / must(io->list(directory.path())).front();
        struct stat status{};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return std::int64_t{status.st_blocks} * 512 - std::int64_t{status.st_size};
    };
    ASSERT_GE(aside(), 32 << 10) << "this file system knows no fallocate()";
    std::int64_t least = aside();
    std::set<std::string> names;
    for (int i = 0; i < 300; ++i) {
        Edit edit;
        edit.pin("name", static_cast<Version>(i));
        edit.unpin(std::string(10'000, 'x'));
        must(manifest.append(edit));
        least = std::min(least, aside());
        names.insert(must(io->list(directory.path())).front());
    }
    EXPECT_GE(names.size(), 3U) << "it is written anew now and then";
    EXPECT_GE(least, 30 << 10);
}

/// Reopens `disk`: the state must be one of `allowed`.
void expect_one_of(SimFileIo& disk, const std::vector<ManifestState>& allowed) {
    const auto read = Manifest::open(disk, kDirectory, kStore);
    ASSERT_TRUE(read) << describe(read.error());
    ASSERT_TRUE(std::ranges::find(allowed, read->state()) != allowed.end());
    const auto again = open_to_write(disk);
    ASSERT_TRUE(again) << describe(again.error());
    ASSERT_EQ(again->state(), read->state());
    ASSERT_EQ(must(Manifest::open(disk, kDirectory, kStore)).state(), read->state());
}

TEST(ManifestCrash, PowerCutsTakeAtMostTheEditInFlight) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::uint64_t cuts = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 300 : 40'000);
    for (std::uint64_t tried = 0; tried < cuts;) {
        SimFileIo io;
        ManifestState before;
        (void)make_manifest(io);
        for (int opening = 0; opening < 4; ++opening) {
            // One call of the disk, which may be full, fails: there the power goes, in the midst of opening or of an
            // edit.
            io.refuse_new_files(random.one_in(3));
            io.fail_call(random.between(1, 30), EIO, true);
            auto manifest = open_to_write(io);
            ManifestState after = before;
            while (manifest) {
                const Edit edit = random_edit(random, before);
                ASSERT_TRUE(Edit::apply(edit.bytes(), after));
                if (!manifest->append(edit)) break;
                before = after;
            }
            io.fail_no_more();
            for (int cut = 0; cut < 8; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_one_of(*disk, {before, after});
                if (::testing::Test::HasFatalFailure()) return;
            }
            // Where it was a process that ended, what the next one found stays, whatever the power does.
            io.refuse_new_files(random.one_in(2));
            const auto read = must(open_to_write(io));
            io.refuse_new_files(false);
            before = read.state();
            for (int cut = 0; cut < 4; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_one_of(*disk, {before});
                if (::testing::Test::HasFatalFailure()) return;
            }
        }
    }
}

/// Processes that die, one after the other, on a disk that is full or not and fails now and then.
TEST(ManifestCrash, WhatDeadProcessesLeftIsTakenForWhatItIs) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::uint64_t cuts = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 300 : 40'000);
    for (std::uint64_t tried = 0; tried < cuts;) {
        SimFileIo io;
        ManifestState sure;  // acknowledged, or read by a process that then began to write
        (void)make_manifest(io);
        std::vector<ManifestState> possible;  // what the edit in flight would make of it
        for (int opening = 0; opening < 12; ++opening) {
            io.refuse_new_files(random.one_in(2));
            io.fail_call(random.between(1, 12), random.one_in(2) ? EIO : ENOSPC, random.one_in(3));
            if (auto manifest = open_to_write(io)) {
                sure = manifest->state();
                possible.clear();
                for (int edits = 0; edits < 4; ++edits) {
                    const Edit edit = random_edit(random, sure);
                    ManifestState after = sure;
                    ASSERT_TRUE(Edit::apply(edit.bytes(), after));
                    if (manifest->append(edit)) {
                        sure = after;
                        possible.clear();
                    } else {
                        possible.push_back(after);
                    }
                    ASSERT_EQ(manifest->state(), sure);
                }
            }
            io.fail_no_more();
            std::vector<ManifestState> allowed = possible;
            allowed.push_back(sure);
            for (int cut = 0; cut < 4; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_one_of(*disk, allowed);
                if (::testing::Test::HasFatalFailure()) return;
            }
        }
    }
}

/// Without room for new files it goes on in its old one, also behind edits that failed in the midst of a write.
TEST(ManifestCrash, OnAFullDiskEditsFollowInTheSameFile) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::uint64_t cuts = environment_number("ZVERSE_CRASH_STATES", kSanitized ? 300 : 40'000) / 4;
    std::uint64_t failed = 0, refused = 0;
    for (std::uint64_t tried = 0; tried < cuts;) {
        SimFileIo io;
        (void)make_manifest(io);
        io.refuse_new_files(true);
        Manifest manifest = must(open_to_write(io));
        ManifestState before;
        for (int edits = 0; edits < 30; ++edits) {
            if (random.one_in(4)) io.fail_call(random.between(1, 4), ENOSPC);
            const Edit edit = random_edit(random, before);
            ManifestState after = before;
            ASSERT_TRUE(Edit::apply(edit.bytes(), after));
            const auto appended = manifest.append(edit);
            io.fail_no_more();
            ASSERT_EQ(manifest.state(), appended ? after : before);
            failed += appended ? 0 : 1;
            for (int cut = 0; cut < 4; ++cut, ++tried) {
                const auto disk = io.crash(random.next());
                expect_one_of(*disk, appended ? std::vector{after} : std::vector{before, after});
                if (::testing::Test::HasFatalFailure()) return;
            }
            // What a failed sync left in doubt waits for room.
            if (!appended && !manifest.append(Edit())) {
                ++refused;
                io.refuse_new_files(false);
                must(manifest.append(Edit()));
                io.refuse_new_files(true);
            } else {
                EXPECT_EQ(must(io.list(kDirectory)).size(), 1U);
            }
            if (appended) before = after;
        }
        EXPECT_EQ(must(Manifest::open(io, kDirectory, kStore)).state(), before);
    }
    EXPECT_GT(failed, refused);
    EXPECT_GT(refused, 0U);
}

TEST(ManifestDamage, AFlippedBitIsMadeUpForByTheOtherCopy) {
    const SeedScope seed;
    Random random(seed.seed());
    SimFileIo io;
    must(io.create_directories(kDirectory));
    ManifestState expected;
    {
        Manifest manifest = must(open_to_write(io));
        for (int i = 0; i < 10; ++i) must(manifest.append(random_edit(random, manifest.state())));
        expected = manifest.state();
    }
    const auto path = kDirectory / must(io.list(kDirectory)).front();
    const auto file = must(io.open(path, platform::OpenMode::read_write));
    const std::uint64_t bits = 8 * must(file->size());
    for (std::uint64_t bit = 0; bit < bits; bit += kSanitized ? 31 : 1) {
        std::byte byte{};
        must(file->read_exact({&byte, 1}, bit / 8));
        const std::byte flipped = byte ^ (std::byte{1} << (bit % 8));
        must(file->write({&flipped, 1}, bit / 8));
        ASSERT_EQ(must(Manifest::open(io, kDirectory, kStore)).state(), expected) << "bit " << bit;
        must(file->write({&byte, 1}, bit / 8));
    }
}

/// Both copies of it: of the last edit that is what a crash leaves, of one that others follow it is damage.
TEST(ManifestDamage, OnlyTheLastEditMayBeCutShort) {
    for (const std::size_t lost : {1U, 2U}) {
        SimFileIo io;
        Manifest manifest = make_manifest(io);
        const auto path = kDirectory / must(io.list(kDirectory)).front();
        ManifestState before;
        std::uint64_t ends[3] = {};
        for (std::uint64_t i = 0; i < 3; ++i) {
            if (i == 2) before = manifest.state();
            Edit edit;
            edit.set_cut(10 + i);
            must(manifest.append(edit));
            ends[i] = must(must(io.open(path, platform::OpenMode::read))->size());
        }
        const std::vector<std::byte> zeros(ends[lost] - ends[lost - 1]);
        must(must(io.open(path, platform::OpenMode::read_write))->write(zeros, ends[lost - 1]));
        if (lost == 1) {
            expect_error(Manifest::open(io, kDirectory, kStore), ErrorCode::corrupt,
                         "both copies of an edit that others follow");
        } else {
            EXPECT_EQ(must(Manifest::open(io, kDirectory, kStore)).state(), before);
        }
    }
}

TEST(ManifestDamage, AComponentWithoutSegmentsIsRefused) {
    SimFileIo io;
    Manifest manifest = make_manifest(io);
    Edit edit;
    edit.add_segment(5, 7);
    edit.remove_segment(5, 7);
    must(manifest.append(edit));
    expect_error(cold::ColdTier::open(io, kDirectory, kStore), ErrorCode::corrupt, "MANIFEST-2 is damaged at offset");
}

TEST(ManifestDamage, AnotherStoresManifestIsRefused) {
    SimFileIo io;
    (void)make_manifest(io);
    const std::uint64_t other[2] = {5, 7};
    expect_error(Manifest::open(io, kDirectory, other), ErrorCode::corrupt, "MANIFEST-2");
}

}  // namespace
}  // namespace zverse::test
