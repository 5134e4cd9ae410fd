// Goal:    a manifest's state is what its appended edits make of it: after every power cut, all that was acknowledged
//          and at most what was being appended; a damaged one is refused or read rightly, never otherwise.
// Method:  random edits on the simulated disk, beside a state that takes the same edits; at random moments the power
//          goes, with whatever of the unsynced sectors, sizes and names the disk likes; failing calls; flipped bits.
#include <support/results.h>
#include <support/seed.h>
#include <support/sim_file_io.h>

#include <cold/cold_tier.h>
#include <cold/manifest.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
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
    must(io.create_directories(kDirectory));
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
    must(io.create_directories(kDirectory));
    Manifest manifest = must(open_to_write(io));
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
    must(io.create_directories(kDirectory));
    Manifest manifest = must(open_to_write(io));
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
        must(io.create_directories(kDirectory));
        must(io.sync_directory("/"));
        ManifestState before;
        (void)must(open_to_write(io));
        for (int opening = 0; opening < 4; ++opening) {
            // One call of the disk fails: there the power goes, in the midst of opening or of an edit.
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
            const auto read = must(open_to_write(io));
            before = read.state();
        }
    }
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
        must(io.create_directories(kDirectory));
        Manifest manifest = must(open_to_write(io));
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
    must(io.create_directories(kDirectory));
    Manifest manifest = must(open_to_write(io));
    Edit edit;
    edit.add_segment(5, 7);
    edit.remove_segment(5, 7);
    must(manifest.append(edit));
    expect_error(cold::ColdTier::open(io, kDirectory, kStore), ErrorCode::corrupt, "MANIFEST-1 is damaged at offset");
}

TEST(ManifestDamage, AnotherStoresManifestIsRefused) {
    SimFileIo io;
    must(io.create_directories(kDirectory));
    (void)must(open_to_write(io));
    const std::uint64_t other[2] = {5, 7};
    expect_error(Manifest::open(io, kDirectory, other), ErrorCode::corrupt, "MANIFEST-1");
}

}  // namespace
}  // namespace zverse::test
