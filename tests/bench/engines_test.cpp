// Goal:    every engine that benchmarks compare does what they take it for: what was put is got, erased keys are gone,
//          scans are in order and complete, batches whole, old moments keep answering, what a write returned for is
//          seen by all threads and survives the death of the process.
// Method:  the same random operations against each engine of the build and a model of maps (engine_comparison.h), with
//          each promise and with and without versions; settled, closed and opened again in between. Two threads that
//          meet after each write; writers beside a reader of moments; a child process that is killed.
#include <bench/engine_comparison.h>
#include <bench/engines/engine.h>
#include <support/child_process.h>
#include <support/random.h>
#include <support/seed.h>
#include <support/temp_store.h>
#include <support/threads.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <barrier>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

using bench::Promise;

bench::EngineSetup setup_of(const std::string& engine, const std::filesystem::path& directory) {
    bench::EngineSetup setup;
    setup.directory = directory;
    setup.records = 10'000;
    setup.record_bytes = 116;
    setup.cache_bytes = std::uint64_t{64} << 20;
    setup.threads = 2;
    setup.force_granularity = engine == "zverse" ? "cache_line" : "";
    return setup;
}

struct Case {
    std::string engine;
    Promise promise;
    bool versions;
};
std::string name_of(const Case& each) {
    return each.engine + "_" + std::string(to_string(each.promise)) + (each.versions ? "_versions" : "");
}
void PrintTo(const Case& each, std::ostream* stream) { *stream << name_of(each); }

class EnginesTest : public ::testing::TestWithParam<Case> {
protected:
    bench::EngineSetup setup() const {
        bench::EngineSetup setup = setup_of(GetParam().engine, directory_ / "store");
        setup.promise = GetParam().promise;
        setup.versions = GetParam().versions;
        return setup;
    }
    std::unique_ptr<bench::Engine> open() const { return bench::engine_kind(GetParam().engine).open(setup()); }
    /// Whether moments are still answered when the engine was closed in between.
    bool moments_outlive_closing() const { return GetParam().engine == "zverse" || GetParam().engine == "rocksdb"; }

    TempDirectory directory_;
};

/// It says so, instead of answering something.
void expect_no_moments(bench::Engine& engine) {
    EXPECT_THROW(static_cast<void>(engine.session()->now()), std::logic_error);
}

