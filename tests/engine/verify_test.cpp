// Goal:    verify() finds damage in every kind of file, names the file and goes on; of a good store it finds nothing,
//          whatever goes on beside it; what can't be read is a finding, too.
// Method:  a store with something in every kind of file; bits flipped in the files under the open store; calls that
//          fail; writers, flushes and readers beside it.
#include <support/failing_file_io.h>
#include <support/file_tree.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>

#include <engine/store_access.h>
#include <engine/superblock.h>
#include <hot/layout.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using engine::StoreAccess;

class VerifyTest : public ::testing::Test {
protected:
    VerifyTest() {
        options.shards = 2;
        options.sharding = Sharding::by_key;
        internals.stepped_worker = true;
    }
    [[nodiscard]] Store open() const { return must(StoreAccess::open(path, options, internals)); }

    /// Several levels of segments, outside values, pins, and frames of all kinds in the rings. Opened again: what
    /// merges replaced, and readers' views still hold, is gone then.
    void fill(Store& store) {
        for (int round = 0; round < 7; ++round) {
            write_some(store);
            if (round < 6) must(store.flush());
            must(store.pin("pin" + std::to_string(round)));
        }
        must(store.close());
        store = open();
        must(store.put("last", "in a ring that is written to"));
    }
    void write_some(Store& store) {
        for (int i = 0; i < 60; ++i) {
            must(store.put("key" + std::to_string(random.below(90)), random.bytes(random.below(300))));
            if (i % 7 == 0) must(store.erase("key" + std::to_string(random.below(90))));
            WriteBatch batch;
            for (int j = 0; j < 4; ++j) batch.put("batch" + std::to_string(random.below(9)), random.bytes(40));
            if (i % 9 == 0) must(store.write(batch));
        }
        must(store.put("large", random.bytes(20'000)));
        Transaction lost = store.begin();
        must(store.put("contended", "first"));
        lost.put("contended", "second");
        expect_error(lost.commit(), ErrorCode::conflict);
    }
    static std::set<std::string> files_of(const Verification& verification) {
        std::set<std::string> files;
        for (const Finding& finding : verification.findings) files.insert(fs::path(finding.file).filename().string());
        return files;
    }
    static void expect_clean(const Store& store, const std::string& when = {}) {
        const Verification verification = must(store.verify());
        EXPECT_TRUE(verification.clean()) << when;
        for (const Finding& finding : verification.findings) {
            ADD_FAILURE() << finding.code << " " << finding.file << " at " << finding.offset << ": " << finding.what;
        }
    }
    [[nodiscard]] std::vector<fs::path> files(const std::string& folder, const std::string& begin) const {
        std::vector<fs::path> found;
        for (const fs::directory_entry& entry : fs::directory_iterator(path / folder)) {
            if (entry.path().filename().string().starts_with(begin)) found.push_back(entry.path());
        }
        std::ranges::sort(found);
        return found;
    }
    [[nodiscard]] static std::uint64_t flips(std::uint64_t usual) {
        return environment_number("ZVERSE_FLIPS", kSanitized ? usual / 10 : usual);
    }
    /// Each flip below is found in the file, or `harmless(offset)`; returns how many were found.
    template <class Harmless>
    std::uint64_t flip(Store& store, const fs::path& file, std::uint64_t begin, std::uint64_t end, std::uint64_t count,
                       Harmless&& harmless) {
        std::uint64_t found = 0;
        for (std::uint64_t i = 0; i < count && !HasFailure(); ++i) {
            const std::uint64_t bit = random.between(begin * 8, end * 8 - 1);
            flip_bit(file, bit);
            const Verification verification = must(store.verify());
            flip_bit(file, bit);
            found += verification.clean() ? 0 : 1;
            if (verification.clean() && harmless(bit / 8)) continue;
            EXPECT_EQ(files_of(verification), std::set<std::string>{file.filename().string()})
                << "bit " << bit % 8 << " at " << bit / 8;
            for (const Finding& finding : verification.findings) EXPECT_EQ(finding.code.substr(0, 3), "ZV-");
        }
        expect_clean(store);
        return found;
    }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    fs::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals;
};

TEST_F(VerifyTest, AGoodStoreIsClean) {
    Store store = open();
    expect_clean(store, "empty");
    const Verification empty = must(store.verify());
    EXPECT_EQ(empty.segments, 0U);
    must(store.put("a", "1"));
    must(store.put("b", "2"));
    must(store.erase("a"));
    EXPECT_EQ(must(store.verify()).records, 3U) << "in the rings";
    must(store.flush());
    EXPECT_EQ(must(store.verify()).records, 3U) << "in segments";
    EXPECT_EQ(must(store.verify()).segments, 2U);
    fill(store);
    expect_clean(store, "filled");
    EXPECT_EQ(must(store.verify()).segments, store.stats().value("zverse_segments"));
    std::uint64_t bytes = 0;
    for (const fs::path& file : files("cold", "")) bytes += fs::file_size(file);
    EXPECT_GT(must(store.verify()).bytes, bytes * 3 / 4);
    StoreAccess::abandon(store);
    options.read_only = true;
    store = open();
    expect_clean(store, "read-only after a kill");
    must(store.close());
    options.read_only = false;
    store = open();
    expect_clean(store, "recovered");
    must(store.close());
    store = open();
    expect_clean(store, "opened again");
}

TEST_F(VerifyTest, EveryGranularityAndClassIsClean) {
    for (const char* granularity : {"byte", "cache_line", "page"}) {
        for (const Durability durability : {Durability::power, Durability::process}) {
            options.force_granularity = granularity;
            options.durability = durability;
            path = directory / (std::string(granularity) + (durability == Durability::power ? "-power" : "-process"));
            Store store = open();
            write_some(store);
            expect_clean(store, path.string());
            must(store.sync());
            expect_clean(store, path.string());
        }
    }
}

TEST_F(VerifyTest, FindsFlippedBitsInTheSuperblock) {
    Store store = open();
    fill(store);
    const auto nowhere = [](std::uint64_t) { return false; };
    flip(store, path / "SUPERBLOCK", 0, 2 * engine::kSuperblockCopyBytes, flips(200), nowhere);
}

TEST_F(VerifyTest, FindsFlippedBitsInTheManifest) {
    Store store = open();
    fill(store);
    const fs::path manifest = files("", "MANIFEST-").at(0);
    const std::string bytes = read_file(manifest);
    const auto padding = [&](std::uint64_t offset) { return bytes[offset] == 0; };
    EXPECT_GT(flip(store, manifest, 0, bytes.size(), flips(300), padding), flips(300) / 2);
}

TEST_F(VerifyTest, FindsFlippedBitsInRingHeaders) {
    Store store = open();
    fill(store);
    for (const fs::path& ring : files("hot", "ring-")) {
        for (const std::uint64_t copy : {std::uint64_t{0}, hot::kHeaderCopyBytes}) {
            flip(store, ring, copy, copy + sizeof(hot::RingHeader), flips(50), [](std::uint64_t) { return false; });
        }
    }
}

TEST_F(VerifyTest, FindsFlippedBitsInFrames) {
    Store store = open();
    for (int i = 0; i < 50; ++i) must(store.put("key" + std::to_string(i), std::string(1000, 'v')));
    for (const fs::path& ring : files("hot", "ring-")) {
        const std::string bytes = read_file(ring);
        // Keys and values are covered; links, the flags of stamps and padding are not.
        const std::uint64_t end = bytes.find_last_of('v') + 1;
        const auto uncovered = [&](std::uint64_t offset) { return bytes[offset] != 'v'; };
        const std::uint64_t found = flip(store, ring, hot::kHeaderAreaBytes, end, flips(200), uncovered);
        EXPECT_GT(found, flips(200) * 8 / 10);
    }
}

TEST_F(VerifyTest, FindsFlippedBitsInSegments) {
    Store store = open();
    fill(store);
    const auto segments = files("cold", "");
    ASSERT_GE(segments.size(), 4U);
    for (const fs::path& segment : segments) {
        const std::string bytes = read_file(segment);
        const auto padding = [&](std::uint64_t offset) { return bytes[offset] == 0; };
        flip(store, segment, 0, bytes.size(), flips(60), padding);
    }
}

TEST_F(VerifyTest, OneDamageDoesNotHideAnother) {
    Store store = open();
    fill(store);
    const auto rings = files("hot", "ring-");
    const auto segments = files("cold", "");
    const fs::path manifest = files("", "MANIFEST-").at(0);
    std::set<std::string> damaged{"SUPERBLOCK"};
    flip_bit(path / "SUPERBLOCK", 100);
    for (const auto* group : {&rings, &segments}) {
        for (const fs::path& file : *group) {
            flip_bit(file, 8 * 8);  // in the first header
            damaged.insert(file.filename().string());
        }
    }
    flip_bit(manifest, 8 * 10);
    damaged.insert(manifest.filename().string());
    EXPECT_EQ(files_of(must(store.verify())), damaged);
}

TEST_F(VerifyTest, GoesOnBehindADamagedFrame) {
    options.shards = 1;
    Store store = open();
    for (int i = 0; i < 5; ++i) must(store.put("key", std::string(200, static_cast<char>('0' + i))));
    const fs::path ring = files("hot", "ring-").at(0);
    const std::string bytes = read_file(ring);
    const std::uint64_t value = bytes.find(std::string(200, '2'));
    for (const auto& [offset, code] : {std::pair(value, "ZV-RING-004"),
                                       // its validity word, at the begin of the frame
                                       std::pair((value - 72) / 64 * 64, "ZV-RING-003")}) {
        flip_bit(ring, offset * 8);
        const Verification verification = must(store.verify());
        ASSERT_EQ(verification.findings.size(), 1U);
        EXPECT_EQ(verification.findings[0].code, code);
        EXPECT_EQ(verification.findings[0].file, ring.string());
        EXPECT_EQ(verification.findings[0].offset, (value - 72) / 64 * 64);
        EXPECT_EQ(verification.records, 4U);
        flip_bit(ring, offset * 8);
    }
    EXPECT_EQ(must(store.verify()).records, 5U);
}

TEST_F(VerifyTest, FindsFilesThatAreGoneOrTooMany) {
    Store store = open();
    fill(store);
    const fs::path segment = files("cold", "").at(0);
    const fs::path manifest = files("", "MANIFEST-").at(0);
    for (const fs::path& file : {segment, manifest, path / "SUPERBLOCK", path / "hot" / "ring-1"}) {
        fs::rename(file, directory / "away");
        const Verification verification = must(store.verify());
        EXPECT_EQ(files_of(verification), std::set<std::string>{file.filename().string()});
        ASSERT_FALSE(verification.clean());
        EXPECT_EQ(verification.findings[0].code, "ZV-IO-002");
        fs::rename(directory / "away", file);
    }
    expect_clean(store);
    for (const char* name : {"000000999999.zseg", "foreign.zseg"}) {
        fs::copy(segment, path / "cold" / name);
        const Verification verification = must(store.verify());
        EXPECT_EQ(files_of(verification), std::set<std::string>{name});
        EXPECT_EQ(verification.findings.at(0).code, "ZV-SEG-005");
        fs::remove(path / "cold" / name);
    }
    fs::copy(segment, path / "cold" / "000000000001.zseg.writing");  // an id of ours: left over or in the making
    expect_clean(store);
}

TEST_F(VerifyTest, WhatCannotBeReadIsAFinding) {
    const auto failures = std::make_shared<Failures>();
    internals.wrap_io = failing_io(failures);
    Store store = open();
    fill(store);
    std::uint64_t failed = 0;
    for (const bool for_ever : {false, true}) {
        for (std::uint64_t nth = 1;; nth += kSanitized ? 7 : 1) {
            failures->fail_call(nth, EIO, for_ever);
            const std::uint64_t before = failures->calls;
            const auto verification = store.verify();
            const bool reached = failures->calls >= before + nth;
            failures->fail_no_more();
            ASSERT_TRUE(verification) << describe(verification.error());
            if (!reached) break;
            ++failed;
            ASSERT_FALSE(verification->clean()) << "call " << nth;
            EXPECT_TRUE(for_ever || verification->findings.size() == 1) << "call " << nth;
            for (const Finding& finding : verification->findings) EXPECT_EQ(finding.code, "ZV-IO-001");
        }
    }
    EXPECT_GT(failed, kSanitized ? 10U : 100U);
    expect_clean(store);
}

TEST_F(VerifyTest, IsCleanWhileTheStoreIsUsed) {
    options.sharding = Sharding::by_core;
    options.ring_bytes = std::uint64_t{2} << 20;
    options.write_timeout = std::chrono::milliseconds(10'000);
    internals.stepped_worker = false;
    for (const char* granularity : {"cache_line", "page"}) {
        for (const Durability durability : {Durability::power, Durability::process}) {
            options.force_granularity = granularity;
            options.durability = durability;
            path = directory / (std::string(granularity) + (durability == Durability::power ? "-power" : "-process"));
            Store store = open();
            std::atomic<int> number = 0;
            Companion flusher([&] { must(store.flush()); });
            Companion reader([&] { must(store.get("key" + std::to_string(number.load() % 50))); });
            // Long in the making, and more than the rings hold, so that their space is used again.
            int fills = 0;
            Companion filler([&] {
                if (++fills < 100) {
                    must(store.put("filler", std::string(60'000, 'z')));
                } else {
                    std::this_thread::yield();
                }
            });
            Companion writer([&] {
                const int i = ++number;
                must(store.put("key" + std::to_string(i % 50), std::string(static_cast<std::size_t>(i % 700), 'x')));
                if (i % 100 == 0) must(store.put("large", std::string(20'000, 'y')));
                if (i % 37 == 0) must(store.pin("pin" + std::to_string(i)));
                if (i % 37 == 20 && i > 37) must(store.unpin("pin" + std::to_string(i - 20)));
            });
            for (int i = 0; i < (kSanitized ? 4 : 10) || number <= 10; ++i) expect_clean(store, "beside others");
            writer.finish();
            filler.finish();
            reader.finish();
            flusher.finish();
            expect_clean(store, "afterwards");
        }
    }
}

TEST_F(VerifyTest, IsRefusedWhereItCannotBe) {
    Store store = open();
    must(store.put("a", "1"));
    must(store.visit("a", [&](const Entry&) { expect_error(store.verify(), ErrorCode::invalid_argument, "visit"); }));
    must(store.close());
    expect_error(store.verify(), ErrorCode::closed);
}

}  // namespace
}  // namespace zverse::test
