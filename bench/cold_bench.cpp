// Question: what does a read cost when everything has settled in segments, in the page cache; and what do a fill beyond
// the rings and its merges cost?
//
// Estimate: a get is three rounds of misses (the rings' index beside the segments' one, the record, its value's last
// line), 350 to 500 ns; sixteen at once 100 to 200 each; a missing key one round. A scan of 100 reads 13 KiB in order:
// 4 to 8 us. Changes of all are a pass, a sort, a write and a read of each record: 0.3 us with records of 116 bytes. A
// record of a fill is written once by the flush and once per level.
#include <bench/bed.h>
#include <bench/measure.h>
#include <bench/records.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <system_error>
#include <thread>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr std::int64_t kChunk = 50'000;
constexpr std::int64_t kReads = 10 * kChunk;
constexpr std::int64_t kGroup = 16;

enum class Layout { compacted, levels };

/// Waits until no merge is due any more.
void wait_for_merges(const Store& store) {
    for (double merged = -1, still = 0; still < 10; std::this_thread::sleep_for(std::chrono::milliseconds(100))) {
        const double now = store.stats().value("zverse_merged_segment_bytes_total").value_or(0);
        still = now == merged ? still + 1 : 0;
        merged = now;
    }
}

/// A store of which the rings hold nothing any more; one at a time, kept while its contents stay.
class Settled {
public:
    static Settled& make(std::uint64_t keys, unsigned rounds, Layout layout) {
        std::unique_ptr<Settled>& kept = current();
        if (!kept || kept->keys_ != keys || kept->rounds_ != rounds || kept->layout_ != layout) {
            kept.reset();
            kept = std::make_unique<Settled>(keys, rounds, layout);
        }
        return *kept;
    }
    static void clear() { current().reset(); }

    Settled(std::uint64_t keys, unsigned rounds, Layout layout) : keys_(keys), rounds_(rounds), layout_(layout) {
        std::string pattern = (memory_place() / "zverse-bench-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
        }
        directory_ = pattern;
        Options options;
        options.shards = 2;
        // With levels, rings so small that every level is there.
        options.ring_bytes = layout == Layout::compacted ? std::uint64_t{64} << 20 : std::uint64_t{8} << 20;
        options.force_granularity = "cache_line";
        store_.emplace(must(Store::open(directory_ / "store", options)));
        raw_.emplace(directory_ / "raw", std::uint64_t{512} << 20, "cache_line");
        for (unsigned round = 0; round < rounds; ++round) {
            for (std::uint64_t i = 0; i < keys; ++i) must(store_->put(Key(i).view(), Value(i).view()));
            round_ends_.push_back(store_->latest_version());
        }
        must(store_->flush());
        if (layout == Layout::compacted) {
            must(store_->compact());
        } else {
            wait_for_merges(*store_);
        }
    }
    ~Settled() {
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    Settled(const Settled&) = delete;
    Settled& operator=(const Settled&) = delete;

    [[nodiscard]] Store& store() noexcept { return *store_; }
    [[nodiscard]] RawCost raw_read() {
        return [this] { return raw_->read(); };
    }
    [[nodiscard]] RawCost raw_get() {
        return [this] { return raw_->get(); };
    }
    [[nodiscard]] Version round_end(std::uint64_t number) const { return round_ends_[number % round_ends_.size()]; }
    void describe(benchmark::State& state) const {
        const Stats stats = store_->stats();
        state.SetLabel("settled, in the page cache, on " + memory_place().string());
        for (const char* name : {"live_components", "components", "segments"}) {
            state.counters[name] = stats.value("zverse_" + std::string(name)).value_or(0);
        }
    }

private:
    static std::unique_ptr<Settled>& current() {
        static std::unique_ptr<Settled> kept;
        return kept;
    }

    std::uint64_t keys_;
    unsigned rounds_;
    Layout layout_;
    std::filesystem::path directory_;
    std::optional<Store> store_;
    std::optional<RawProbe> raw_;
    std::vector<Version> round_ends_;
};

void expect(bool good) {
    if (!good) [[unlikely]]
        throw std::runtime_error("a read gave a wrong answer");
}

void get_into(benchmark::State& state, Layout layout) {
    Settled& settled = Settled::make(kKeys, 1, layout);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(61);
    std::string value;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) expect(must(settled.store().get_into(drawn[i].view(), value)));
        expect(Value::belongs(value, drawn[count - 1].number()));
    };
    measure(state, settled.raw_get(), kChunk, get_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

void missing(benchmark::State& state, Layout layout) {
    Settled& settled = Settled::make(kKeys, 1, layout);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(62);
    std::string value;
    const auto miss_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) expect(!must(settled.store().get_into(drawn[i].view(), value)));
    };
    measure(state, settled.raw_get(), kChunk, miss_all, [&](std::int64_t count) { drawn.draw(count, kKeys, kKeys); });
}

