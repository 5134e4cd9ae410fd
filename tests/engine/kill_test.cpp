// Goal:    kill -9 at any moment loses no write that returned, halves no batch, and takes back nothing that was
//          shown.
// Method:  a child process writes and acknowledges each write over a pipe; the parent kills it 1 to 20 ms after the
//          first acknowledgement, opens the store and compares everything in it with what was acknowledged. One time
//          in ten a second child is killed while it recovers. Both classes, three granularities.
//
// ZVERSE_KILLS is the number of kills altogether.
#include <engine/kill_child.h>
#include <support/child_process.h>
#include <support/model_store.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace zverse::test {

namespace {

constexpr std::uint64_t kConfigurations = 6;

struct KillConfig {
    std::string name;
    std::string durability;
    std::string granularity;
};

class KillTest : public ::testing::TestWithParam<KillConfig> {
protected:
    [[nodiscard]] Options options() const {
        Options options;
        options.durability = GetParam().durability == "power" ? Durability::power : Durability::process;
        options.force_granularity = GetParam().granularity;
        options.ring_bytes = 1 << 20;
        options.shards = 2;
        return options;
    }

    [[nodiscard]] std::vector<std::string> arguments(std::uint64_t run, const char* what) const {
        return {"--kill-child",        (directory_ / "store").string(),
                GetParam().durability, GetParam().granularity,
                std::to_string(run),   what};
    }

    /// Lets a child write until it is killed, and learns what it acknowledged.
    void run_and_kill(std::uint64_t run, Random& random) {
        acknowledged_.fill({});
        ChildProcess child(arguments(run, "write"));
        using Clock = std::chrono::steady_clock;
        Clock::time_point deadline = Clock::now() + std::chrono::seconds(60);
        bool writing = false;
        bool full = false;
        while (Clock::now() < deadline && !child.ended()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
            take(child.read(static_cast<int>(left.count())), full);
            // A ring may be full before this run's first write.
            const auto wrote = [](const auto& versions) { return !versions.empty(); };
            const bool first = !writing && (full || std::ranges::any_of(acknowledged_, wrote));
            writing = writing || first;
            if (first) deadline = Clock::now() + std::chrono::microseconds(random.between(1'000, 20'000));
            if (full && deadline > Clock::now() + std::chrono::milliseconds(2)) break;
        }
        child.kill();
        // What it wrote into the pipe before it died counts.
        while (!child.ended()) take(child.read(1000), full);
        ASSERT_TRUE(writing) << "the child never wrote";
        ASSERT_FALSE(failed_) << "the child met an error";
        fulls_ += full ? 1 : 0;
    }

    void take(const std::string& bytes, bool& full) {
        pending_ += bytes;
        std::size_t used = 0;
        for (; used + sizeof(KillMessage) <= pending_.size(); used += sizeof(KillMessage)) {
            KillMessage message;
            std::memcpy(&message, pending_.data() + used, sizeof message);
            switch (message.kind) {
                case KillMessage::Kind::acknowledged:
                    acknowledged_[message.thread].push_back(message.version);
                    newest_shown_ = std::max(newest_shown_, message.version);
                    break;
                case KillMessage::Kind::seen:
                    if (message.version != 0) seen_.emplace(message.version, kill_key(message.number));
                    newest_shown_ = std::max(newest_shown_, message.version);
                    break;
                case KillMessage::Kind::full: full = true; break;
                case KillMessage::Kind::failed: failed_ = true; break;
            }
        }
        pending_.erase(0, used);
    }

    /// Opens the store and compares: all that was acknowledged, and of each thread's next operation all or nothing.
    void check(std::uint64_t run) {
        Store store = must(Store::open(directory_ / "store", options()));
        ASSERT_GE(store.latest_version(), newest_shown_) << "latest_version() fell";
        for (std::uint32_t thread = 0; thread < kKillThreads; ++thread) {
            for (std::size_t number = 0; number < acknowledged_[thread].size(); ++number) {
                model_.commit(acknowledged_[thread][number], kill_operation(run, thread, number));
                ++acknowledgements_;
            }
        }
        accept_unacknowledged(store, run);
        compare(store);
        for (const auto& [version, key] : seen_) {
            ASSERT_EQ(model_.find(key, version).version, version) << "a read showed a version that vanished";
        }
        seen_.clear();
        // Room for the next child. Half of the stores are closed, the others left as a killed process leaves them.
        model_.drain(must(engine::StoreAccess::drain(store)));
        newest_shown_ = std::max(newest_shown_, store.latest_version());
        if (run % 2 == 0) engine::StoreAccess::abandon(store);
    }

