// Goal:    files whose checksums are right and whose contents no store writes are refused by name, at open or by who
//          reads them; so are files that are gone.
// Method:  a small settled store; its manifest appended to, and records of segments rewritten, with their checksums.
#include <support/file_tree.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <cold/manifest.h>
#include <cold/segment.h>
#include <cold/segment_checksum.h>
#include <engine/store_access.h>
#include <engine/superblock.h>
#include <platform/posix_file_io.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;

class HostileTest : public ::testing::Test {
protected:
    static constexpr int kRounds = 3;

    HostileTest() {
        internals.flush_by_hand = true;
        Store store = must(open());
        for (int round = 0; round < kRounds; ++round) {
            // Each stripe has a live component, of the second half, and a history.
            for (int i = 0; i < 100; ++i) must(store.put("key" + std::to_string(i % 50), "value"));
            must(store.flush());
        }
        must(store.close());
        const auto superblock = must(engine::Superblock::open(*io, path / "SUPERBLOCK", platform::OpenMode::read));
        std::ranges::copy(superblock.fields().store, uuid);
    }

    [[nodiscard]] Result<Store> open() const { return engine::StoreAccess::open(path, options, internals); }

    /// What the manifest says so far, and an edit of it.
    void append(const std::function<void(const cold::ManifestState&, cold::Edit&)>& make) {
        auto manifest = must(cold::Manifest::open(*io, path, uuid));
        must(manifest.start_writing());
        cold::Edit edit;
        make(manifest.state(), edit);
        must(manifest.append(edit));
    }

    [[nodiscard]] std::vector<fs::path> segments() const {
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(path / "cold")) files.push_back(entry.path());
        std::ranges::sort(files);
        return files;
    }

    /// Lets `change` rewrite the numbers of a segment's first record: key bytes, value bytes, version, life. Returns
    /// whether it is a segment of the kind.
    bool rewrite(const fs::path& file, cold::SegmentKind kind, const std::function<void(std::span<char>)>& change) {
        const std::uint64_t id = std::stoull(file.stem().string());
        const auto segment = must(cold::Segment::open(*io, file, uuid, id));
        if (segment->header().kind != kind) return false;
        const std::uint64_t offset = segment->offset_of(0);
        std::string bytes = read_file(file);
        cold::BlockHeader header{};
        std::memcpy(&header, &bytes[offset], sizeof(header));
        change(std::span(bytes).subspan(offset + sizeof(header) + 1, 4));
        const auto covered = std::span(bytes).subspan(offset, header.bytes);
        header.checksum = cold::piece_checksum(std::as_bytes(covered.subspan(sizeof(header.checksum))),
                                               cold::segment_seed(uuid, id), offset);
        std::memcpy(&bytes[offset], &header.checksum, sizeof(header.checksum));
        write_file(file, bytes);
        return true;
    }

    /// In one segment of the kind after the other, each in the store as it was.
    void expect_refused_by_merges(cold::SegmentKind kind, const std::function<void(std::span<char>)>& change) {
        const fs::path whole = directory / "whole";
        fs::remove_all(whole);
        fs::copy(path, whole, fs::copy_options::recursive);
        int found = 0;
        for (const fs::path& file : segments()) {
            if (!rewrite(file, kind, change)) continue;
            ++found;
            Store store = must(open());
            expect_error(store.compact(), ErrorCode::corrupt, file.filename().string() + " is damaged at offset ");
            must(store.close());
            fs::remove_all(path);
            fs::copy(whole, path, fs::copy_options::recursive);
        }
        EXPECT_EQ(found, kRounds);
    }

    TempDirectory directory;
    fs::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals;
    std::unique_ptr<platform::FileIo> io = platform::make_posix_file_io();
    std::uint64_t uuid[2] = {};
};

TEST_F(HostileTest, AComponentWithoutSegmentsIsCorrupt) {
    append([](const cold::ManifestState&, cold::Edit& edit) {
        edit.add_segment(900, 901);
        edit.remove_segment(900, 901);
    });
    expect_error(open(), ErrorCode::corrupt, "component 900");
}

TEST_F(HostileTest, AFloorAboveTheCutIsCorrupt) {
    append([](const cold::ManifestState& state, cold::Edit& edit) { edit.set_floor(state.cut); });
    must(must(open()).close());
    append([](const cold::ManifestState& state, cold::Edit& edit) { edit.set_floor(state.cut + 1); });
    expect_error(open(), ErrorCode::corrupt, "floor");
}

TEST_F(HostileTest, ACutThatWasNeverReachedIsCorrupt) {
    append([](const cold::ManifestState& state, cold::Edit& edit) { edit.set_cut(state.cut + 1'000'000'000); });
    expect_error(open(), ErrorCode::corrupt, "clock limit");
}

TEST_F(HostileTest, AMissingSegmentIsCorrupt) {
    for (const bool read_only : {false, true}) {
        options.read_only = read_only;
        for (const fs::path& file : segments()) {
            fs::rename(file, directory / "away");
            expect_error(open(), ErrorCode::corrupt, file.filename().string() + ", which the manifest names");
            fs::rename(directory / "away", file);
        }
    }
    fs::rename(path / "cold", directory / "away");
    expect_error(open(), ErrorCode::corrupt, "which the manifest names");
}

TEST_F(HostileTest, MergesRefuseRecordsOfOtherSlabs) {
    expect_refused_by_merges(cold::SegmentKind::live, [](std::span<char> numbers) { numbers[2] = 0; });
    expect_refused_by_merges(cold::SegmentKind::live, [](std::span<char> numbers) { numbers[2] = 127; });
}

TEST_F(HostileTest, MergesRefuseHistoriesOfOtherSlabs) {
    expect_refused_by_merges(cold::SegmentKind::history, [](std::span<char> numbers) { numbers[2] = 0; });
    expect_refused_by_merges(cold::SegmentKind::history, [](std::span<char> numbers) { numbers[2] = 127; });
    expect_refused_by_merges(cold::SegmentKind::history, [](std::span<char> numbers) { numbers[3] = 0; });
}

}  // namespace
}  // namespace zverse::test
