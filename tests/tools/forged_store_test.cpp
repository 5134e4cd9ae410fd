// Goal:    the check behind zverse-fsck finds what no checksum tells: files that are whole and do not belong together;
//          and what a merge leaves that was cut short is no such thing.
// Method:  files put back from before, and edits appended to the manifest that say something else.
#include "store_check_fixture.h"

#include <support/failing_file_io.h>

#include <cold/manifest.h>
#include <cold/slab_writer.h>
#include <engine/superblock.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {
namespace {

using ForgedStoreTest = StoreCheckTest;

TEST_F(ForgedStoreTest, AManifestWithoutItsLastEditIsFound) {
    const std::string early = read_file(manifest());
    const std::string early_name = manifest().filename().string();
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.put("later", "value"));
    must(store.flush());
    must(store.close());
    fs::remove(manifest());
    write_file(path / early_name, early);
    EXPECT_TRUE(codes_of(check(CheckLevel::quick)).contains(std::string(codes::kManifestBehind)));
}

TEST_F(ForgedStoreTest, ASuperblockPutBackFromBeforeIsFound) {
    const std::string early = read_file(superblock());
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 10; ++i) must(store.put("later", "value"));
    must(store.close());
    write_file(superblock(), early);
    EXPECT_TRUE(codes_of(check(CheckLevel::quick)).contains(std::string(codes::kFrameVersion)));
}

TEST_F(ForgedStoreTest, AVersionThatTwoRingsHaveIsFound) {
    path = directory / "two-rings";
    options.shards = 2;
    options.sharding = Sharding::by_key;
    must(must(StoreAccess::open(path, options, internals)).close());
    // Two lives that begin alike: each hands out the same versions, to other keys.
    const std::vector<fs::path> rings = files("hot", "ring-");
    const std::string empty_superblock = read_file(superblock());
    const std::vector<std::string> empty = {read_file(rings[0]), read_file(rings[1])};
    const auto live_once = [&](const std::string& letter) {
        write_file(superblock(), empty_superblock);
        for (std::size_t i = 0; i < rings.size(); ++i) write_file(rings[i], empty[i]);
        Store store = must(StoreAccess::open(path, options, internals));
        for (int i = 0; i < 20; ++i) must(store.put(letter + std::to_string(i), "value"));
        must(store.close());
    };
    live_once("a");
    const std::string other_life = read_file(rings[0]);
    live_once("b");
    expect_clean(check(), "the second life alone");
    write_file(rings[0], other_life);
    EXPECT_TRUE(codes_of(check(CheckLevel::quick)).contains(std::string(codes::kVersionTwice)));
}

/// A store whose manifest says something else, in edits that are whole.
class ForgedManifestTest : public StoreCheckTest {
protected:
    [[nodiscard]] cold::Manifest open_manifest() const {
        const auto superblock = must(engine::Superblock::open(*io, path / "SUPERBLOCK", platform::OpenMode::read));
        const std::uint64_t uuid[2] = {superblock.fields().store[0], superblock.fields().store[1]};
        return must(cold::Manifest::open(*io, path, uuid));
    }
    void append(const cold::Edit& edit) const {
        cold::Manifest manifest = open_manifest();
        must(manifest.start_writing());
        must(manifest.append(edit));
    }
    void expect_found(std::string_view code) const {
        const std::set<std::string> found = codes_of(check(CheckLevel::quick));
        EXPECT_TRUE(found.contains(std::string(code))) << code << " is not among " << found.size() << " codes";
    }
};

TEST_F(ForgedManifestTest, APinBelowTheFloorIsFound) {
    const cold::ManifestState state = open_manifest().state();
    cold::Edit edit;
    edit.set_floor(state.cut);
    edit.pin("too old", state.cut - 1);
    append(edit);
    expect_found(codes::kPinBelowFloor);
}

TEST_F(ForgedManifestTest, AFloorAboveTheCutIsFound) {
    cold::Edit edit;
    edit.set_floor(open_manifest().state().cut + 1);
    append(edit);
    expect_found(codes::kManifestState);
}

