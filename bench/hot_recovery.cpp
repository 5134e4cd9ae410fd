// Question: how many records a second does recovery bring back, per core?
//
// A store is filled by single puts until its rings are nearly full, left as a killed process would leave it, and opened
// again: rings judged (every checksum), repaired, index and links rebuilt. Time and count are the store's own,
// zverse_recovery_seconds and zverse_recovered_records; mapping and page faults come before. Estimate: memory speed of
// one core is 5 GB/s here, 23 M records/s.
#include <bench/bed.h>
#include <bench/records.h>

#include <optional>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr std::uint64_t kRingBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kRecords = 2'600'000;  // 500 MB in 512 MiB of rings

enum class Cores { one, all };

void recovery(benchmark::State& state, Cores cores) {
    const Shape shape{.durability = Durability::process, .worker = Worker::stepped, .ring_bytes = kRingBytes};
    const auto threads = cores == Cores::one ? 1.0 : static_cast<double>(usable_cpus().size());
    std::vector<double> rates, raw_ns;
    while (state.KeepRunningBatch(1)) {
        Bed& bed = Bed::make(memory_place(), shape, {}, 0);
        bed.spoil();
        test::Random random(41);
        Value value(0);
        for (std::uint64_t i = 0; i < kRecords; ++i) {
            const std::uint64_t number = pick(random, kKeys);
            value.set(number);
            must(bed.store().put(Key(number).view(), value.view()));
        }
        raw_ns.push_back(bed.raw()());
        {
            std::optional<OnCpu> here;  // recovery's helpers inherit it: they share the one core
            if (cores == Cores::one) here.emplace(bench_cpu());
            bed.crash_and_reopen();
        }
        const Stats stats = bed.store().stats();
        const double seconds = stats.value("zverse_recovery_seconds").value_or(0);
        const double records = stats.value("zverse_recovered_records").value_or(0);
        if (records != static_cast<double>(kRecords)) throw std::runtime_error("recovery lost records");
        state.SetLabel(bed.label());
        state.SetIterationTime(seconds);
        rates.push_back(records / seconds / threads);
    }
    state.counters["ns"] = 1e9 / median(rates);
    state.counters["raw_ns"] = median(raw_ns);
    state.counters["records_per_second_per_core"] = median(rates);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecords));
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const char* name, Cores cores) {
        benchmark::RegisterBenchmark(name, recovery, cores)
            ->Iterations(3)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
    };
    add("hot/recovery/one_core", Cores::one);
    add("hot/recovery/all_cores", Cores::all);
    return true;
}();

}  // namespace

}  // namespace zverse::bench
