// Goal:    damage to a closed store is found or harmless: never other bytes, never a crash, and never a refusal
//          while one good copy of superblock and ring header is left.
// Method:  every single bit of both copies of both, alone and in both copies at once, and many bits of frames; each
//          time the store is opened and compared. Then whole files: cut short, missing, foreign, of other formats.
//
// ZVERSE_FLIPS is the number of random bits tried in frames.
#include <support/file_tree.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <engine/superblock.h>
#include <hot/layout.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace zverse::test {

namespace {

namespace fs = std::filesystem;

class DamageTest : public ::testing::Test {
protected:
    explicit DamageTest(unsigned shards = 2) {
        fill(store_path, shards);
        contents = read(Store::open(store_path, read_only())).value();
        for (const fs::directory_entry& entry : fs::directory_iterator(store_path / "hot")) rings.push_back(entry);
        std::ranges::sort(rings);
    }

    static Options read_only() {
        Options options = small_options();
        options.shards = 0;
        options.ring_bytes = 0;
        options.read_only = true;
        return options;
    }

    static void fill(const fs::path& path, unsigned shards) {
        Options options = small_options();
        options.shards = shards;
        options.sharding = Sharding::by_key;
        Store store = must(Store::open(path, options));
        Random random(7);
        for (int i = 0; i < 60; ++i) {
            must(store.put("key" + std::to_string(random.below(20)), random.bytes(random.below(300))));
            if (i % 7 == 0) must(store.erase("key" + std::to_string(random.below(20))));
            WriteBatch batch;
            for (int j = 0; j < 4; ++j) batch.put("batch" + std::to_string(random.below(9)), random.bytes(40));
            if (i % 9 == 0) must(store.write(batch));
        }
        must(store.put("large", random.bytes(20'000)));
        must(store.close());
    }

    using Contents = std::vector<std::string>;

    /// Everything that can be read from the store, or the error of its open.
    static Result<Contents> read(Result<Store> opened) {
        if (!opened.has_value()) return std::unexpected(opened.error());
        Contents contents;
        Cursor changes = must(opened->changes({}));
        while (must(changes.next())) {
            const Entry& entry = changes.entry();
            contents.push_back(std::to_string(entry.version) + (entry.tombstone ? "!" : "=") + std::string(entry.key) +
                               ":" + std::string(entry.value));
        }
        Cursor scan = must(opened->scan({}));
        while (must(scan.next())) {
            const std::string key(scan.entry().key);
            contents.push_back(key);
            if (must(opened->get(key)) != scan.entry().value) contents.push_back("get differs from scan");
        }
        return contents;
    }

    /// Reads it whole: everything as it was.
    void expect_intact(const std::string& what) {
        const Result<Contents> found = read(Store::open(store_path, read_only()));
        if (!found.has_value()) {
            ADD_FAILURE() << what << ": " << describe(found.error());
        } else {
            EXPECT_TRUE(*found == contents) << what << ": other contents";
        }
    }
    /// Refuses, and names the damaged file. True when it was refused.
    static bool refused(const Result<Contents>& found, const fs::path& file, const std::string& what) {
        if (found.has_value()) return false;
        const ErrorCode code = found.error().code();
        EXPECT_TRUE(code == ErrorCode::corrupt || code == ErrorCode::incompatible)
            << what << ": " << describe(found.error());
        EXPECT_NE(found.error().message().find(file.filename().string()), std::string::npos)
            << what << ": the message does not name the file: " << describe(found.error());
        return true;
    }
    void expect_refused(const fs::path& file, const std::string& what) {
        EXPECT_TRUE(refused(read(Store::open(store_path, read_only())), file, what)) << what << ": was opened";
    }

    /// Flips each of `bits` in the copy at `offset` (and at `second`, if any) and lets `judge` look.
    void for_each_flip(const fs::path& file, const std::vector<std::uint64_t>& bits, std::uint64_t offset,
                       std::optional<std::uint64_t> second, const std::function<void(const std::string&)>& judge) {
        for (const std::uint64_t bit : bits) {
            if (HasFailure()) return;
            flip_bit(file, offset * 8 + bit);
            if (second.has_value()) flip_bit(file, *second * 8 + bit);
            judge(file.filename().string() + ", bit " + std::to_string(bit) + " of the copy at " +
                  std::to_string(offset) + (second.has_value() ? " and of the other" : ""));
            flip_bit(file, offset * 8 + bit);
            if (second.has_value()) flip_bit(file, *second * 8 + bit);
        }
    }

    /// Under a sanitizer some of them: each opens the store. 13 and 8 have no divisor, so each place in a byte occurs.
    static std::vector<std::uint64_t> all_bits(std::uint64_t from_byte, std::uint64_t to_byte) {
        std::vector<std::uint64_t> bits;
        for (std::uint64_t bit = from_byte * 8; bit < to_byte * 8; bit += kSanitized ? 13 : 1) bits.push_back(bit);
        return bits;
    }

    /// All bits of the superblock's fields, and some of its long lists and reserved bytes.
    static std::vector<std::uint64_t> superblock_bits(Random& random) {
        using engine::SuperblockCopy;
        std::vector<std::uint64_t> bits = all_bits(0, offsetof(SuperblockCopy, lost));
        for (const std::uint64_t bit : all_bits(offsetof(SuperblockCopy, checksum), sizeof(SuperblockCopy))) {
            bits.push_back(bit);
        }
        for (int i = 0; i < (kSanitized ? 30 : 300); ++i) {
            bits.push_back(8 * random.between(offsetof(SuperblockCopy, lost), offsetof(SuperblockCopy, checksum) - 1) +
                           random.below(8));
        }
        return bits;
    }

    TempDirectory directory;
    fs::path store_path = directory / "store";
    fs::path superblock = store_path / "SUPERBLOCK";
    std::vector<fs::path> rings;
    Contents contents;
};

/// With one ring: the flips open the store thousands of times.
class FlippedBitTest : public DamageTest {
protected:
    FlippedBitTest() : DamageTest(1) {}
};

TEST_F(FlippedBitTest, OneFlippedBitInOneCopyOfTheSuperblockIsHarmless) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::vector<std::uint64_t> bits = superblock_bits(random);
    for (const std::uint64_t copy : {std::uint64_t{0}, engine::kSuperblockCopyBytes}) {
        for_each_flip(superblock, bits, copy, {}, [&](const std::string& what) { expect_intact(what); });
    }
}

TEST_F(FlippedBitTest, TheSameBitFlippedInBothCopiesOfTheSuperblockIsFound) {
    const SeedScope seed;
    Random random(seed.seed());
    for_each_flip(superblock, superblock_bits(random), 0, engine::kSuperblockCopyBytes,
                  [&](const std::string& what) { expect_refused(superblock, what); });
}

TEST_F(FlippedBitTest, OneFlippedBitInOneCopyOfARingHeaderIsHarmless) {
    const std::vector<std::uint64_t> bits = all_bits(0, sizeof(hot::RingHeader));
    for (const fs::path& ring : rings) {
        for (const std::uint64_t copy : {std::uint64_t{0}, hot::kHeaderCopyBytes}) {
            for_each_flip(ring, bits, copy, {}, [&](const std::string& what) { expect_intact(what); });
        }
    }
}

TEST_F(FlippedBitTest, TheSameBitFlippedInBothCopiesOfARingHeaderIsFound) {
    const std::vector<std::uint64_t> bits = all_bits(0, sizeof(hot::RingHeader));
    for_each_flip(rings[0], bits, 0, hot::kHeaderCopyBytes,
                  [&](const std::string& what) { expect_refused(rings[0], what); });
}

TEST_F(FlippedBitTest, HeaderPaddingDoesNotMatter) {
    const SeedScope seed;
    Random random(seed.seed());
    std::vector<std::uint64_t> bits;
    for (int i = 0; i < (kSanitized ? 20 : 200); ++i) {
        bits.push_back(8 * random.between(sizeof(hot::RingHeader), hot::kHeaderCopyBytes - 1) + random.below(8));
    }
    for_each_flip(rings[0], bits, 0, hot::kHeaderCopyBytes, [&](const std::string& what) { expect_intact(what); });
}

TEST_F(FlippedBitTest, AFlippedBitInAFrameIsFoundOrHarmless) {
    const SeedScope seed;
    Random random(seed.seed());
    // The frames lie where the file is not zero.
    const std::string image = read_file(rings[0]);
    const std::uint64_t used = image.find_last_not_of('\0') + 1;
    ASSERT_GT(used, hot::kHeaderAreaBytes + 1000);
    std::vector<std::uint64_t> bits;
    for (std::uint64_t i = environment_number("ZVERSE_FLIPS", kSanitized ? 200 : 3000); i > 0; --i) {
        bits.push_back(random.between(hot::kHeaderAreaBytes * 8, used * 8 - 1));
    }
    std::uint64_t found = 0;
    for_each_flip(rings[0], bits, 0, {}, [&](const std::string& what) {
        const Result<Contents> left = read(Store::open(store_path, read_only()));
        if (refused(left, rings[0], what)) {
            ++found;
        } else {
            EXPECT_TRUE(*left == contents) << what << ": other contents, and no error";
        }
    });
    std::printf("damage: %lu of %zu flips in frames were found, the others harmless\n", found, bits.size());
    EXPECT_GT(found, bits.size() / 2) << "most of a frame's bytes are keys and values";
}

TEST_F(FlippedBitTest, AFlippedBitInUnusedSpaceIsHarmless) {
    const SeedScope seed;
    Random random(seed.seed());
    const std::string image = read_file(rings[0]);
    const std::uint64_t used = hot::round_up(image.find_last_not_of('\0') + 1, hot::kLineBytes);
    std::vector<std::uint64_t> bits;
    for (int i = 0; i < 200; ++i) bits.push_back(random.between(used * 8, image.size() * 8 - 1));
    for_each_flip(rings[0], bits, 0, {}, [&](const std::string& what) { expect_intact(what); });
}

TEST_F(DamageTest, OneGoodCopyIsEnoughToGoOnWriting) {
    for (const std::uint64_t copy : {std::uint64_t{0}, engine::kSuperblockCopyBytes}) {
        flip_bit(superblock, copy * 8 + 100);
        for (const fs::path& ring : rings) flip_bit(ring, (copy == 0 ? 0 : hot::kHeaderCopyBytes) * 8 + 100);
        Options options = small_options();
        options.shards = 0;
        Store store = must(Store::open(store_path, options));
        must(store.put("after", "damage"));
        must(store.close());
        Store again = must(Store::open(store_path, options));
        EXPECT_EQ(must(again.get("after")), "damage");
    }
}

TEST_F(DamageTest, RefusingChangesNothing) {
    // A bad frame below the settled address, and a store opened for writing: it must not "repair" anything.
    const std::string image = read_file(rings[0]);
    const std::uint64_t key = image.find("key");
    ASSERT_NE(key, std::string::npos);
    flip_bit(rings[0], key * 8);
    const FileTree before = read_tree(store_path);
    Options options = small_options();
    options.shards = 0;
    expect_error(Store::open(store_path, options), ErrorCode::corrupt, rings[0].filename().string());
    FileTree after = read_tree(store_path);
    after["LOCK"] = before.contains("LOCK") ? before.at("LOCK") : "";
    EXPECT_EQ(difference(before, after), "");
    flip_bit(rings[0], key * 8);
    expect_intact("the bit is back");
}

TEST_F(DamageTest, TruncatedFilesAreCorrupt) {
    for (const fs::path& file : {superblock, rings[0], rings[1]}) {
        const std::string whole = read_file(file);
        for (const std::uint64_t bytes :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4096}, whole.size() / 2 - 1, whole.size() - 1}) {
            fs::resize_file(file, bytes);
            const std::string what = file.filename().string() + " cut to " + std::to_string(bytes) + " bytes";
            // The superblock's first copy may be left whole.
            if (file == superblock && bytes >= engine::kSuperblockCopyBytes) {
                expect_intact(what);
            } else {
                expect_refused(file, what);
            }
            write_file(file, whole);
        }
    }
    expect_intact("whole again");
}

TEST_F(DamageTest, MissingRingsAreCorrupt) {
    fs::rename(rings[1], directory / "aside");
    expect_refused(rings[1], "a ring is missing");
    EXPECT_FALSE(fs::exists(rings[1])) << "a missing ring was created anew";
    Options options = small_options();
    options.shards = 0;
    EXPECT_TRUE(refused(read(Store::open(store_path, options)), rings[1], "opened for writing"));
    EXPECT_FALSE(fs::exists(rings[1])) << "a missing ring was created anew";
    fs::rename(directory / "aside", rings[1]);
    expect_intact("the ring is back");
}

TEST_F(DamageTest, RingsOfOthersAreCorrupt) {
    const std::string first = read_file(rings[0]);
    const std::string second = read_file(rings[1]);
    write_file(rings[0], second);
    write_file(rings[1], first);
    expect_refused("ring", "two rings swapped");
    write_file(rings[1], second);
    expect_refused("ring", "the same ring twice");

    fill(directory / "other", 2);
    write_file(rings[0], read_file(directory / "other" / "hot" / rings[0].filename()));
    expect_refused(rings[0], "a ring of another store");
    write_file(rings[0], Random(1).bytes(first.size()));
    expect_refused(rings[0], "a ring of random bytes");
    write_file(rings[0], std::string(first.size(), '\0'));
    expect_refused(rings[0], "a ring of zeros");
    write_file(rings[0], first);
    expect_intact("the ring is back");
}

TEST_F(DamageTest, SuperblocksOfOthersAreFound) {
    const std::string own = read_file(superblock);
    fill(directory / "other", 2);
    write_file(superblock, read_file(directory / "other" / "SUPERBLOCK"));
    expect_refused("ring", "the superblock of another store");
    write_file(superblock, Random(1).bytes(own.size()));
    expect_refused(superblock, "a superblock of random bytes");
    write_file(superblock, std::string(own.size(), '\0'));
    expect_refused(superblock, "a superblock of zeros");
    write_file(superblock, "#!/bin/sh\necho not a store\n");
    expect_refused(superblock, "a text file");
    write_file(superblock, own);
    expect_intact("the superblock is back");
}

TEST_F(DamageTest, OtherFormatsAreIncompatible) {
    const std::string own = read_file(superblock);
    const auto open_with = [&](const std::function<void(engine::SuperblockCopy&)>& change) {
        std::string bytes = own;
        for (std::uint64_t offset = 0; offset < bytes.size(); offset += engine::kSuperblockCopyBytes) {
            engine::SuperblockCopy copy;
            std::memcpy(&copy, bytes.data() + offset, sizeof copy);
            change(copy);
            copy.checksum = XXH3_64bits(&copy, offsetof(engine::SuperblockCopy, checksum));
            std::memcpy(bytes.data() + offset, &copy, sizeof copy);
        }
        write_file(superblock, bytes);
        return Store::open(store_path, read_only());
    };
    expect_error(open_with([](auto& copy) { copy.format = 2; }), ErrorCode::incompatible, "format 2");
    expect_error(open_with([](auto& copy) { copy.format = 0; }), ErrorCode::incompatible, "format 0");
    expect_error(open_with([](auto& copy) { copy.features = 2; }), ErrorCode::incompatible, "feature");
    // Impossible values under a right checksum must not be believed either.
    expect_error(open_with([](auto& copy) { copy.shards = 0; }), ErrorCode::corrupt, "SUPERBLOCK");
    expect_error(open_with([](auto& copy) { copy.shards = 5000; }), ErrorCode::corrupt, "SUPERBLOCK");
    expect_error(open_with([](auto& copy) { copy.ring_bytes = 12345; }), ErrorCode::corrupt, "SUPERBLOCK");
    expect_error(open_with([](auto& copy) { copy.ring_bytes *= 2; }), ErrorCode::corrupt);
    expect_error(open_with([](auto& copy) { copy.load_base = copy.clock_limit + 1; }), ErrorCode::corrupt,
                 "SUPERBLOCK");
    expect_error(open_with([](auto& copy) { copy.lost_count = 1000; }), ErrorCode::corrupt, "SUPERBLOCK");
    expect_error(open_with([](auto& copy) { copy.hot_paths_bytes = 1 << 20; }), ErrorCode::corrupt, "SUPERBLOCK");
    write_file(superblock, own);
    expect_intact("the superblock is back");
}

}  // namespace

}  // namespace zverse::test
