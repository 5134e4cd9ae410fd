// Goal:    Whenever the power goes while a superblock is written, the next open finds the old one or the new one,
//          whole; once write() returned, the new one, even when either copy is destroyed.
// Method:  A simulated disk that tears at 512 bytes, reorders and forgets; every call of a write made to fail;
//          every byte of either copy changed.
#include <engine/superblock.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/sim_file_io.h>

#include <xxhash.h>

#include <cerrno>
#include <set>

namespace zverse::test {
namespace {

using engine::kSuperblockCopyBytes;
using engine::Superblock;
using engine::SuperblockFields;
using platform::OpenMode;

constexpr const char* kPath = "/SUPERBLOCK";

/// Fields that differ everywhere between generations, so that a mixture of two is seen.
SuperblockFields fields_of(std::uint64_t generation) {
    SuperblockFields fields;
    fields.shards = 2;
    fields.ring_bytes = 1 << 20;
    fields.store[0] = 11, fields.store[1] = 12;
    fields.secret = {13, 14};
    fields.boot = {generation, generation};
    fields.clock_limit = 1000 * generation;
    fields.created = 15;
    for (std::uint64_t i = 0; i < 60; ++i) fields.add_lost({i * 10 + generation % 7, i * 10 + 8});
    fields.hot_paths = {"/" + std::string(700, static_cast<char>('a' + generation % 26))};
    return fields;
}

/// The generation an open finds; checks that all fields are of it.
std::uint64_t generation_of(SimFileIo& io) {
    const auto superblock = Superblock::open(io, kPath, OpenMode::read_write);
    if (!superblock) {
        ADD_FAILURE() << superblock.error().message();
        return 0;
    }
    const SuperblockFields& found = superblock->fields();
    const std::uint64_t generation = found.boot.high;
    const SuperblockFields wanted = fields_of(generation);
    EXPECT_EQ(found.clock_limit, wanted.clock_limit);
    EXPECT_EQ(found.hot_paths, wanted.hot_paths);
    EXPECT_EQ(found.lost.size(), wanted.lost.size());
    EXPECT_EQ(found.lost[0].after, wanted.lost[0].after);
    EXPECT_EQ(found.secret.a, 13U);
    return generation;
}

void create(SimFileIo& io) {
    must(Superblock::create(io, kPath, fields_of(1)));
    must(io.sync_directory("/"));
}

/// Overwrites a part of the file, as damage does.
void damage(SimFileIo& io, std::uint64_t offset, std::size_t bytes) {
    const auto file = must(io.open(kPath, OpenMode::read_write));
    std::vector<std::byte> content(bytes);
    must(file->read_exact(content, offset));
    for (std::byte& each : content) each ^= std::byte{0x10};
    must(file->write(content, offset));
}

TEST(SuperblockCrash, WhatReturnedIsThereOnEitherCopyAlone) {
    SimFileIo io;
    create(io);
    auto superblock = must(Superblock::open(io, kPath, OpenMode::read_write));
    for (std::uint64_t generation = 2; generation < 8; ++generation) {
        must(superblock.write(fields_of(generation)));
        EXPECT_EQ(io.doubts(), 0U) << "not synced";
        for (const std::uint64_t offset : {std::uint64_t{0}, kSuperblockCopyBytes}) {
            const auto after = io.crash(generation);
            damage(*after, offset, kSuperblockCopyBytes);
            EXPECT_EQ(generation_of(*after), generation) << "with the copy at " << offset << " destroyed";
        }
    }
}

TEST(SuperblockCrash, ACutLeavesTheOldOrTheNewOne) {
    const SeedScope scope;
    SimFileIo io;
    create(io);
    std::set<std::uint64_t> outcomes;
    for (std::uint64_t generation = 2; generation < 12; ++generation) {
        // How many calls a write takes is its own business: fail them one by one, and cut the power there.
        for (std::uint64_t nth = 1;; ++nth) {
            const auto disk = io.crash(0);
            auto superblock = must(Superblock::open(*disk, kPath, OpenMode::read_write));
            disk->fail_call(nth, EIO, true);
            const auto written = superblock.write(fields_of(generation));
            disk->fail_no_more();
            for (std::uint64_t cut = 0; cut < 30; ++cut) {
                const auto after = disk->crash(mix(scope.seed(), generation * 1000 + nth * 100 + cut));
                const std::uint64_t found = generation_of(*after);
                ASSERT_TRUE(found == generation || found == generation - 1) << found;
                ASSERT_TRUE(found == generation || !written) << "returned and lost";
                outcomes.insert(found - (generation - 1));
                // A second write after such a cut, cut as well, must not fall back behind what is there now.
                auto again = must(Superblock::open(*after, kPath, OpenMode::read_write));
                after->fail_call(1 + cut % 4, EIO, true);
                (void)again.write(fields_of(generation + 1));
                after->fail_no_more();
                const std::uint64_t then = generation_of(*after->crash(cut));
                ASSERT_TRUE(then == found || then == generation + 1) << "fell from " << found << " to " << then;
            }
            if (written) break;
        }
        auto superblock = must(Superblock::open(io, kPath, OpenMode::read_write));
        must(superblock.write(fields_of(generation)));
    }
    EXPECT_EQ(outcomes.size(), 2U) << "both outcomes must have been seen";
}

TEST(SuperblockCrash, EveryChangedByteIsSeen) {
    SimFileIo io;
    create(io);
    {
        auto superblock = must(Superblock::open(io, kPath, OpenMode::read_write));
        must(superblock.write(fields_of(5)));
    }
    for (std::uint64_t offset = 0; offset < kSuperblockCopyBytes; offset += offset < 256 ? 1 : 61) {
        for (const std::uint64_t copy : {std::uint64_t{0}, kSuperblockCopyBytes}) {
            damage(io, copy + offset, 1);
            ASSERT_EQ(generation_of(io), 5U) << "byte " << offset << " of the copy at " << copy;
            damage(io, copy + offset, 1);
        }
        damage(io, offset, 1);
        damage(io, kSuperblockCopyBytes + offset, 1);
        const auto both = Superblock::open(io, kPath, OpenMode::read);
        ASSERT_FALSE(both) << "byte " << offset << " of both copies";
        EXPECT_EQ(both.error().code(), ErrorCode::corrupt) << both.error().message();
        damage(io, offset, 1);
        damage(io, kSuperblockCopyBytes + offset, 1);
    }
}

/// Fields that no writer of this format would have written, under good checksums.
TEST(SuperblockCrash, ImpossibleAndForeignValuesAreRefused) {
    using engine::SuperblockCopy;
    const auto refused = [](auto&& change) {
        SimFileIo io;
        create(io);
        const auto file = must(io.open(kPath, OpenMode::read_write));
        for (const std::uint64_t offset : {std::uint64_t{0}, kSuperblockCopyBytes}) {
            auto copy = std::make_unique<SuperblockCopy>();
            const std::span<std::byte> bytes(reinterpret_cast<std::byte*>(copy.get()), sizeof *copy);
            must(file->read_exact(bytes, offset));
            change(*copy);
            copy->checksum = XXH3_64bits(copy.get(), offsetof(SuperblockCopy, checksum));
            must(file->write(bytes, offset));
        }
        const auto opened = Superblock::open(io, kPath, OpenMode::read);
        EXPECT_FALSE(opened);
        return opened ? ErrorCode::io : opened.error().code();
    };
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.magic ^= 1; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { ++c.format; }), ErrorCode::incompatible);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.features = 4; }), ErrorCode::incompatible);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.shards = 0; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.shards = hot::kShardsMax + 1; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.ring_bytes = 1 << 19; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.ring_bytes = std::uint64_t{128} << 30; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.ring_bytes = 3 << 20; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.lost_count = engine::kLostWindowsMax + 1; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.durability = 2; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.hot_paths_bytes = engine::kHotPathsBytes + 1; }), ErrorCode::corrupt);
    EXPECT_EQ(refused([](SuperblockCopy& c) { c.clock_limit = kVersionMax + 1; }), ErrorCode::corrupt);
}

