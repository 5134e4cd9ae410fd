// Question: what do the smallest steps cost: each kernel, each instruction that a put or a get is made of?
//
// Estimates: a tag match from L1 1 to 2 ns; 192 bytes flushed and fenced 150 ns, streamed 190, and 30 to 60 when 32
// share a fence; a flushed hot line 120 ns; a hash of 16 bytes 2 ns; an atomic read-modify-write 6.5 ns alone and 33
// with two threads on the line; pin and unpin under 2 ns with membarrier, 8 without.
#include <bench/bed.h>
#include <bench/records.h>
#include <hot/frame.h>
#include <hot/slot.h>
#include <platform/epoch.h>
#include <platform/flush_kernels.h>
#include <platform/kernels.h>
#include <platform/match_tags.h>
#include <platform/topology.h>

#include <algorithm>
#include <array>
#include <string>

namespace zverse::bench {

namespace {

constexpr std::size_t kLines = 256;  // 16 KiB: stays in the first-level cache

struct alignas(64) IndexLine {
    std::array<std::atomic<std::uint64_t>, 8> words;
};

/// The tag is at a random place of its line, as in an index.
void match_tags(benchmark::State& state) {
    std::vector<IndexLine> lines(kLines);
    test::Random random(61);
    std::array<std::uint64_t, kLines> tags;
    for (std::size_t i = 0; i < kLines; ++i) {
        for (auto& word : lines[i].words) word = (random.next() >> 1) | (std::uint64_t{1} << 48);
        lines[i].words[7] = 0;
        tags[i] = lines[i].words[random.below(7)].load() >> 48;
    }
    unsigned found = 0;
    while (state.KeepRunningBatch(kLines)) {
        for (std::size_t i = 0; i < kLines; ++i) found += platform::match_tags(lines[i].words.data(), tags[i]) != 0;
        benchmark::DoNotOptimize(found);
    }
    if (found != static_cast<unsigned>(state.iterations())) state.SkipWithError("a tag was not found");
    state.SetItemsProcessed(state.iterations());
}

void count_less(benchmark::State& state, const platform::Kernels& kernels) {
    std::array<std::uint64_t, 64> numbers;
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i * 1000;
    test::Random random(62);
    std::size_t sum = 0;
    for (auto _ : state) benchmark::DoNotOptimize(sum += kernels.count_less(numbers.data(), 64, random.below(64'000)));
    state.SetItemsProcessed(state.iterations());
}

/// A record of `bytes` to fresh lines of memory like a ring's: ordinary stores, flushed; `per_fence` records a fence.
void persist_stores(benchmark::State& state, platform::FlushKind kind, std::size_t bytes, std::int64_t per_fence) {
    auto memory = must(platform::AnonymousMemory::allocate(std::size_t{64} << 20));
    const platform::PersistDomain domain(platform::Granularity::cache_line, kind);
    const std::vector<std::byte> record(bytes, std::byte{1});
    std::byte* place = memory.bytes().data();
    std::byte* const end = place + memory.bytes().size() - bytes;
    while (state.KeepRunningBatch(per_fence)) {
        for (std::int64_t i = 0; i < per_fence; ++i) {
            std::memcpy(place, record.data(), record.size());
            domain.flush(place, bytes);
            place = place + bytes <= end ? place + bytes : memory.bytes().data();
        }
        domain.drain();
    }
    state.SetItemsProcessed(state.iterations());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

/// The same past the cache.
void persist_stream(benchmark::State& state, platform::CopyLines copy, std::size_t bytes, std::int64_t per_fence) {
    auto memory = must(platform::AnonymousMemory::allocate(std::size_t{64} << 20));
    const platform::PersistDomain domain(platform::Granularity::cache_line, platform::best_flush_kind());
    const std::vector<std::byte> record(bytes, std::byte{1});
    std::byte* place = memory.bytes().data();
    std::byte* const end = place + memory.bytes().size() - bytes;
    while (state.KeepRunningBatch(per_fence)) {
        for (std::int64_t i = 0; i < per_fence; ++i) {
            copy(place, record.data(), bytes);
            place = place + bytes <= end ? place + bytes : memory.bytes().data();
        }
        domain.drain();
    }
    state.SetItemsProcessed(state.iterations());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

/// Why nothing shared is flushed per write: the same line again and again.
void persist_hot_line(benchmark::State& state) {
    auto memory = must(platform::AnonymousMemory::allocate(4096));
    const platform::PersistDomain domain(platform::Granularity::cache_line, platform::best_flush_kind());
    std::atomic_ref word(*reinterpret_cast<std::uint64_t*>(memory.bytes().data()));
    std::uint64_t number = 0;
    for (auto _ : state) {
        word.store(++number, std::memory_order_relaxed);
        domain.persist(memory.bytes().data(), 8);
    }
}

void hash_key(benchmark::State& state) {
    const hot::Secret secret{1, 2};
    std::uint64_t number = 0;
    for (auto _ : state) benchmark::DoNotOptimize(hot::hash_key(secret, Key(++number).view()));
    state.SetItemsProcessed(state.iterations());
}

std::atomic<std::uint64_t> shared_clock{0};

void clock_increment(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(shared_clock.fetch_add(1, std::memory_order_acq_rel));
    state.SetItemsProcessed(state.iterations());
}

void stamp_exchange(benchmark::State& state) {
    std::uint64_t stamp = 0;
    std::atomic_ref word(stamp);
    for (auto _ : state) {
        std::uint64_t seen = word.load(std::memory_order_acquire);
        benchmark::DoNotOptimize(word.compare_exchange_strong(seen, seen + 1, std::memory_order_acq_rel));
    }
}

void slot_pin_unpin(benchmark::State& state) {
    hot::WriterSlots slots;
    hot::HotEpochs epochs(slots);
    for (auto _ : state) {
        hot::WriterSlot& slot = slots.mine();
        benchmark::DoNotOptimize(&slot);
        const hot::PinGuard pin(epochs, slot);
        benchmark::ClobberMemory();
    }
}

void current_cpu(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(platform::current_cpu());
}

/// Random lines of a gigabyte: each read behind the other, or as many at once as the CPU has room for.
template <bool kChained>
void read_line(benchmark::State& state) {
    auto memory = must(platform::AnonymousMemory::allocate(std::size_t{1} << 30));
    auto* words = reinterpret_cast<std::uint64_t*>(memory.bytes().data());
    const std::uint64_t lines = memory.bytes().size() / 64;
    test::Random random(63);
    for (std::uint64_t line = 0; line < lines; ++line) words[line * 8] = random.next();
    std::uint64_t sum = 0;  // of what was read: to hand out a reference to a word would not load it
    for (auto _ : state) {
        std::uint64_t next = random.next();
        if constexpr (kChained) next ^= sum;
        sum += words[((next >> 32) * lines >> 32) * 8];
    }
    benchmark::DoNotOptimize(sum);
}

void add_persistence() {
    using platform::FlushKind;
    for (const FlushKind kind :
         {FlushKind::clwb, FlushKind::clflushopt, FlushKind::clflush, FlushKind::dc_cvap, FlushKind::dc_civac}) {
        if (!platform::flush_kind_supported(kind)) continue;
        for (const std::int64_t per_fence : {1, 32}) {
            const std::string name =
                std::string("persist/192/") + to_string(kind) + "/fence_each_" + std::to_string(per_fence);
            benchmark::RegisterBenchmark(name.c_str(), persist_stores, kind, std::size_t{192}, per_fence);
        }
    }
    for (const char* level : {"avx512", "avx2", "sse2"}) {
        const platform::CopyLines copy = platform::streaming_copy_named(level);
        if (copy == nullptr) continue;
        for (const std::size_t bytes : {std::size_t{192}, std::size_t{4096}}) {
            for (const std::int64_t per_fence : {1, 32}) {
                const std::string name = "persist/" + std::to_string(bytes) + "/stream_" + level + "/fence_each_" +
                                         std::to_string(per_fence);
                benchmark::RegisterBenchmark(name.c_str(), persist_stream, copy, bytes, per_fence);
            }
        }
    }
    benchmark::RegisterBenchmark("persist/hot_line", persist_hot_line);
}

[[maybe_unused]] const bool registered = [] {
    for (const platform::Kernels& kernels : platform::all_kernels()) {
        if (!platform::kernel_level_supported(kernels.level)) continue;
        const std::string level = to_string(kernels.level);
        benchmark::RegisterBenchmark(("count_less/64/" + level).c_str(), count_less, kernels);
    }
    benchmark::RegisterBenchmark("match_tags", match_tags);
    add_persistence();
    benchmark::RegisterBenchmark("hash_key/16", hash_key);
    benchmark::RegisterBenchmark("clock_increment", clock_increment)->Threads(1)->Threads(2);
    benchmark::RegisterBenchmark("stamp_exchange", stamp_exchange);
    benchmark::RegisterBenchmark("slot_pin_unpin", slot_pin_unpin);
    benchmark::RegisterBenchmark("current_cpu", current_cpu);
    benchmark::RegisterBenchmark("read_line/chained", read_line<true>);
    benchmark::RegisterBenchmark("read_line/independent", read_line<false>);
    return true;
}();

}  // namespace

}  // namespace zverse::bench

int main(int argc, char** argv) { return zverse::bench::run_benchmarks(argc, argv); }
