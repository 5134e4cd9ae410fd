// Goal:    Retention forgets what the policy allows, keeps what it must, stops at snapshots and named pins, and says
//          so: reads below the floor fail with it, reads from the floor on answer as ever.
// Method:  a worker stepped by the test, so that the floor moves when it asks; a map of versions as the model.
#include <engine/store_access.h>
#include <platform/compression.h>
#include <support/failing_file_io.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;
using engine::StoreAccess;

struct EndOfThread {
    std::atomic<bool>& enough;
    ~EndOfThread() { enough = true; }
};

class RetentionTest : public ::testing::Test {
protected:
    void open() { store.emplace(must(StoreAccess::open(path, options, internals))); }

    /// Random writes to few keys, some of them erasing, noted in the model.
    void write(int count) {
        for (int i = 0; i < count; ++i) {
            const std::string key = "key" + std::to_string(random.below(20));
            if (random.one_in(6)) {
                model[key][must(store->erase(key))] = std::nullopt;
            } else {
                const std::string value = random.bytes(random.below(100));
                model[key][must(store->put(key, value))] = value;
            }
        }
    }

    /// Steps until a second passed, in which retention looks once.
    void look() {
        const auto end = std::chrono::steady_clock::now() + 1100ms;
        while (std::chrono::steady_clock::now() < end) {
            if (!must(StoreAccess::step(*store))) std::this_thread::sleep_for(5ms);
        }
    }

    void check() {
        const Version floor = store->floor(), latest = store->latest_version();
        for (Version v = floor; v <= latest; v += 1 + random.below(7)) {
            for (const auto& [key, versions] : model) {
                auto behind = versions.upper_bound(v);
                const auto expected = behind == versions.begin() ? std::nullopt : std::prev(behind)->second;
                ASSERT_EQ(must(store->get(key, v)), expected) << key << " as of " << v << ", floor " << floor;
            }
        }
        if (floor == 0) return;
        const auto below = store->get("key1", floor - 1);
        expect_error(below, ErrorCode::version_too_old);
        EXPECT_EQ(below.error().version(), floor);
        expect_error(store->scan({}, floor - 1), ErrorCode::version_too_old);
        expect_error(store->changes({floor - 1, kLatest}), ErrorCode::version_too_old);
        must(store->changes({floor, kLatest}));
    }

    [[nodiscard]] double kept() const { return store->stats().value("zverse_settled_records").value_or(-1); }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    std::filesystem::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals{.stepped_worker = true};
    std::optional<Store> store;
    std::map<std::string, std::map<Version, std::optional<std::string>>> model;
};

TEST_F(RetentionTest, ForgetsVersionsThatAreFarBehind) {
    options.retention.max_versions_behind = 100;
    open();
    for (int round = 0; round < 9; ++round) {
        write(300);
        must(store->flush());
    }
    EXPECT_EQ(store->floor(), 0U) << "nobody looked yet";
    look();
    const Version floor = store->floor();
    EXPECT_GE(floor + 110, store->latest_version());
    EXPECT_LE(floor + 100, store->latest_version());
    check();
    must(store->close());
    open();
    EXPECT_GE(store->floor(), floor) << "the floor survives";
    check();
    must(store->compact());
    check();
    // What is alive at the floor, what came after it, and no more.
    std::size_t needed = 0;
    for (const auto& [key, versions] : model) {
        for (auto each = versions.begin(); each != versions.end(); ++each) {
            const auto next = std::next(each);
            const bool superseded = next != versions.end() && next->first <= store->floor();
            const bool covers_nothing = !each->second && each->first <= store->floor() && next == versions.end();
            if (!superseded && !covers_nothing) ++needed;
        }
    }
    EXPECT_GE(kept(), static_cast<double>(needed));
    // A merge takes for the end of a record the newest version above it: of each key one more may be kept.
    EXPECT_LE(kept(), static_cast<double>(needed + model.size()));
}

/// Of several blocks, so that the records come in the order of the curve and not of keys.
TEST_F(RetentionTest, CompactionWritesLargeHistoriesAgain) {
    for (const auto& [curve, compression] :
         {std::pair("vvk", Compression::none), {"kv", Compression::none}, {"v", Compression::history}}) {
        if (compression != Compression::none && !platform::has_compression()) continue;
        SCOPED_TRACE(curve);
        store.reset();
        model.clear();
        path = directory / curve;
        options.curve = curve;
        options.compression = compression;
        // The floor comes to lie inside a stripe.
        options.retention.max_versions_behind = 7500;
        open();
        for (int round = 0; round < 3; ++round) {
            write(5000);
            must(store->flush());
        }
        look();
        const double before = kept();
        must(store->compact());
        EXPECT_LT(kept(), before);
        EXPECT_TRUE(must(store->verify()).clean());
        check();
    }
}