TEST(SuperblockCrash, AFreshOneIsOnTheDisk) {
    SimFileIo io;
    create(io);
    EXPECT_EQ(io.doubts(), 0U);
    EXPECT_EQ(generation_of(*io.crash(1)), 1U);
}

engine::SuperblockCopy copy_at(SimFileIo& io, std::uint64_t offset) {
    const auto file = must(io.open(kPath, OpenMode::read));
    engine::SuperblockCopy copy{};
    must(file->read_exact({reinterpret_cast<std::byte*>(&copy), sizeof copy}, offset));
    return copy;
}

TEST(SuperblockCrash, TheNewerCopyCounts) {
    for (const std::uint64_t offset : {std::uint64_t{0}, kSuperblockCopyBytes}) {
        SimFileIo io;
        create(io);
        engine::SuperblockCopy older = copy_at(io, offset);
        auto superblock = must(Superblock::open(io, kPath, OpenMode::read_write));
        must(superblock.write(fields_of(2)));
        const auto file = must(io.open(kPath, OpenMode::read_write));
        must(file->write({reinterpret_cast<std::byte*>(&older), sizeof older}, offset));
        EXPECT_EQ(generation_of(io), 2U) << "the older copy is at " << offset;
    }
}

/// Sectors of a later write must never add up with a torn copy to the superblock that was lost: the torn copy loses its
/// checksum before anything else is written there.
TEST(SuperblockCrash, ATornCopyLosesItsChecksumFirst) {
    SimFileIo io;
    create(io);
    engine::SuperblockCopy torn = copy_at(io, 0);
    torn.sequence += 10;  // the checksum no longer fits
    const auto file = must(io.open(kPath, OpenMode::read_write));
    must(file->write({reinterpret_cast<std::byte*>(&torn), sizeof torn}, 0));
    auto superblock = must(Superblock::open(io, kPath, OpenMode::read_write));
    io.fail_call(2, EIO);  // the sync of the sector that ends it
    EXPECT_FALSE(superblock.write(fields_of(2)));
    EXPECT_EQ(copy_at(io, 0).checksum, 0U);
    EXPECT_EQ(copy_at(io, 0).sequence, torn.sequence) << "something was written before the checksum was gone";
    io.fail_no_more();
    EXPECT_EQ(generation_of(io), 1U);
}

