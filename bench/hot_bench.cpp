// Question: what does a write cost, against the raw cost of making its bytes durable?
//
// Estimate (prototypes with 1 M keys, one thread): raw 150 ns; the index entry and the older operation's links
// are two misses in series, so a durable put of 200 to 300 ns, an undurable one of 170 to 250, and 55 to 120 per
// operation in batches, where the misses overlap and the fence is shared.
#include <bench/bed.h>
#include <bench/records.h>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr std::int64_t kChunk = 48'000;  // a multiple of a batch
constexpr std::int64_t kWrites = 20 * kChunk;
constexpr std::int64_t kBatch = 32;

enum class Keys { fresh, known };

Bed& bed_for_writes(Durability durability, Keys keys) {
    Bed& bed = Bed::make(memory_place(), {.durability = durability, .sync = {.every = std::chrono::milliseconds(5)}},
                         {.keys = keys == Keys::known ? kKeys : 0}, kWrites);
    bed.spoil();
    return bed;
}

/// The floor itself, as a line of its own.
void raw(benchmark::State& state) {
    Bed& bed = Bed::make(memory_place(), {}, {.keys = kKeys}, 0);
    state.SetLabel("192 bytes, flushed and fenced; no store");
    const OnCpu here(bench_cpu());
    const RawCost cost = bed.raw();
    measure(state, cost, RawProbe::kWrites, [&](std::int64_t) { static_cast<void>(cost()); });
}

void put(benchmark::State& state, Durability durability, Keys keys) {
    Bed& bed = bed_for_writes(durability, keys);
    state.SetLabel(bed.label());
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(1);
    Value value(0);
    const auto put_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            value.set(drawn[i].number());
            must(bed.store().put(drawn[i].view(), value.view()));
        }
    };
    measure(state, bed.raw(), kChunk, put_all, [&](std::int64_t count) {
        if (keys == Keys::known) {
            drawn.draw(count, kKeys);
        } else {
            drawn.count_up(count);
        }
    });
}

/// Building the batch is part of it: an application has to do it too.
void batch32(benchmark::State& state, Durability durability) {
    Bed& bed = bed_for_writes(durability, Keys::known);
    state.SetLabel(bed.label() + ", 32 puts each, per operation");
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(2);
    Value value(0);
    WriteBatch batch;
    const auto write_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; i += kBatch) {
            batch.clear();
            for (std::int64_t k = i; k < i + kBatch; ++k) {
                value.set(drawn[k].number());
                batch.put(drawn[k].view(), value.view());
            }
            must(bed.store().write(batch));
        }
    };
    measure(state, bed.raw(), kChunk, write_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

/// put_if with the version just read: the optimistic update of one record.
void put_if(benchmark::State& state) {
    Bed& bed = bed_for_writes(Durability::power, Keys::known);
    state.SetLabel(bed.label() + ", with the get before it");
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(3);
    Value value(0);
    std::string old;
    const auto update_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const Key& key = drawn[i];
            Version version = 0;
            if (!must(bed.store().get_into(key.view(), old, kLatest, &version))) throw std::runtime_error("gone");
            value.set(key.number());
            must(bed.store().put_if(key.view(), value.view(), version));
        }
    };
    measure(state, bed.raw(), kChunk, update_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const char* name, auto function, auto... arguments) {
        benchmark::RegisterBenchmark(name, function, arguments...)->Iterations(kWrites)->UseManualTime();
    };
    add("hot/raw_write", raw);
    add("hot/put_fresh/power", put, Durability::power, Keys::fresh);
    add("hot/put_known/power", put, Durability::power, Keys::known);
    add("hot/batch32/power", batch32, Durability::power);
    add("hot/put_if/power", put_if);
    add("hot/put_fresh/process", put, Durability::process, Keys::fresh);
    add("hot/put_known/process", put, Durability::process, Keys::known);
    add("hot/batch32/process", batch32, Durability::process);
    return true;
}();

}  // namespace

}  // namespace zverse::bench

int main(int argc, char** argv) { return zverse::bench::run_benchmarks(argc, argv); }
