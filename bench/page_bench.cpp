// Question: what does a durable put cost on an ordinary disk, against the raw cost of one synced page?
//
// Estimate for ext4 on a cloud disk: pwrite and fdatasync of 4 KiB into written blocks 95 us, a journal commit 4 ms. A
// group commit is an msync per ring with dirty pages: one thread pays one of them per put, sixteen threads share it.
// And: one ring for all writes, or a ring per core synced together? page/group/* are ways to sync without the store.
#include <bench/bed.h>
#include <bench/page_groups.h>
#include <bench/records.h>
#include <platform/file_io.h>
#include <platform/topology.h>
#include <support/threads.h>

#include <array>
#include <memory>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kKeys = 10'000;
constexpr std::int64_t kPutsPerThread = 100;  // in one chunk
constexpr std::int64_t kChunks = 8;
constexpr std::int64_t kGroupChunks = 4;  // many shapes, and a steady median

/// One page after the other of a file of written zeros, each synced before the next.
class RawPages {
public:
    static constexpr std::uint64_t kFileBytes = std::uint64_t{16} << 20;
    static constexpr std::uint64_t kPage = 4096;
    static constexpr std::uint64_t kWrites = 50;

    explicit RawPages(const std::filesystem::path& path)
        : path_(path), io_(platform::make_posix_file_io()), file_(must(io_->create_zeroed(path, kFileBytes))) {}
    ~RawPages() { static_cast<void>(io_->remove(path_)); }
    RawPages(const RawPages&) = delete;
    RawPages& operator=(const RawPages&) = delete;

    /// Nanoseconds per page; the median, since single syncs take milliseconds now and then.
    [[nodiscard]] double run() {
        std::vector<double> ns;
        for (std::uint64_t i = 0; i < kWrites; ++i) {
            page_[0] = std::byte(++number_);
            const auto begin = Clock::now();
            must(file_->write(page_, number_ * kPage % kFileBytes));
            must(file_->sync());
            ns.push_back(seconds_since(begin) * 1e9);
        }
        return median(std::move(ns));
    }

private:
    std::filesystem::path path_;
    std::unique_ptr<platform::FileIo> io_;
    std::unique_ptr<platform::File> file_;
    std::array<std::byte, kPage> page_{};
    std::uint64_t number_ = 0;
};

Bed& bed_on_disk(Durability durability) {
    // No granularity is forced: what the disk has is what is measured.
    Bed& bed = Bed::make(disk_place(),
                         {.durability = durability,
                          .ring_bytes = std::uint64_t{64} << 20,
                          .granularity = "",
                          .sync = {.every = std::chrono::milliseconds(5)}},
                         {.keys = kKeys}, 16 * kPutsPerThread * kChunks);
    bed.spoil();
    return bed;
}

void raw(benchmark::State& state) {
    Bed& bed = bed_on_disk(Durability::power);
    state.SetLabel("pwrite and fdatasync of 4 KiB into written blocks; no store");
    RawPages pages(bed.directory() / "raw_pages");
    const RawCost cost = [&] { return pages.run(); };
    measure(state, cost, RawPages::kWrites, [&](std::int64_t) { static_cast<void>(cost()); });
}

void put_power(benchmark::State& state, std::int64_t threads) {
    Bed& bed = bed_on_disk(Durability::power);
    state.SetLabel(bed.label() + ", " + std::to_string(threads) + " threads");
    RawPages pages(bed.directory() / "raw_pages");
    const FairScheduling fair;
    Store& store = bed.store();
    const double syncs_before = store.stats().value("zverse_syncs_total").value_or(0);
    measure(
        state, [&] { return pages.run(); }, threads * kPutsPerThread,
        [&](std::int64_t) {
            test::run_threads(static_cast<std::size_t>(threads), [&](std::size_t thread) {
                test::Random random(70 + thread);
                Value value(0);
                for (std::int64_t i = 0; i < kPutsPerThread; ++i) {
                    const std::uint64_t number = pick(random, kKeys);
                    value.set(number);
                    must(store.put(Key(number).view(), value.view()));
                }
            });
        });
    const double syncs = store.stats().value("zverse_syncs_total").value_or(0) - syncs_before;
    state.counters["puts_per_sync"] = static_cast<double>(state.iterations()) / std::max(1.0, syncs);
}

