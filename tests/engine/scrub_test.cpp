// Goal:    a store finds by itself what rots in its segments, says so, and goes on with everything else.
// Method:  a worker stepped by the test, a scrub without pauses, a bit flipped in the file of a settled segment.
#include <engine/store_access.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using engine::StoreAccess;

class ScrubTest : public ::testing::Test {
protected:
    void open() { store.emplace(must(StoreAccess::open(path, options, internals))); }
    [[nodiscard]] double stat(const char* name) const { return store->stats().value(name).value_or(-1); }
    /// Steps until the scrub has looked at as many segments again as there are, and a part of one more.
    void look() {
        const std::uint64_t looked = must(store->scrubbed()).segments;
        const auto wanted = looked + static_cast<std::uint64_t>(stat("zverse_segments")) + 1;
        while (must(store->scrubbed()).segments < wanted) (void)must(StoreAccess::step(*store));
    }
    static void flip(const std::filesystem::path& file, std::streamoff offset) {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekg(offset);
        const int byte = bytes.get();
        bytes.seekp(offset);
        bytes.put(static_cast<char>(byte ^ 4));
    }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals{.stepped_worker = true, .scrub_bytes_per_second = std::uint64_t{1} << 40};
    std::optional<Store> store;
};

TEST_F(ScrubTest, FindsAFlippedBitAndGoesOn) {
    open();
    for (int i = 10'000; i < 13'000; ++i) must(store->put("key" + std::to_string(i), random.bytes(100)));
    must(store->flush());
    look();
    EXPECT_TRUE(must(store->scrubbed()).clean());
    EXPECT_EQ(stat("zverse_corrupt_segments"), 0);
    EXPECT_GT(stat("zverse_scrubbed_bytes_total"), 300'000);
    const std::filesystem::path file = std::filesystem::directory_iterator(path / "cold")->path();
    flip(file, 4096 + 200);  // the first block
    look();
    const Verification found = must(store->scrubbed());
    ASSERT_EQ(found.findings.size(), 1U);
    EXPECT_EQ(found.findings[0].code, "ZV-SEG-014");
    EXPECT_EQ(found.findings[0].file, file.string());
    EXPECT_EQ(found.findings[0].offset, 4096U);
    EXPECT_EQ(stat("zverse_corrupt_segments"), 1);
    EXPECT_GE(stat("zverse_scrub_findings_total"), 1);
    EXPECT_TRUE(must(store->get("key12999"))) << "other blocks answer";
    must(store->put("key10000", "written"));
    must(store->flush());
    EXPECT_EQ(must(store->get("key10000")), "written");
    flip(file, 4096 + 200);
    look();
    EXPECT_TRUE(must(store->scrubbed()).clean());
    EXPECT_EQ(stat("zverse_corrupt_segments"), 0);
    must(store->close());
    expect_error(store->scrubbed(), ErrorCode::closed);
}

/// Neither a block nor a large value, live or superseded, is carried on by a merge that did not check it.
TEST_F(ScrubTest, AMergeDoesNotTakeWhatIsDamaged) {
    internals.scrub_bytes_per_second = std::nullopt;
    open();
    const std::string large(5000, 'v');
    must(store->put("block", "value"));
    must(store->put("live", large));
    must(store->put("superseded", large));
    must(store->flush());
    must(store->put("other", "value"));
    must(store->put("superseded", "newer"));
    must(store->flush());
    const auto segments = [&] {
        std::vector<std::filesystem::path> files;
        for (const auto& each : std::filesystem::directory_iterator(path / "cold")) files.push_back(each.path());
        std::ranges::sort(files);
        return files;
    };
    const std::filesystem::path first = segments().at(0);
    // The values lie at the beginning, the block that names them behind; the last one is in a value of that.
    for (const std::streamoff offset : {4096 + 100, 4096 + 5120 + 100, 4096 + 2 * 5120 + 34}) {
        flip(first, offset);
        const auto compacted = store->compact();
        expect_error(compacted, ErrorCode::corrupt, first.string());
        EXPECT_EQ(must(store->get("other")), "value");
        flip(first, offset);
    }
    must(store->compact());
    EXPECT_EQ(must(store->get("live")), large);
    EXPECT_EQ(must(store->get("superseded", 3)), large);
}

TEST_F(ScrubTest, FindsNothingUnderMerges) {
    options.retention.max_versions_behind = 2000;
    open();
    std::map<std::string, std::string> model;
    for (int round = 0; round < 40; ++round) {
        for (int i = 0; i < 200; ++i) {
            const std::string key = "key" + std::to_string(random.below(1000));
            model[key] = random.bytes(random.below(200));
            must(store->put(key, model[key]));
        }
        must(store->flush());
        if (round % 10 == 9) must(store->compact());
        for (std::uint64_t i = random.below(10); i > 0; --i) (void)must(StoreAccess::step(*store));
    }
    look();
    EXPECT_TRUE(must(store->scrubbed()).clean());
    EXPECT_EQ(stat("zverse_scrub_findings_total"), 0);
    for (const auto& [key, value] : model) ASSERT_EQ(must(store->get(key)), value);
}

TEST_F(ScrubTest, ReadOnlyStoresHaveNone) {
    open();
    must(store->put("key", "value"));
    must(store->close());
    options.read_only = true;
    open();
    EXPECT_TRUE(must(store->scrubbed()).clean());
    EXPECT_EQ(stat("zverse_scrubbed_bytes_total"), 0);
}

}  // namespace
}  // namespace zverse::test
