// Question: what does a point read cost when all is in the rings, alone, in groups, and as of an older version?
//
// Estimate: a get is two misses (index line, frame) that overlap with the next get's, 70 to 120 ns; sixteen at once
// 30 to 60 ns each; a missing key one miss.
#include <bench/bed.h>
#include <bench/records.h>

#include <array>
#include <optional>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr unsigned kRounds = 8;
constexpr std::int64_t kChunk = 160'000;
constexpr std::int64_t kReads = 10 * kChunk;
constexpr std::int64_t kGroup = 16;

/// Nothing runs beside a read here: the worker is stepped until it has nothing left to do.
Bed& bed_for_reads(const Contents& contents) {
    Bed& bed = Bed::make(memory_place(), {.worker = Worker::stepped}, contents, 0);
    bed.do_upkeep();
    return bed;
}

/// By reference: to move each answer would take a good part of the CPU's window of instructions, see DrawnKeys.
void expect(const Result<bool>& answer, bool good) {
    if (!answer || *answer != good) [[unlikely]]
        throw std::runtime_error(answer ? "a read gave a wrong answer" : answer.error().message());
}

void expect(bool good) {
    if (!good) [[unlikely]]
        throw std::runtime_error("a read gave a wrong answer");
}

/// The floor itself: a table line and the record it names.
void raw_read(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel("a line of a table, then the 100 bytes it names; no store");
    const OnCpu here(bench_cpu());
    const RawCost cost = bed.raw_read();
    measure(state, cost, RawProbe::kReads, [&](std::int64_t) { static_cast<void>(cost()); });
}

/// The same, one after the other: how long two misses take.
void raw_get(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel("a line of a table, then the 100 bytes it names, then the next; no store");
    const OnCpu here(bench_cpu());
    const RawCost cost = bed.raw_get();
    measure(state, cost, RawProbe::kReads, [&](std::int64_t) { static_cast<void>(cost()); });
}

/// Independent ones again, by key in a hash index: what get_into() would take if a store were nothing else.
void raw_lookup(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel("a key in a hash index without versions, then the 100 bytes it names; no store");
    const OnCpu here(bench_cpu());
    const RawCost cost = bed.raw_lookup();
    measure(state, cost, RawProbe::kReads, [&](std::int64_t) { static_cast<void>(cost()); });
}

void get_into(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel(bed.label());
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(11);
    std::string value;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) expect(bed.store().get_into(drawn[i].view(), value), true);
        expect(Value::belongs(value, drawn[count - 1].number()));
    };
    measure(state, bed.raw_get(), kChunk, get_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

void visit(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel(bed.label() + ", zero copy, each value checked");
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(12);
    const auto visit_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            bool belongs = false;
            const auto look = [&](const Entry& entry) { belongs = Value::belongs(entry.value, drawn[i].number()); };
            expect(must(bed.store().visit(drawn[i].view(), look)) && belongs);
        }
    };
    measure(state, bed.raw_get(), kChunk, visit_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

void missing(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel(bed.label());
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(13);
    std::string value;
    const auto miss_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) expect(bed.store().get_into(drawn[i].view(), value), false);
    };
    measure(state, bed.raw_get(), kChunk, miss_all, [&](std::int64_t count) { drawn.draw(count, kKeys, kKeys); });
}

void multi_get16(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel(bed.label() + ", 16 keys each, per key");
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(14);
    std::array<std::string_view, kGroup> views;
    std::array<std::optional<std::string>, kGroup> values;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; i += kGroup) {
            for (std::int64_t k = 0; k < kGroup; ++k) views[std::size_t(k)] = drawn[i + k].view();
            must(bed.store().multi_get(views, values));
            expect(values[kGroup - 1] && Value::belongs(*values[kGroup - 1], drawn[i + kGroup - 1].number()));
        }
    };
    measure(state, bed.raw_read(), kChunk, get_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

void get_as_of8(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys / kRounds, .rounds = kRounds});
    state.SetLabel(bed.label() + ", 8 versions per key");
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(15);
    std::string value;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const Key& key = drawn[i];
            const Version version = bed.round_ends()[key.words[0] % kRounds];  // the key's bits are random enough
            expect(must(bed.store().get_into(key.view(), value, version)));
        }
    };
    measure(state, bed.raw_get(), kChunk, get_all, [&](std::int64_t count) { drawn.draw(count, kKeys / kRounds); });
}

void snapshot_and_get(benchmark::State& state) {
    Bed& bed = bed_for_reads({.keys = kKeys});
    state.SetLabel(bed.label());
    const OnCpu here(bench_cpu());
    DrawnKeys drawn(16);
    std::string value;
    const auto get_all = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const Snapshot snapshot = bed.store().snapshot();
            expect(must(bed.store().get_into(drawn[i].view(), value, snapshot.version())));
        }
    };
    measure(state, bed.raw_read(), kChunk, get_all, [&](std::int64_t count) { drawn.draw(count, kKeys); });
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const char* name, auto function) {
        benchmark::RegisterBenchmark(name, function)->Iterations(kReads)->UseManualTime();
    };
    add("hot/raw_read", raw_read);
    add("hot/raw_get", raw_get);
    add("hot/raw_lookup", raw_lookup);
    add("hot/get_into", get_into);
    add("hot/visit", visit);
    add("hot/get_missing", missing);
    add("hot/multi_get16", multi_get16);
    add("hot/snapshot_get", snapshot_and_get);
    add("hot/get_as_of8", get_as_of8);
    return true;
}();

}  // namespace

}  // namespace zverse::bench
