// Goal:    A store whose manifest lost edits, or is gone, does not open, and nothing of it is removed; versions that
//          nobody was handed out do not count as history.
// Method:  what a bad sector or a careless hand leaves of the manifest; reopening as after a kill.
#include <engine/store_access.h>
#include <engine/superblock.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/wait.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

using engine::Internals;
using engine::StoreAccess;

class LostManifestTest : public ::testing::Test {
protected:
    LostManifestTest() {
        internals_.flush_by_hand = true;
        Store store = open();
        for (int flush = 0; flush < 3; ++flush) {
            for (int i = 0; i < 100; ++i) must(store.put("key" + std::to_string(flush) + "-" + std::to_string(i), "v"));
            must(store.flush());
            edit_ends_.push_back(std::filesystem::file_size(manifest()));
        }
        must(store.close());
    }

    [[nodiscard]] Store open() const { return must(StoreAccess::open(path_, options_, internals_)); }
    [[nodiscard]] std::filesystem::path manifest() const {
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            if (entry.path().filename().string().starts_with("MANIFEST-")) return entry.path();
        }
        return {};
    }
    [[nodiscard]] std::ptrdiff_t segments() const {
        return std::distance(std::filesystem::directory_iterator(path_ / "cold"),
                             std::filesystem::directory_iterator());
    }
    void expect_refused() {
        const std::ptrdiff_t before = segments();
        for (const bool read_only : {true, false}) {
            Options options = options_;
            options.read_only = read_only;
            expect_error(StoreAccess::open(path_, options, internals_), ErrorCode::corrupt, "MANIFEST");
        }
        EXPECT_EQ(segments(), before);
    }
    void zero(std::uint64_t from, std::uint64_t upto) {
        std::fstream file(manifest(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(from));
        const std::string zeros(upto - from, '\0');
        file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    }

    TempDirectory directory_;
    std::filesystem::path path_ = directory_ / "store";
    Options options_ = small_options();
    Internals internals_;
    std::vector<std::uint64_t> edit_ends_;
};

TEST_F(LostManifestTest, WithoutItsLastEditsAStoreDoesNotOpen) {
    std::filesystem::resize_file(manifest(), edit_ends_[1]);
    expect_refused();
}

TEST_F(LostManifestTest, WithAZeroedLastEditAStoreDoesNotOpen) {
    zero(edit_ends_[1], edit_ends_[2]);
    expect_refused();
}

TEST_F(LostManifestTest, WithAZeroedEditInTheMiddleAStoreDoesNotOpen) {
    zero(edit_ends_[0], edit_ends_[1]);
    expect_refused();
}

TEST_F(LostManifestTest, WithoutAManifestAStoreDoesNotOpen) {
    std::filesystem::remove(manifest());
    expect_refused();
}

TEST(VersionBehindTest, CountsOnBelowALeap) {
    using engine::version_behind;
    const std::vector<engine::VersionLeap> leaps = {{20, 50}, {100, 1500}};
    EXPECT_EQ(version_behind(2000, 300, leaps), 1700U);
    EXPECT_EQ(version_behind(2000, 500, leaps), 1500U);
    EXPECT_EQ(version_behind(2000, 530, leaps), 70U);
    EXPECT_EQ(version_behind(2000, 560, leaps), 10U);
    EXPECT_EQ(version_behind(2000, 600, leaps), 0U);
    EXPECT_EQ(version_behind(1000, 30, leaps), 70U) << "inside a leap";
    EXPECT_EQ(version_behind(80, 10, leaps), 70U) << "below it";
}

TEST_F(LostManifestTest, ALeapOfTheClockIsNoHistory) {
    options_.retention.max_versions_behind = 1000;
    const auto versions_of_k = [](const Store& store) {
        int versions = 0;
        for (Cursor history = must(store.history("k")); must(history.next());) ++versions;
        return versions;
    };
    for (int opened = 1; opened <= 4; ++opened) {
        Store store = open();
        must(store.put("k", "value"));
        must(store.flush());
        must(store.compact());  // as far as retention allows
        EXPECT_EQ(versions_of_k(store), opened);
        StoreAccess::abandon(store);
    }
    const std::filesystem::path copy = directory_ / "copy";
    {
        Store store = open();
        must(store.checkpoint(copy));
    }
    Store store = must(StoreAccess::open(copy, options_, internals_));
    must(store.put("k", "value"));
    must(store.compact());
    EXPECT_EQ(versions_of_k(store), 5);
    // What was really written counts.
    for (int i = 0; i < 1100; ++i) must(store.put("other", "value"));
    const Version floor = store.floor();
    wait_until([&] {
        must(store.flush());  // whoever asks does the movers' steps, and retention looks once a second
        return store.floor() > floor;
    });
    must(store.compact());
    EXPECT_LT(versions_of_k(store), 5);
}

}  // namespace
}  // namespace zverse::test
