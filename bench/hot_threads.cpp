// Question: how much more do two threads do than one, when each has a CPU of its own?
//
// Chunks of one and of two threads alternate, so that a change of the machine meets both; `times_one_thread` is the
// ratio of the medians of their throughputs. With the worker stepped nothing else runs; free-running it takes a third
// share of two CPUs while there are writes to sort.
#include <bench/bed.h>
#include <bench/crew.h>
#include <bench/records.h>

#include <optional>
#include <string>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr std::int64_t kPutShare = 50'000;  // of one thread in one chunk
constexpr std::int64_t kGetShare = 100'000;
constexpr std::int64_t kChunks = 12;

enum class Job { put, get };

void do_share(Store& store, Job job, unsigned thread, std::int64_t count, const DrawnKeys& drawn) {
    Value value(thread);
    std::string read;
    for (std::int64_t i = 0; i < count; ++i) {
        if (job == Job::put) {
            value.set(drawn[i].number());
            must(store.put(drawn[i].view(), value.view()));
        } else if (!must(store.get_into(drawn[i].view(), read))) {
            throw std::runtime_error("a key is gone");
        }
    }
}

/// One iteration is one operation of the two-thread chunks.
void two_threads(benchmark::State& state, Job job, Worker worker, std::int64_t share) {
    const std::vector<unsigned> cpus = usable_cpus();
    if (cpus.size() < 2) {
        state.SkipWithError("needs two CPUs");
        return;
    }
    Bed& bed = Bed::make(memory_place(), {.worker = worker}, {.keys = kKeys}, 2 * kChunks * kPutShare);
    if (job == Job::put) bed.spoil();
    if (worker == Worker::stepped) bed.do_upkeep();
    state.SetLabel(bed.label() + (job == Job::put ? ", known keys" : ""));
    std::optional<FairScheduling> fair;  // three threads on two CPUs, when the worker runs
    if (worker == Worker::free) fair.emplace();
    const OnCpu here(cpus.back());
    DrawnKeys drawn[2] = {DrawnKeys(31), DrawnKeys(32)};
    Crew crew(cpus.front(), [&](unsigned thread) { do_share(bed.store(), job, thread, share, drawn[thread]); });
    std::vector<double> one_ns, two_ns, raw_ns;
    while (state.KeepRunningBatch(2 * share)) {
        raw_ns.push_back(bed.raw()());
        drawn[0].draw(share, kKeys);
        one_ns.push_back(crew.run(1) * 1e9 / static_cast<double>(share));
        for (DrawnKeys& keys : drawn) keys.draw(share, kKeys);
        const double seconds = crew.run(2);
        two_ns.push_back(seconds * 1e9 / static_cast<double>(2 * share));
        state.SetIterationTime(seconds);
    }
    const double one = median(one_ns), two = median(two_ns);
    state.counters["ns"] = two;
    state.counters["one_thread_ns"] = one;
    state.counters["raw_ns"] = median(raw_ns);
    state.counters["times_one_thread"] = one / two;
    state.SetItemsProcessed(state.iterations());
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const char* name, Job job, Worker worker, std::int64_t share) {
        benchmark::RegisterBenchmark(name, two_threads, job, worker, share)
            ->Iterations(kChunks * 2 * share)
            ->UseManualTime();
    };
    add("hot/two_threads/get/stepped", Job::get, Worker::stepped, kGetShare);
    add("hot/two_threads/put/stepped", Job::put, Worker::stepped, kPutShare);
    add("hot/two_threads/put/free", Job::put, Worker::free, kPutShare);
    add("hot/two_threads/get/free", Job::get, Worker::free, kGetShare);
    return true;
}();

}  // namespace

}  // namespace zverse::bench