TEST_F(ForgedManifestTest, ASegmentOfAnotherComponentIsFound) {
    const cold::ManifestState state = open_manifest().state();
    cold::Edit edit;
    edit.add_segment(state.ids + 1, state.components.begin()->second.segments.front());
    append(edit);
    expect_found(codes::kSegmentMisplaced);
}

TEST_F(ForgedManifestTest, AComponentThatWasReplacedIsFound) {
    // A merge replaces them; then somebody brings one back.
    const cold::ManifestState before = open_manifest().state();
    std::map<std::uint64_t, std::string> kept;
    for (const fs::path& segment : segments()) kept[std::stoull(segment.filename().string())] = read_file(segment);
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.compact());
    must(store.close());
    const cold::ManifestState after = open_manifest().state();
    cold::Edit edit;
    for (const auto& [id, component] : before.components) {
        if (after.components.contains(id)) continue;
        for (const std::uint64_t segment : component.segments) {
            write_file(cold::segment_path(path / "cold", segment), kept.at(segment));
            edit.add_segment(id, segment);
        }
    }
    ASSERT_FALSE(edit.bytes().empty()) << "nothing was merged";
    append(edit);
    expect_found(codes::kSlabsOverlap);
}

TEST_F(ForgedManifestTest, AMergeThatWasCutShortIsNoDamage) {
    // Its output, of more than one part, has taken the place of its inputs for the first keys; then the disk fails.
    path = directory / "merging";
    options.ring_bytes = std::uint64_t{8} << 20;
    const auto failures = std::make_shared<Failures>();
    failures->only = ".zseg";
    internals.wrap_io = [&](auto real) { return std::make_unique<FailingFileIo>(std::move(real), failures); };
    Store store = must(StoreAccess::open(path, options, internals));
    const std::string value = random.bytes(16'000);
    for (int i = 0; i < 5'000; ++i) {
        if (i % 400 == 399) must(store.flush());
        must(store.put(random.bytes(12), value));
    }
    bool merging = false;
    failures->before_call = [&](const fs::path&) {
        const auto in_part = [](const auto& each) { return !each.second.begin.empty(); };
        merging = merging || std::ranges::any_of(open_manifest().state().components, in_part);
        if (merging) failures->fail_call(0, EIO, true);
    };
    expect_error(store.compact(), ErrorCode::io);
    ASSERT_TRUE(merging) << "no merge put its output in place in parts";
    failures->before_call = {};
    failures->fail_no_more();
    StoreAccess::abandon(store);
    expect_clean(check(CheckLevel::quick), "killed in a merge");
    must(must(StoreAccess::open(path, options, internals)).close());
    expect_clean(check(CheckLevel::quick), "closed in a merge");
}

TEST_F(ForgedManifestTest, AManifestOfATimeThatWasNotIsFound) {
    // A superblock from before all of it: the rings hold nothing that tells.
    const std::string early = read_file(superblock());
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 10; ++i) must(store.put("later", "value"));
    must(store.flush());
    must(store.close());
    write_file(superblock(), early);
    EXPECT_TRUE(codes_of(check(CheckLevel::quick)).contains(std::string(codes::kManifestState)));
}

TEST_F(ForgedManifestTest, ASegmentAboveTheCutIsFound) {
    cold::Edit edit;
    edit.set_cut(open_manifest().state().cut - 1);
    append(edit);
    expect_found(codes::kSegmentCut);
    expect_found(codes::kManifestBehind);
}

TEST_F(ForgedManifestTest, AComponentWithoutSegmentsIsFound) {
    const cold::ManifestState state = open_manifest().state();
    cold::Edit edit;
    const auto& [id, component] = *state.components.begin();
    for (const std::uint64_t segment : component.segments) edit.remove_segment(id, segment);
    append(edit);
    expect_found(codes::kManifestState);
    EXPECT_TRUE(check(CheckLevel::quick).needs_recovery) << "its files are left over";
}

}  // namespace
}  // namespace zverse::test