/// However short ago the last look was.
TEST_F(RetentionTest, ACompactionAsksForTheFloorItself) {
    options.retention.max_versions_behind = 100;
    open();
    for (int round = 1; round <= 3; ++round) {
        for (int i = 0; i < 1000; ++i) must(store->put("key" + std::to_string(i % 10), std::to_string(i)));
        must(store->compact());
        ASSERT_GE(store->floor() + 110, store->latest_version()) << "round " << round;
        ASSERT_LE(store->stats().value("zverse_settled_records").value_or(0), 130);
    }
}

TEST_F(RetentionTest, WholeComponentsGoAtOnce) {
    options.retention.max_versions_behind = 50;
    open();
    write(1000);
    must(store->flush());
    write(100);
    must(store->flush());
    const double before = kept();
    look();
    EXPECT_LT(kept(), before / 2) << "the first stripe's history is expired, and no merge came";
    check();
}

/// All that had settled is erased and forgotten while scans read on in the rings.
TEST_F(RetentionTest, AScanGoesOnWhenNothingSettledIsLeft) {
    options.retention.max_versions_behind = 1;
    const auto failures = std::make_shared<Failures>();
    internals.wrap_io = failing_io(failures);
    std::vector<Cursor> scans;
    std::vector<std::string> expected, read[2];
    bool wanted = false;
    const auto write_and_begin = [&] {
        for (int i = 1000; i < 3000; ++i) expected.push_back("new" + std::to_string(i));
        for (const std::string& key : expected) must(store->put(key, "value"));
        for (const bool reverse : {false, true}) {
            scans.push_back(must(store->scan({}, kLatest, {.reverse = reverse})));
            for (int i = 0; i < 10; ++i) {
                EXPECT_TRUE(must(scans.back().next()));
                read[reverse].emplace_back(scans.back().entry().key);
            }
        }
    };
    failures->before_call = [&](const std::filesystem::path& file) {
        // The compaction begins with its inputs; what is written now it does not take.
        if (file.extension() == ".zseg" && std::exchange(wanted, false)) std::thread(write_and_begin).join();
    };
    open();
    write(300);
    must(store->flush());
    for (int i = 0; i < 20; ++i) must(store->erase("key" + std::to_string(i)));
    must(store->flush());
    const Version last = store->latest_version();
    must(store->close());  // and with it a version passes
    open();
    look();
    ASSERT_EQ(store->floor(), last);
    wanted = true;
    must(store->compact());
    failures->before_call = nullptr;
    ASSERT_EQ(scans.size(), 2U);
    ASSERT_EQ(kept(), 0);
    for (const bool reverse : {false, true}) {
        while (must(scans[reverse].next())) read[reverse].emplace_back(scans[reverse].entry().key);
    }
    EXPECT_EQ(read[0], expected);
    std::ranges::reverse(expected);
    EXPECT_EQ(read[1], expected);
}

TEST_F(RetentionTest, StopsAtSnapshotsAndNamedPins) {
    options.retention.max_versions_behind = 10;
    open();
    write(100);
    must(store->pin("kept", store->latest_version()));
    const Version pinned = store->latest_version();
    write(100);
    std::optional<Snapshot> snapshot(store->snapshot());
    const Version held = snapshot->version();
    write(300);
    must(store->flush());
    look();
    EXPECT_EQ(store->floor(), pinned);
    check();
    must(store->unpin("kept"));
    look();
    EXPECT_EQ(store->floor(), held);
    check();
    snapshot.reset();
    look();
    EXPECT_GT(store->floor(), held);
    check();
}

