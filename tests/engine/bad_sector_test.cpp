// Goal:    what is stored twice is read from the copy that the medium still gives; where it gives neither, opening
//          fails with io, and never shows an older state.
// Method:  each sector of the superblock, the manifest and the headers of segments bad in turn.
#include <support/failing_file_io.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using engine::StoreAccess;

constexpr std::uint64_t kSector = 512;

class BadSectorTest : public ::testing::Test {
protected:
    BadSectorTest() {
        options.cold_reads = ColdReads::copied;
        Store store = must(Store::open(path, options));
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < 40; ++i) must(store.put("key" + std::to_string(i), random.bytes(200)));
            must(store.flush());
            must(store.pin("pin" + std::to_string(round)));
        }
        must(store.close());
        options.read_only = true;
        internals.wrap_io = [this](auto real) { return std::make_unique<FailingFileIo>(std::move(real), failures); };
        failures->is_bad = [this](const fs::path& file, std::uint64_t offset, std::uint64_t bytes) {
            return file == bad_file && offset < bad_at + kSector && bad_at < offset + bytes;
        };
        contents = must(read());
    }
    [[nodiscard]] Result<std::vector<std::string>> read() const {
        auto store = StoreAccess::open(path, options, internals);
        if (!store) return std::unexpected(store.error());
        std::vector<std::string> all;
        Cursor changes = must(store->changes({}));
        while (must(changes.next())) {
            all.push_back(std::to_string(changes.entry().version) + std::string(changes.entry().key) +
                          std::string(changes.entry().value));
        }
        for (const auto& [name, version] : must(store->pins())) all.push_back(name + std::to_string(version));
        return all;
    }
    [[nodiscard]] fs::path first(const fs::path& folder, const std::string& part) const {
        std::vector<fs::path> found;
        for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
            if (entry.path().filename().string().find(part) != std::string::npos) found.push_back(entry.path());
        }
        return *std::ranges::min_element(found);
    }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    fs::path path = directory / "store", bad_file;
    std::uint64_t bad_at = 0;
    std::shared_ptr<Failures> failures = std::make_shared<Failures>();
    Options options = small_options();
    engine::Internals internals;
    std::vector<std::string> contents;
};

TEST_F(BadSectorTest, OneCopyOfTheSuperblockIsEnough) {
    bad_file = path / "SUPERBLOCK";
    for (bad_at = 0; bad_at < fs::file_size(bad_file); bad_at += kSector) {
        EXPECT_EQ(must(read()), contents) << "sector at " << bad_at;
    }
}

TEST_F(BadSectorTest, OneHeaderOfASegmentIsEnough) {
    bad_file = first(path / "cold", ".zseg");
    constexpr std::uint64_t kHeader = 4096;
    for (bad_at = 0; bad_at < kHeader; bad_at += kSector) EXPECT_EQ(must(read()), contents) << "sector at " << bad_at;
    const std::uint64_t bytes = fs::file_size(bad_file);
    for (bad_at = bytes - kHeader; bad_at < bytes; bad_at += kSector) EXPECT_EQ(must(read()), contents);
}

TEST_F(BadSectorTest, OneCopyOfEachEditIsEnoughAndNoEditIsForgotten) {
    // Edits that are longer than a sector, so that a sector can hit one copy alone.
    {
        Options writing = options;
        writing.read_only = false;
        Store store = must(Store::open(path, writing));
        for (int i = 0; i < 10; ++i) must(store.pin("long" + std::to_string(i) + std::string(200, 'x')));
        must(store.close());
        // Written anew, as one edit; and one behind it, both copies of which may lie in one sector.
        Store again = must(Store::open(path, writing));
        must(again.pin("last"));
        must(again.close());
    }
    contents = must(read());
    bad_file = first(path, "MANIFEST-");
    std::uint64_t whole = 0, refused = 0;
    for (bad_at = 0; bad_at < fs::file_size(bad_file); bad_at += kSector) {
        const auto found = read();
        if (found) {
            EXPECT_EQ(*found, contents) << "sector at " << bad_at;
            ++whole;
        } else {
            EXPECT_TRUE(found.error().code() == ErrorCode::io || found.error().code() == ErrorCode::corrupt)
                << found.error().message();
            ++refused;
        }
    }
    EXPECT_GT(whole, 5U);
    EXPECT_GT(refused, 0U) << "behind the edits nobody can tell whether there are more";
}

}  // namespace
}  // namespace zverse::test