void put_process(benchmark::State& state) {
    Bed& bed = bed_on_disk(Durability::process);
    state.SetLabel(bed.label() + ", synced every 5 ms");
    RawPages pages(bed.directory() / "raw_pages");
    const OnCpu here(bench_cpu());
    test::Random random(75);
    Value value(0);
    measure(
        state, [&] { return pages.run(); }, 1'000,
        [&](std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) {
                const std::uint64_t number = pick(random, kKeys);
                value.set(number);
                must(bed.store().put(Key(number).view(), value.view()));
            }
        });
}

struct GroupShape {
    const char* name;
    unsigned rings;
    SyncBy how;
};

/// Two rings: the writer's CPU chooses, as here. Sixteen: a ring per thread, as on a machine with a core for each.
constexpr std::array kGroupShapes{
    GroupShape{"one_ring/msync", 1, SyncBy::msync_each},
    GroupShape{"two_rings/msync", 2, SyncBy::msync_each},
    GroupShape{"sixteen_rings/msync", 16, SyncBy::msync_each},
    GroupShape{"two_rings/threads", 2, SyncBy::threads_together},
    GroupShape{"sixteen_rings/threads", 16, SyncBy::threads_together},
#if ZVERSE_HAVE_URING
    GroupShape{"one_ring/uring", 1, SyncBy::uring_together},
    GroupShape{"two_rings/uring", 2, SyncBy::uring_together},
    GroupShape{"sixteen_rings/uring", 16, SyncBy::uring_together},
#endif
};

void group(benchmark::State& state, const GroupShape& shape, std::int64_t threads) {
    Bed& bed = bed_on_disk(Durability::power);
    state.SetLabel("power, page, no store, " + std::to_string(threads) + " threads");
    RawPages pages(bed.directory() / "raw_pages");
    const FairScheduling fair;
    GroupedRings rings(bed.directory(), shape.rings, shape.how);
    measure(
        state, [&] { return pages.run(); }, threads * kPutsPerThread,
        [&](std::int64_t) {
            test::run_threads(static_cast<std::size_t>(threads), [&](std::size_t thread) {
                std::array<std::byte, GroupedRings::kRecordBytes> record{};
                for (std::int64_t i = 0; i < kPutsPerThread; ++i) {
                    record[0] = std::byte(i);
                    const auto core = static_cast<unsigned>(thread);
                    rings.put((shape.rings == 2 ? platform::current_cpu() : core) % shape.rings, record);
                }
            });
        });
    const auto groups = static_cast<double>(std::max<std::uint64_t>(1, rings.groups()));
    state.counters["puts_per_sync"] = static_cast<double>(state.iterations()) / groups;
    // The median beside the mean of the chunks: one journal commit of somebody else takes as long as forty syncs.
    state.counters["sync_ns"] = median(rings.sync_ns());
    state.counters["rings_per_sync"] = static_cast<double>(rings.synced_rings()) / groups;
}

[[maybe_unused]] const bool registered = [] {
    benchmark::RegisterBenchmark("page/raw", raw)->Iterations(4 * RawPages::kWrites)->UseManualTime();
    for (const std::int64_t threads : {1, 2, 16}) {
        benchmark::RegisterBenchmark(("page/put/power/threads_" + std::to_string(threads)).c_str(), put_power, threads)
            ->Iterations(kChunks * threads * kPutsPerThread)
            ->UseManualTime();
    }
    for (const GroupShape& shape : kGroupShapes) {
        for (const std::int64_t threads : {1, 2, 16}) {
            const std::string name = std::string("page/group/") + shape.name + "/threads_" + std::to_string(threads);
            benchmark::RegisterBenchmark(name.c_str(), group, shape, threads)
                ->Iterations(kGroupChunks * threads * kPutsPerThread)
                ->UseManualTime();
        }
    }
    benchmark::RegisterBenchmark("page/put/process", put_process)->Iterations(10'000)->UseManualTime();
    return true;
}();

}  // namespace

}  // namespace zverse::bench

int main(int argc, char** argv) { return zverse::bench::run_benchmarks(argc, argv); }
