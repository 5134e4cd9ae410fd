// Question: what do ordered reads cost over the rings, quiet and under a writer that never pauses?
//
// Estimate: a quiet scan of 100 is a binary search in each run and 100 frames at random places, 30 ns each: 4 to 6 us.
// Under writes the tail that no run covers is sorted by each scan as well, and keys have several versions.
#include <bench/bed.h>
#include <bench/records.h>
#include <support/threads.h>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr unsigned kRounds = 8;
constexpr std::uint64_t kScanned = 100;

void scan_some(Store& store, test::Random& random, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        const Key begin(pick(random, kKeys));
        Cursor cursor = must(store.scan({std::string(begin.view()), {}}, kLatest, {.limit = kScanned}));
        std::uint64_t entries = 0;
        while (must(cursor.next())) {
            benchmark::DoNotOptimize(cursor.entry().value.data());
            ++entries;
        }
        // Only scans that begin near the last key are shorter, and those are rarer than one in a thousand.
        if (entries == 0) throw std::runtime_error("a scan from an existing key found nothing");
    }
}

void scan100_quiet(benchmark::State& state) {
    Bed& bed = Bed::make(memory_place(), {.worker = Worker::stepped}, {.keys = kKeys}, 0);
    bed.do_upkeep();
    state.SetLabel(bed.label() + ", per scan of 100 keys");
    const OnCpu here(bench_cpu());
    test::Random random(21);
    measure(state, bed.raw(), 1'000, [&](std::int64_t count) { scan_some(bed.store(), random, count); });
    state.counters["runs"] = bed.store().stats().value("zverse_runs").value_or(0);
}

/// One thread overwrites random keys as fast as it can, another scans, the worker builds runs; all with a fair policy.
void scan100_writing(benchmark::State& state) {
    Bed& bed = Bed::make(memory_place(), {}, {.keys = kKeys}, 3 * kKeys / 2);
    bed.spoil();
    state.SetLabel(bed.label() + ", per scan of 100 keys, one writer beside it");
    const FairScheduling fair;
    Store& store = bed.store();
    const double before = store.stats().value("zverse_puts_total").value_or(0);
    const auto begin = Clock::now();
    test::Random written(22);
    test::Companion writer([&store, &written, value = Value(0)]() mutable {
        for (int i = 0; i < 1'000; ++i) {
            const std::uint64_t number = pick(written, kKeys);
            value.set(number);
            must(store.put(Key(number).view(), value.view()));
        }
    });
    {
        const OnCpu here(bench_cpu());
        test::Random random(23);
        measure(state, bed.raw(), 500, [&](std::int64_t count) { scan_some(store, random, count); });
    }
    const double seconds = seconds_since(begin);
    writer.finish();  // throws when it met a full ring: then there was no load to the end
    state.counters["written_per_second"] = (store.stats().value("zverse_puts_total").value_or(0) - before) / seconds;
    state.counters["runs"] = store.stats().value("zverse_runs").value_or(0);
}

Bed& bed_with_versions() {
    Bed& bed = Bed::make(memory_place(), {.worker = Worker::stepped}, {.keys = kKeys / kRounds, .rounds = kRounds}, 0);
    bed.do_upkeep();
    return bed;
}

void history8(benchmark::State& state) {
    Bed& bed = bed_with_versions();
    state.SetLabel(bed.label() + ", 8 versions per key, per record");
    const OnCpu here(bench_cpu());
    test::Random random(24);
    measure(state, bed.raw(), 8'000, [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; i += kRounds) {
            Cursor cursor = must(bed.store().history(Key(pick(random, kKeys / kRounds)).view()));
            unsigned records = 0;
            while (must(cursor.next())) ++records;
            if (records != kRounds) throw std::runtime_error("a history is not complete");
        }
    });
}

void changes(benchmark::State& state) {
    Bed& bed = bed_with_versions();
    state.SetLabel(bed.label() + ", per record");
    const OnCpu here(bench_cpu());
    // One round is a range of versions; every chunk walks one of them.
    const auto& ends = bed.round_ends();
    std::size_t round = 0;
    measure(state, bed.raw(), kKeys / kRounds, [&](std::int64_t count) {
        round = round + 1 < ends.size() ? round + 1 : 1;
        Cursor cursor = must(bed.store().changes({.after = ends[round - 1], .upto = ends[round]}));
        std::int64_t records = 0;
        while (must(cursor.next())) ++records;
        if (records != count) throw std::runtime_error("a range of changes is not complete");
    });
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const char* name, auto function, std::int64_t iterations) {
        benchmark::RegisterBenchmark(name, function)->Iterations(iterations)->UseManualTime();
    };
    add("hot/history8", history8, std::int64_t{20} * 8'000);
    add("hot/changes", changes, 4 * kKeys / kRounds);
    add("hot/scan100/quiet", scan100_quiet, std::int64_t{10} * 1'000);
    add("hot/scan100/writing", scan100_writing, std::int64_t{10} * 500);
    return true;
}();

}  // namespace

}  // namespace zverse::bench