TEST(SuperblockCrash, AFailedWriteIsReportedAndKeepsTheOtherCopy) {
    SimFileIo io;
    create(io);
    auto superblock = must(Superblock::open(io, kPath, OpenMode::read_write));
    for (int round = 0; round < 5; ++round) {
        io.fail_call(1, ENOSPC);
        ASSERT_FALSE(superblock.write(fields_of(2)));
        EXPECT_EQ(generation_of(*io.crash(static_cast<std::uint64_t>(round))), 1U);
    }
}

TEST(SuperblockCrash, LostWindowsAreJoinedWhenThereAreTooMany) {
    SuperblockFields fields = fields_of(1);
    fields.lost.clear();
    fields.add_lost({5, 5});
    EXPECT_TRUE(fields.lost.empty()) << "an empty window is none";
    for (std::uint64_t i = 0; i < engine::kLostWindowsMax + 10; ++i) fields.add_lost({i * 10, i * 10 + 5});
    EXPECT_EQ(fields.lost.size(), engine::kLostWindowsMax);
    EXPECT_EQ(fields.lost.front().after, 0U) << "the oldest ones joined: nothing lost is forgotten";
    EXPECT_EQ(fields.lost.front().upto, 105U);
    EXPECT_EQ(fields.lost.back().upto, (engine::kLostWindowsMax + 9) * 10 + 5);
}

}  // namespace
}  // namespace zverse::test