TEST_P(EnginesTest, AnswersWhatAMapAnswers) {
    const SeedScope seed;
    Random random(seed.seed());
    Comparison comparison(random);
    for (int opening = 0; opening < 3; ++opening) {
        const auto engine = open();
        EXPECT_EQ(engine->name(), GetParam().engine);
        if (opening > 0 && !moments_outlive_closing()) comparison.forget_moments();
        comparison.run(*engine, kSanitized ? 200 : 1'500);
        engine->settle();
        comparison.run(*engine, kSanitized ? 50 : 500);
        if (opening == 0) std::printf("%s\n", engine->settings().c_str());
    }
}

TEST_P(EnginesTest, CountsWhatItWrites) {
    const auto engine = open();
    if (!engine->bytes_written()) return;  // has no counter
    Random random(1);
    const std::string value = random.bytes(100'000);
    const std::uint64_t before = *engine->bytes_written();
    for (int i = 0; i < 50; ++i) engine->session()->put("key" + std::to_string(i), value);
    engine->settle();
    const std::uint64_t written = *engine->bytes_written() - before;
    EXPECT_GE(written, 4'000'000);
    EXPECT_LE(written, 50'000'000);
}

TEST_P(EnginesTest, ThreadsSeeWhatReturned) {
    constexpr int kRounds = 200;
    const auto engine = open();
    std::barrier meeting(2);
    run_threads(2, [&](std::size_t thread) {
        const auto session = engine->session();
        const std::string mine = "key of " + std::to_string(thread), other = "key of " + std::to_string(1 - thread);
        const std::string beside = mine + ", beside it";
        for (int round = 0; round < kRounds; ++round) {
            const std::string value = std::to_string(round);
            const bench::Record batch[] = {{mine, value}, {beside, value}};
            if (round % 2 == 0) session->put(mine, value);
            if (round % 2 == 1) session->write(batch);
            session->put("common", std::to_string(thread) + value);
            meeting.arrive_and_wait();
            std::string got;
            EXPECT_TRUE(session->get(other, got));
            EXPECT_EQ(got, value);
            EXPECT_TRUE(session->get("common", got));
            EXPECT_EQ(got.size(), value.size() + 1);
            EXPECT_TRUE(got.ends_with(value));
            if (engine->abilities().as_of) {
                const Moment moment = session->now();
                std::string then;
                EXPECT_TRUE(session->get_as_of(other, moment, then));
                EXPECT_EQ(then, value);
                EXPECT_TRUE(session->get_as_of("common", moment, then));
                EXPECT_EQ(then, got);
            }
            meeting.arrive_and_wait();
        }
    });
}

TEST_P(EnginesTest, MomentsOfEarlierOpeningsAreAnsweredOrRefused) {
    Moment moment = 0;
    {
        const auto engine = open();
        if (!engine->abilities().as_of) return expect_no_moments(*engine);
        const auto session = engine->session();
        session->put("key", "then");
        moment = session->now();
        session->put("key", "later");
    }
    const auto engine = open();
    const auto session = engine->session();
    EXPECT_GT(session->now(), moment);
    std::string value;
    if (moments_outlive_closing()) {
        EXPECT_TRUE(session->get_as_of("key", moment, value));
        EXPECT_EQ(value, "then");
    } else {
        EXPECT_THROW(static_cast<void>(session->get_as_of("key", moment, value)), std::runtime_error);
    }
}

TEST_P(EnginesTest, OldStatesOutgrowTheCache) {
    constexpr std::uint64_t kKeys = 1'000, kRounds = 12;
    const auto key_of = [](std::uint64_t number) { return "key" + std::to_string(number); };
    const auto value_of = [](std::uint64_t round, std::uint64_t number) {
        return Random(mix(round, number)).bytes(1'000);
    };
    bench::EngineSetup its_setup = setup();
    its_setup.cache_bytes = std::uint64_t{8} << 20;
    const auto engine = bench::engine_kind(GetParam().engine).open(its_setup);
    if (!engine->abilities().as_of) return expect_no_moments(*engine);
    const auto session = engine->session();
    std::vector<Moment> moments;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
        for (std::uint64_t i = 0; i < kKeys; ++i) session->put(key_of(i), value_of(round, i));
        moments.push_back(session->now());
    }
    engine->settle();
    for (std::uint64_t i = 0; i < kKeys; i += 7) {
        for (std::uint64_t round = i % 5; round < kRounds; round += 5) {
            std::string value;
            ASSERT_TRUE(session->get_as_of(key_of(i), moments[round], value)) << i << " of round " << round;
            ASSERT_EQ(value, value_of(round, i)) << i << " of round " << round;
        }
    }
}

TEST_P(EnginesTest, OldStatesAreLetGoAsFarAsAsked) {
    constexpr std::uint64_t kKeys = 100, kRounds = 1'500, kValueBytes = 500;
    const auto value_of = [](std::uint64_t round, std::uint64_t number) {
        return Random(mix(round, number)).bytes(kValueBytes);
    };
    bench::EngineSetup its_setup = setup();
    its_setup.writes_behind = 20 * kKeys;
    its_setup.cache_bytes = std::uint64_t{64} << 20;
    if (!its_setup.versions || its_setup.promise == Promise::power) return;
    const auto engine = bench::engine_kind(GetParam().engine).open(its_setup);
    if (!engine->abilities().forgets) return;
    const auto session = engine->session();
    Moment moment = 0;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
        for (std::uint64_t i = 0; i < kKeys; ++i) session->put(std::to_string(i), value_of(round, i));
        if (round == kRounds - 10) moment = session->now();
    }
    engine->settle();
    for (std::uint64_t i = 0; i < kKeys; ++i) {
        std::string value;
        ASSERT_TRUE(session->get_as_of(std::to_string(i), moment, value)) << i;
        ASSERT_EQ(value, value_of(kRounds - 10, i)) << i;
    }
    // WiredTiger's files do not shrink, and rings and logs have their size whatever is in them.
    if (!engine->bytes_written() || GetParam().engine == "wiredtiger") return;
    std::uint64_t table_bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(its_setup.directory)) {
        const std::string kind = entry.path().extension();
        if (kind == ".sst" || kind == ".zseg") table_bytes += entry.file_size();
    }
    EXPECT_GT(table_bytes, kKeys * kValueBytes);
    EXPECT_LT(table_bytes, kKeys * kRounds * kValueBytes * 3 / 4) << "nothing was let go";
}