/// Of what is not above the floor some records are forgotten and others not yet.
TEST_F(RetentionTest, HistoriesBeginWithTheStateAsOfTheFloor) {
    options.retention.max_versions_behind = 1;
    open();
    const Version one = must(store->put("key", "a"));
    must(store->flush());
    const Version two = must(store->erase("key"));
    const Version three = must(store->put("key", "c"));
    must(store->flush());
    must(store->put("other", "z"));
    must(store->flush());
    look();
    ASSERT_GE(store->floor(), three);
    const auto history = [&](VersionRange range, bool reverse) {
        std::vector<Version> versions;
        Cursor cursor = must(store->history("key", range, {.reverse = reverse}));
        while (must(cursor.next())) versions.push_back(cursor.entry().version);
        return versions;
    };
    using Versions = std::vector<Version>;
    for (const bool read_only : {false, true}) {
        options.read_only = read_only;
        must(store->close());
        open();
        for (const bool reverse : {false, true}) {
            EXPECT_EQ(history({}, reverse), Versions{three});
            EXPECT_EQ(history({0, two}, reverse), Versions{}) << "it was another one as of the floor";
            EXPECT_EQ(history({one, three}, reverse), Versions{three});
            EXPECT_EQ(history({three, kLatest}, reverse), Versions{});
        }
    }
    options.read_only = false;
    must(store->close());
    open();
    const Version four = must(store->put("key", "d"));
    EXPECT_EQ(history({}, false), (Versions{four, three}));
    EXPECT_EQ(history({}, true), (Versions{three, four}));
}

/// Memory of a key; the first to read it waits there until somebody opens it. One at a time.
class GuardedKey {
public:
    explicit GuardedKey(std::string_view key) : bytes_(key.size()) {
        page_ = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page_ == MAP_FAILED) throw std::bad_alloc();
        std::ranges::copy(key, static_cast<char*>(page_));
        struct sigaction action{};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO;
        reached_ = open_ = false;
        ::sigaction(SIGSEGV, &action, &before_);
        ::mprotect(page_, kPageBytes, PROT_NONE);
    }
    ~GuardedKey() {
        ::sigaction(SIGSEGV, &before_, nullptr);
        ::munmap(page_, kPageBytes);
    }
    GuardedKey(const GuardedKey&) = delete;
    GuardedKey& operator=(const GuardedKey&) = delete;

    [[nodiscard]] std::string_view view() const { return {static_cast<const char*>(page_), bytes_}; }
    [[nodiscard]] static bool reached() { return reached_; }
    [[nodiscard]] static std::atomic<bool>& open() { return open_; }

private:
    static constexpr std::size_t kPageBytes = 4096;

    static void on_fault(int, siginfo_t* info, void*) {
        if (info->si_addr < page_ || info->si_addr >= static_cast<char*>(page_) + kPageBytes) {
            ::sigaction(SIGSEGV, &before_, nullptr);  // not ours: it happens again
            return;
        }
        reached_ = true;
        while (!open_) ::sched_yield();
        ::mprotect(page_, kPageBytes, PROT_READ);
    }

    static inline void* page_ = nullptr;
    static inline struct sigaction before_{};
    static inline std::atomic<bool> reached_{false}, open_{false};
    const std::size_t bytes_;
};

/// Such a read comes back to the store for each group of keys; between two of them the floor moves.
TEST_F(RetentionTest, ReadsOfManyKeysHoldTheirVersion) {
    options.retention.max_versions_behind = 1;
    open();
    const Version read = must(store->put("key", "0"));
    const GuardedKey guarded("key");
    std::vector<std::string_view> keys(100, "key");
    keys[50] = guarded.view();
    std::vector<std::optional<std::string>> values(keys.size());
    {
        const std::jthread forgets([&] {
            const EndOfThread end{GuardedKey::open()};
            while (!GuardedKey::reached()) std::this_thread::yield();
            for (int i = 1; i < 5; ++i) must(store->put("key", std::to_string(i)));
            must(store->flush());
            must(store->put("key", "5"));  // so that the floor may move to the cut
            while (store->floor() == 0) (void)must(StoreAccess::step(*store));
            EXPECT_EQ(store->floor(), read);
        });
        must(store->multi_get(keys, values));
    }
    EXPECT_EQ(std::ranges::count(values, "0"), std::ssize(values)) << "all as of one version";
    look();
    EXPECT_GT(store->floor(), read) << "the read is over";
}

TEST_F(RetentionTest, ForgetsWhatIsOld) {
    options.retention.max_age = 2s;
    open();
    write(200);
    const Version old = store->latest_version();
    must(store->flush());
    look();
    EXPECT_LT(store->floor(), old);
    look();
    write(200);
    look();
    look();
    must(store->flush());
    look();
    EXPECT_GE(store->floor(), old);
    check();
}

TEST_F(RetentionTest, WithoutAPolicyEverythingStays) {
    open();
    write(500);
    must(store->flush());
    write(500);
    must(store->compact());
    look();
    EXPECT_EQ(store->floor(), 0U);
    std::size_t written = 0;
    for (const auto& [key, versions] : model) written += versions.size();
    EXPECT_EQ(kept(), static_cast<double>(written));
    check();
}

}  // namespace
}  // namespace zverse::test