void multi_get16(benchmark::State& state) {
    Settled& settled = Settled::make(kKeys, 1, Layout::compacted);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(63);
    std::array<std::string_view, kGroup> keys;
    std::array<std::optional<std::string>, kGroup> values;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i + kGroup <= count; i += kGroup) {
            for (std::int64_t j = 0; j < kGroup; ++j) keys[std::size_t(j)] = drawn[i + j].view();
            must(settled.store().multi_get(keys, values));
            expect(values[0].has_value() && Value::belongs(*values[0], drawn[i].number()));
        }
    };
    measure(state, settled.raw_read(), kChunk / kGroup * kGroup, get_all,
            [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

void scan100(benchmark::State& state, Layout layout) {
    Settled& settled = Settled::make(kKeys, 1, layout);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    test::Random random(64);
    const auto scan_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const Key begin(pick(random, kKeys));
            Cursor cursor = must(settled.store().scan({std::string(begin.view()), {}}, kLatest, {.limit = 100}));
            std::uint64_t entries = 0;
            for (; must(cursor.next()); ++entries) benchmark::DoNotOptimize(cursor.entry().value.data());
            expect(entries > 0);
        }
    };
    measure(state, settled.raw_read(), 1'000, scan_all);
}

/// Per record, of all that there are; `first`: how long it takes to the first one.
void changes_all(benchmark::State& state, bool keys_only) {
    Settled& settled = Settled::make(kKeys, 1, Layout::compacted);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    double first = 0;
    for (auto _ : state) {
        const auto begin = Clock::now();
        Cursor cursor = must(settled.store().changes({}, {}, {.keys_only = keys_only}));
        std::uint64_t records = 0;
        for (Version last = 0; must(cursor.next()); last = cursor.entry().version, ++records) {
            expect(cursor.entry().version > last);
            if (records == 0) first = seconds_since(begin);
        }
        expect(records == kKeys);
        const double seconds = seconds_since(begin);
        state.SetIterationTime(seconds);
        state.counters["ns"] = seconds * 1e9 / static_cast<double>(records);
        state.counters["first_ms"] = first * 1e3;
    }
    state.counters["spilled_runs"] = settled.store().stats().value("zverse_spilled_runs_total").value_or(0);
}

/// Per record, of all versions of the one key that has all of them.
void history_all(benchmark::State& state, bool reverse) {
    Settled& settled = Settled::make(1, kKeys, Layout::compacted);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    for (auto _ : state) {
        const auto begin = Clock::now();
        Cursor cursor = must(settled.store().history(Key(0).view(), {}, {.reverse = reverse}));
        std::uint64_t records = 0;
        while (must(cursor.next())) ++records;
        expect(records == kKeys);
        const double seconds = seconds_since(begin);
        state.SetIterationTime(seconds);
        state.counters["ns"] = seconds * 1e9 / static_cast<double>(records);
    }
}

void get_as_of8(benchmark::State& state) {
    constexpr unsigned kRounds = 8;
    Settled& settled = Settled::make(kKeys / kRounds, kRounds, Layout::levels);
    settled.describe(state);
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(65);
    std::string value;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const Key& key = drawn[i];
            expect(must(settled.store().get_into(key.view(), value, settled.round_end(key.words[0]))));
        }
    };
    measure(state, settled.raw_get(), kChunk, get_all, [&](std::int64_t count) { drawn.draw(count, kKeys / kRounds); });
}