TEST_P(EnginesTest, MomentsStandWhileOthersWrite) {
    const SeedScope seed;
    const auto engine = open();
    if (!engine->abilities().as_of) return expect_no_moments(*engine);
    const auto one_writer = [&](std::uint64_t stream) {
        return [&engine, random = Random(mix(seed.seed(), stream))]() mutable {
            const auto session = engine->session();
            for (int i = 0; i < 100; ++i) session->put(std::to_string(random.below(50)), random.bytes(8));
        };
    };
    Companion first(one_writer(1)), second(one_writer(2));
    const auto session = engine->session();
    std::map<Moment, Pairs> states;
    for (int round = 0; round < 100; ++round) {
        const Moment moment = session->now();
        Pairs state = shown_by([&](auto& sink) { return session->scan_as_of("0", 100, moment, sink); });
        if (!states.empty()) {
            EXPECT_GE(moment, states.rbegin()->first);
        }
        states.emplace(moment, std::move(state));
    }
    first.finish();
    second.finish();
    for (const auto& [moment, state] : states) {
        expect_same(shown_by([&](auto& sink) { return session->scan_as_of("0", 100, moment, sink); }), state);
    }
}

// ---- The death of the process.

/// Puts by themselves and in batches, over what was there in other sizes, and erasures.
Model::State write_promised(bench::Session* session) {
    Model::State state;
    const auto put = [&](int number, std::uint64_t bytes) {
        const std::string key = "key" + std::to_string(number), value = Random(bytes).bytes(bytes);
        state[key] = value;
        if (session != nullptr) session->put(key, value);
    };
    for (int i = 0; i < 1'000; ++i) put(i, i % 300);
    for (int i = 0; i < 1'000; i += 3) put(i, i % 300 + i % 7);
    for (int i = 0; i < 1'000; i += 5) {
        state.erase("key" + std::to_string(i));
        if (session != nullptr) session->erase("key" + std::to_string(i));
    }
    std::vector<bench::Record> batch;
    for (auto& [key, value] : state) {
        if (value.size() % 11 != 3) continue;
        value += "more";
        batch.push_back({key, value});
    }
    if (session != nullptr) session->write(batch);
    return state;
}

/// Arguments: engine, directory, and the word of the promise. Tells that it has written, and waits for its end.
int write_and_wait(const std::vector<std::string>& arguments) {
    bench::EngineSetup setup = setup_of(arguments.at(0), arguments.at(1));
    setup.promise = arguments.at(2) == to_string(Promise::power) ? Promise::power : Promise::process;
    const auto engine = bench::engine_kind(arguments.at(0)).open(setup);
    const auto session = engine->session();
    write_promised(session.get());
    if (::write(ChildProcess::kPipe, "!", 1) != 1) return 1;
    ::pause();
    return 1;
}

TEST_P(EnginesTest, AcknowledgedWritesSurviveTheProcess) {
    if (GetParam().versions) return;  // promises are the same with them
    const bench::EngineSetup its_setup = setup();
    ChildProcess child({"--write-and-wait", GetParam().engine, its_setup.directory.string(),
                        std::string(to_string(GetParam().promise))});
    ASSERT_EQ(child.read(60'000), "!");
    child.kill();
    const Model::State expected = write_promised(nullptr);
    const auto engine = open();
    const auto session = engine->session();
    for (int i = 0; i < 1'000; ++i) {
        const std::string key = "key" + std::to_string(i);
        const auto promised = expected.find(key);
        std::string value;
        ASSERT_EQ(session->get(key, value), promised != expected.end()) << key;
        if (promised != expected.end()) {
            ASSERT_EQ(value, promised->second) << key;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, EnginesTest, ::testing::ValuesIn([] {
                             std::vector<Case> cases;
                             for (const auto& kind : bench::engine_kinds()) {
                                 for (const Promise promise : {Promise::power, Promise::process}) {
                                     for (const bool versions : {false, true}) {
                                         cases.push_back({std::string(kind.name), promise, versions});
                                     }
                                 }
                             }
                             return cases;
                         }()),
                         [](const auto& each) { return name_of(each.param); });

}  // namespace
}  // namespace zverse::test

int main(int argc, char** argv) {
    if (argc > 1 && std::string(argv[1]) == "--write-and-wait") {
        return zverse::test::write_and_wait(std::vector<std::string>(argv + 2, argv + argc));
    }
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
