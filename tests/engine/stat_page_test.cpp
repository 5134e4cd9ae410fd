// Goal:    who reads a store's published figures gets one whole publication or none, whenever it looks, and learns
//          whether the store is open; publishing that fails disturbs nobody.
// Method:  pages written and torn by hand, every bit flipped; a reader beside a writer; stores opened, closed, killed.
#include <support/file_tree.h>
#include <support/results.h>
#include <support/temp_store.h>
#include <support/wait.h>

#include <engine/stat_page.h>
#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

namespace zverse::test {
namespace {

namespace fs = std::filesystem;
using engine::StatPage;
using engine::StatSnapshot;

class StatPageTest : public ::testing::Test {
protected:
    StatPageTest() { fs::create_directory(path); }
    [[nodiscard]] StatPage open_page() { return must(StatPage::open(*io, path, {1, 2})); }
    [[nodiscard]] Result<StatSnapshot> read() { return StatPage::read(*io, path); }
    [[nodiscard]] fs::path file() const { return path / engine::kStatPageName; }

    TempDirectory directory;
    fs::path path = directory / "store";
    std::unique_ptr<platform::FileIo> io = platform::make_posix_file_io();
};

TEST_F(StatPageTest, TellsTheLastPublication) {
    expect_error(read(), ErrorCode::not_found, path.string());
    StatPage page = open_page();
    expect_error(read(), ErrorCode::corrupt, engine::kStatPageName);
    for (int i = 0; i < 5; ++i) {
        const std::string text(static_cast<std::size_t>(1000 * i), static_cast<char>('a' + i));
        must(page.publish(77, i, "json " + text, "metrics " + text));
        const StatSnapshot found = must(read());
        EXPECT_EQ(found.process, 77U);
        EXPECT_EQ(found.boot, (platform::BootId{1, 2}));
        EXPECT_EQ(found.published, i);
        EXPECT_EQ(found.json, "json " + text);
        EXPECT_EQ(found.openmetrics, "metrics " + text);
    }
    must(page.publish(77, 9, std::string(engine::kStatSlotBytes, 'x'), "small"));
    EXPECT_EQ(must(read()).json, "") << "too large for a slot";
    EXPECT_EQ(must(read()).openmetrics, "small");
    StatPage next = open_page();
    must(next.publish(0, 10, "next", ""));
    EXPECT_EQ(must(read()).json, "next") << "an opening goes on with the numbers of the one before";
}

TEST_F(StatPageTest, ATornPublicationLeavesTheOneBefore) {
    StatPage page = open_page();
    must(page.publish(1, 1, "first", "1"));
    must(page.publish(1, 2, "second", "2"));
    const std::string image = read_file(file());
    const std::uint64_t second = 0;  // its sequence is even
    const std::uint64_t used = sizeof(engine::StatSlotHeader) + std::string("second2").size();
    for (std::uint64_t bit = 0; bit < used * 8; ++bit) {
        flip_bit(file(), second * 8 + bit);
        const StatSnapshot found = must(read());
        EXPECT_EQ(found.json, "first") << "bit " << bit;
        EXPECT_EQ(found.openmetrics, "1");
        flip_bit(file(), second * 8 + bit);
    }
    for (std::uint64_t bytes = 0; bytes < used; ++bytes) {
        write_file(file(), image.substr(0, bytes));
        expect_error(read(), ErrorCode::corrupt, engine::kStatPageName);
    }
    write_file(file(), image);
    EXPECT_EQ(must(read()).json, "second");
}

TEST_F(StatPageTest, AReaderBesideAWriterMeetsWholePublications) {
    StatPage page = open_page();
    must(page.publish(0, 0, "0", "0"));
    constexpr std::uint64_t kReads = 11;
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> reads{0};
    std::int64_t newest = 0;
    std::thread writer([&] {
        // However slow the reader is, it meets the writer at work.
        for (int i = 1; i < 3000 || reads < kReads; ++i) {
            newest = i;
            const std::string text(static_cast<std::size_t>(i % 700), 'x');
            must(page.publish(1, i, std::to_string(i) + text, std::to_string(i)));
        }
        done = true;
    });
    std::int64_t last = 0;
    while (!done) {
        const auto found = read();
        // Both slots may have been written while this one read them.
        if (!found) continue;
        EXPECT_EQ(found->openmetrics, std::to_string(found->published));
        EXPECT_TRUE(found->json.starts_with(found->openmetrics));
        EXPECT_GE(found->published, last);
        last = found->published;
        ++reads;
    }
    writer.join();
    EXPECT_GE(reads, kReads);
    EXPECT_EQ(must(read()).published, newest);
}

TEST_F(StatPageTest, AnOpenStorePublishesAndAClosedOneSaysSo) {
    Options options = small_options();
    Store store = must(Store::open(path, options));
    StatSnapshot found = must(read());
    EXPECT_EQ(found.process, static_cast<std::uint64_t>(::getpid()));
    EXPECT_EQ(found.boot, platform::current_boot_id());
    for (int i = 0; i < 7; ++i) must(store.put("key", "value"));
    wait_until([&] { return must(read()).json.find("\"zverse_puts_total\":7") != std::string::npos; });
    EXPECT_TRUE(must(read()).openmetrics.ends_with("# EOF\n"));
    must(store.close());
    found = must(read());
    EXPECT_EQ(found.process, 0U);
    EXPECT_NE(found.json.find("\"zverse_puts_total\":7"), std::string::npos);

    options.read_only = true;
    const std::string before = read_file(file());
    Store reader = must(Store::open(path, options));
    must(reader.close());
    EXPECT_EQ(read_file(file()), before) << "a reader publishes nothing";

    options.read_only = false;
    store = must(Store::open(path, options));
    engine::StoreAccess::abandon(store);
    EXPECT_EQ(must(read()).process, static_cast<std::uint64_t>(::getpid())) << "killed, not closed";
}

TEST_F(StatPageTest, WhereThePageCannotBeWrittenTheStoreWorks) {
    Store made = must(Store::open(path, small_options()));
    must(made.close());
    fs::remove(file());
    fs::create_directory(file());
    Store store = must(Store::open(path, small_options()));
    must(store.put("key", "value"));
    bool told = false;
    for (const Capability& row : store.stats().platform()) {
        told = told || (row.name == "published figures" && !row.why_not.empty());
    }
    EXPECT_TRUE(told);
    must(store.close());
}

}  // namespace
}  // namespace zverse::test