/// Puts of a given number of records beyond 256 MiB of rings, two workers beside the writer; each put is timed.
void fill(benchmark::State& state, std::uint64_t keys) {
    Settled::clear();
    // ZVERSE_BENCH_FILL_MIB: of keys and values; 4096 is what the goal means.
    const char* const asked = std::getenv("ZVERSE_BENCH_FILL_MIB");
    const std::uint64_t mib = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1024;
    const std::uint64_t records = (mib << 20) / (kKeyBytes + kValueBytes);
    const FairScheduling fair;
    for (auto _ : state) {
        std::string pattern = (disk_place() / "zverse-bench-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory for the fill");
        const std::filesystem::path directory = pattern;
        std::filesystem::create_directories(memory_place() / directory.filename());
        Options options;
        options.shards = 2;
        options.workers = 2;
        options.ring_bytes = std::uint64_t{128} << 20;
        options.force_granularity = "cache_line";
        options.hot_paths = {memory_place() / directory.filename()};
        Store store = must(Store::open(directory / "store", options));
        std::vector<std::uint32_t> nanoseconds;
        nanoseconds.reserve(records);
        test::Random random(66);
        const auto begin = Clock::now();
        auto last = begin;
        for (std::uint64_t i = 0; i < records; ++i) {
            const std::uint64_t number = keys == 0 ? i : pick(random, keys);
            must(store.put(Key(number).view(), Value(number).view()));
            const auto now = Clock::now();
            nanoseconds.push_back(static_cast<std::uint32_t>(
                std::min<std::int64_t>(std::chrono::nanoseconds(now - last).count(), 0xffff'ffff)));
            last = now;
        }
        const double seconds = seconds_since(begin);
        state.SetIterationTime(seconds);
        must(store.flush());
        std::ranges::sort(nanoseconds);
        wait_for_merges(store);
        const Stats stats = store.stats();
        const auto value = [&](const char* name) { return stats.value(name).value_or(0); };
        state.counters["ns"] = seconds * 1e9 / static_cast<double>(records);
        state.counters["p999_ns"] = nanoseconds[records - records / 1000 - 1];
        state.counters["max_ns"] = nanoseconds.back();
        state.counters["amplification"] =
            (value("zverse_flushed_segment_bytes_total") + value("zverse_merged_segment_bytes_total")) /
            value("zverse_settled_bytes_total");
        state.counters["delayed_s"] = value("zverse_delay_seconds_sum");
        must(store.close());
        std::filesystem::remove_all(directory);
        std::filesystem::remove_all(memory_place() / directory.filename());
    }
    state.SetLabel(std::to_string(mib) + " MiB; rings in " + memory_place().string() + ", segments in " +
                   disk_place().string());
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const char* name, auto function) {
        return benchmark::RegisterBenchmark(name, function)->Iterations(kReads)->UseManualTime();
    };
    add("cold/get_into", [](benchmark::State& state) { get_into(state, Layout::compacted); });
    add("cold/get_missing", [](benchmark::State& state) { missing(state, Layout::compacted); });
    add("cold/multi_get16", multi_get16);
    add("cold/scan100", [](benchmark::State& state) { scan100(state, Layout::compacted); })->Iterations(20'000);
    add("cold/changes_all", [](benchmark::State& state) { changes_all(state, false); })->Iterations(3);
    add("cold/changes_keys", [](benchmark::State& state) { changes_all(state, true); })->Iterations(3);
    add("cold/history_all", [](benchmark::State& state) { history_all(state, false); })->Iterations(3);
    add("cold/history_reverse", [](benchmark::State& state) { history_all(state, true); })->Iterations(3);
    add("cold/levels/get_into", [](benchmark::State& state) { get_into(state, Layout::levels); });
    add("cold/levels/scan100", [](benchmark::State& state) { scan100(state, Layout::levels); })->Iterations(20'000);
    add("cold/get_as_of8", get_as_of8);
    add("cold/fill/fresh", [](benchmark::State& state) { fill(state, 0); })->Iterations(1);
    add("cold/fill/updates", [](benchmark::State& state) { fill(state, 100'000); })->Iterations(1);
    return true;
}();

}  // namespace

}  // namespace zverse::bench

int main(int argc, char** argv) {
    const int status = zverse::bench::run_benchmarks(argc, argv);
    zverse::bench::Settled::clear();
    return status;
}
