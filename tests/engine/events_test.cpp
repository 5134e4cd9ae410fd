// Goal:    who asked to be told of events is told of each kind, with a count and a reason, and nothing it does or
//          throws harms the store.
// Method:  a store whose upkeep the test steps, and one with its own threads; calls on files that fail; a flipped bit.
#include <support/failing_file_io.h>
#include <support/file_tree.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <engine/event_teller.h>
#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using engine::StoreAccess;

struct Told {
    Event::Kind kind;
    std::uint64_t count;
    std::string what;
};

TEST(EventTellerTest, OnlyWhatIsNewIsTold) {
    std::vector<Told> told;
    engine::EventTeller teller(
        [&](const Event& event) { told.push_back({event.kind, event.count, std::string(event.what)}); });
    engine::EventFigures figures;
    teller.tell(figures);
    EXPECT_TRUE(told.empty());
    figures.moves.flushes = 3;
    figures.moves.merges = 1;
    figures.moves.packs = 1;
    figures.findings = 2;
    figures.moves.failures = 4;
    figures.move_failure = Error(ErrorCode::io, "no room for a segment");
    figures.delayed_nanoseconds = 250'000'000;
    figures.refusal = Error(ErrorCode::read_only, "a sync failed");
    teller.tell(figures);
    ASSERT_EQ(told.size(), 6U);
    EXPECT_EQ(told[0].kind, Event::Kind::read_only);
    EXPECT_EQ(told[0].what, "a sync failed");
    EXPECT_EQ(told[1].kind, Event::Kind::damage);
    EXPECT_EQ(told[1].count, 2U);
    EXPECT_EQ(told[2].kind, Event::Kind::move_failed);
    EXPECT_EQ(told[2].count, 4U);
    EXPECT_EQ(told[2].what, "no room for a segment");
    EXPECT_EQ(told[3].kind, Event::Kind::writers_delayed);
    EXPECT_EQ(told[3].count, 250U);
    EXPECT_EQ(told[4].count, 3U);
    EXPECT_EQ(told[5].count, 2U);
    teller.tell(figures);
    EXPECT_EQ(told.size(), 6U) << "told twice";
}

class EventsTest : public ::testing::Test {
protected:
    EventsTest() {
        options.on_event = [this](const Event& event) {
            const std::scoped_lock lock(mutex);
            told.push_back({event.kind, event.count, std::string(event.what)});
        };
        internals.stepped_worker = true;
        internals.wrap_io = [this](auto real) { return std::make_unique<FailingFileIo>(std::move(real), failures); };
    }
    [[nodiscard]] const Told* find(Event::Kind kind) {
        const std::scoped_lock lock(mutex);
        const auto at = std::ranges::find(told, kind, &Told::kind);
        return at == told.end() ? nullptr : &*at;
    }
    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    std::shared_ptr<Failures> failures = std::make_shared<Failures>();
    Options options = small_options();
    engine::Internals internals;
    std::mutex mutex;
    std::vector<Told> told;
};

TEST_F(EventsTest, ClosingTellsWhatWasNotToldYetAndIsNoFailure) {
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.put("key", "value"));
    must(store.flush());
    must(store.put("key", "value 2"));
    must(store.flush());
    must(store.close());
    ASSERT_NE(find(Event::Kind::flushed), nullptr);
    EXPECT_EQ(find(Event::Kind::read_only), nullptr);
    EXPECT_EQ(find(Event::Kind::move_failed), nullptr);
}

TEST_F(EventsTest, AFailedFlushIsToldWithItsReason) {
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.put("key", "value"));
    failures->fail_call(1, ENOSPC, true);
    EXPECT_FALSE(store.flush().has_value());
    failures->fail_no_more();
    for (int i = 0; i < 3; ++i) static_cast<void>(must(StoreAccess::step(store)));
    must(store.close());
    const Told* failed = find(Event::Kind::move_failed);
    ASSERT_NE(failed, nullptr);
    EXPECT_NE(failed->what.find("call "), std::string::npos) << failed->what;
}

TEST_F(EventsTest, AStoreThatHasBecomeReadOnlySaysSo) {
    internals.clock_block = 64;
    internals.clock_margin = 8;
    failures->only = "SUPERBLOCK";
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 50; ++i) must(store.put("key", "value"));
    failures->fail_call(1, EIO, true);
    EXPECT_FALSE(StoreAccess::step(store).has_value()) << "the clock's limit could not be extended";
    EXPECT_FALSE(store.put("key", "value").has_value());
    failures->fail_no_more();
    static_cast<void>(store.close());
    const Told* refused = find(Event::Kind::read_only);
    ASSERT_NE(refused, nullptr);
    EXPECT_FALSE(refused->what.empty());
}

TEST_F(EventsTest, TheStoresOwnThreadTellsAndSurvivesWhatAListenerThrows) {
    std::atomic<int> calls{0};
    options.on_event = [&](const Event&) {
        ++calls;
        throw std::runtime_error("a listener that fails");
    };
    Store store = must(Store::open(path, options));
    must(store.put("key", "value"));
    must(store.flush());
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (calls == 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
    EXPECT_GT(calls, 0);
    must(store.put("key", "value 2"));
    must(store.close());
}

TEST_F(EventsTest, DamageThatTheScrubFindsIsTold) {
    {
        Store store = must(StoreAccess::open(path, options, internals));
        for (int i = 0; i < 50; ++i) must(store.put("key" + std::to_string(i), std::string(100, 'x')));
        must(store.flush());
        must(store.close());
    }
    for (const auto& entry : std::filesystem::directory_iterator(path / "cold")) flip_bit(entry.path(), 8 * 4200);
    internals.scrub_bytes_per_second = std::uint64_t{1} << 30;
    Store store = must(StoreAccess::open(path, options, internals));
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (must(store.scrubbed()).clean() && std::chrono::steady_clock::now() < until) {
        if (!must(StoreAccess::step(store))) std::this_thread::sleep_for(5ms);
    }
    must(store.close());
    ASSERT_NE(find(Event::Kind::damage), nullptr);
}

}  // namespace
}  // namespace zverse::test