    /// A version that nobody was told of must be the whole next operation of a thread.
    void accept_unacknowledged(Store& store, std::uint64_t run) {
        std::map<Version, std::vector<Change>> unknown;
        Cursor changes = must(store.changes({}));
        while (must(changes.next())) {
            const Entry& entry = changes.entry();
            if (model_.find(entry.key, entry.version).version == entry.version) continue;
            std::optional<std::string> value;
            if (!entry.tombstone) value = entry.value;
            unknown[entry.version].push_back({std::string(entry.key), std::move(value)});
        }
        ASSERT_LE(unknown.size(), kKillThreads) << "more versions than there were threads";
        std::array<bool, kKillThreads> taken{};
        for (const auto& [version, changes_found] : unknown) {
            bool explained = false;
            for (std::uint32_t thread = 0; thread < kKillThreads && !explained; ++thread) {
                const std::vector<Change> next = kill_operation(run, thread, acknowledged_[thread].size());
                explained = !taken[thread] && same(next, changes_found);
                if (!explained) continue;
                taken[thread] = true;
                model_.commit(version, next);
                ++unacknowledged_;
            }
            ASSERT_TRUE(explained) << "version " << version << " is no whole operation of any thread";
        }
    }

    /// The operation's outcome, last change of each key, is exactly what was found.
    [[nodiscard]] static bool same(const std::vector<Change>& operation, const std::vector<Change>& found) {
        std::map<std::string, std::optional<std::string>> expected;
        for (const Change& change : operation) expected[change.key] = change.value;
        std::map<std::string, std::optional<std::string>> actual;
        for (const Change& change : found) actual[change.key] = change.value;
        return expected == actual;
    }

    void compare(Store& store) {
        Cursor changes = must(store.changes({}));
        for (const ModelEntry& entry : model_.changes({}, {}, false)) {
            ASSERT_TRUE(must(changes.next())) << "lost: " << describe(entry);
            ASSERT_TRUE(equal(changes.entry(), entry))
                << describe(changes.entry()) << " instead of " << describe(entry);
        }
        ASSERT_FALSE(must(changes.next())) << "too much: " << describe(changes.entry());
        for (std::uint64_t number = 0; number < kKillKeys; ++number) {
            ASSERT_EQ(must(store.get(kill_key(number))), model_.find(kill_key(number)).value) << kill_key(number);
        }
    }

    TempDirectory directory_;
    ModelStore model_;
    std::array<std::vector<Version>, kKillThreads> acknowledged_;
    std::map<Version, std::string> seen_;
    Version newest_shown_ = 0;
    std::string pending_;
    bool failed_ = false;
    std::uint64_t acknowledgements_ = 0, unacknowledged_ = 0, fulls_ = 0;
};

TEST_P(KillTest, LosesNothingThatReturned) {
    const SeedScope seed;
    Random random(mix(seed.seed(), std::hash<std::string>()(GetParam().name)));
    must(must(Store::open(directory_ / "store", options())).close());
    const std::uint64_t kills = environment_number("ZVERSE_KILLS", kSanitized ? 60 : 300) / kConfigurations;
    std::uint64_t double_kills = 0;
    for (std::uint64_t kill = 0; kill < kills; ++kill) {
        const std::uint64_t run = random.next() >> 1;
        ASSERT_NO_FATAL_FAILURE(run_and_kill(run, random)) << "kill " << kill;
        if (random.one_in(10)) {
            // Recovery takes around a millisecond here; it is met at its beginning, in its middle and after it.
            ChildProcess recovering(arguments(run, "open"));
            const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random.below(8'000));
            while (std::chrono::steady_clock::now() < until) {}
            recovering.kill();
            ++double_kills;
        }
        ASSERT_NO_FATAL_FAILURE(check(run)) << "kill " << kill;
    }
    std::printf(
        "kill: %lu kills, %lu more inside recovery, %lu acknowledged writes, %lu others found whole, %lu rings full\n",
        kills, double_kills, acknowledgements_, unacknowledged_, fulls_);
    EXPECT_GT(acknowledgements_, kills);
}

TEST_P(KillTest, AKilledCreationStartsOver) {
    const SeedScope seed;
    Random random(mix(seed.seed(), std::hash<std::string>()(GetParam().name)));
    Options options = KillTest::options();
    options.ring_bytes = kCreatedRingBytes;
    for (int kill = 0; kill < 10; ++kill) {
        ChildProcess creating(arguments(0, "create"));
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random.below(12'000));
        while (std::chrono::steady_clock::now() < until) {}
        creating.kill();
        Store store = must(Store::open(directory_ / "store", options));
        ASSERT_FALSE(must(must(store.changes({})).next())) << "a new store is empty";
        must(store.put("key", "value"));
        must(store.close());
        std::filesystem::remove_all(directory_ / "store");
    }
}

void PrintTo(const KillConfig& config, std::ostream* out) { *out << config.name; }

INSTANTIATE_TEST_SUITE_P(Configurations, KillTest,
                         ::testing::Values(KillConfig{"power_cache_line", "power", "cache_line"},
                                           KillConfig{"power_byte", "power", "byte"},
                                           KillConfig{"power_page", "power", "page"},
                                           KillConfig{"process_cache_line", "process", "cache_line"},
                                           KillConfig{"process_byte", "process", "byte"},
                                           KillConfig{"process_page", "process", "page"}),
                         [](const auto& test) { return test.param.name; });

}  // namespace

}  // namespace zverse::test

int main(int argc, char** argv) {
    if (argc > 1 && std::string(argv[1]) == "--kill-child") {
        return zverse::test::kill_child(std::vector<std::string>(argv + 2, argv + argc));
    }
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
