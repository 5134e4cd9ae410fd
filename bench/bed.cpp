#include <bench/bed.h>
#include <bench/records.h>
#include <engine/store_access.h>
#include <platform/capabilities.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace zverse::bench {

namespace {

std::unique_ptr<Bed>& current() {
    static std::unique_ptr<Bed> bed;
    return bed;
}

bool same_files(const Shape& a, const Shape& b) {
    return a.ring_bytes == b.ring_bytes && a.shards == b.shards && a.granularity == b.granularity;
}

std::filesystem::path environment_or(const char* name, const std::filesystem::path& otherwise) {
    const char* chosen = std::getenv(name);
    return chosen != nullptr && *chosen != '\0' ? std::filesystem::path(chosen) : otherwise;
}

/// Fills a round: every key once, by batches, which is the fastest way. From one thread, so that all of it lies in the
/// ring of that thread's CPU.
void put_all(Store& store, std::uint64_t keys) {
    constexpr std::uint64_t kBatch = 64;
    WriteBatch batch;
    for (std::uint64_t number = 0; number < keys; ++number) {
        batch.put(Key(number).view(), Value(number).view());
        if (batch.size() == kBatch || number + 1 == keys) {
            must(store.write(batch));
            batch.clear();
        }
    }
}

/// Single puts, so that frames look as if they had been put one by one.
void put_each(Store& store, std::uint64_t keys) {
    Value value(0);
    for (std::uint64_t number = 0; number < keys; ++number) {
        value.set(number);
        must(store.put(Key(number).view(), value.view()));
    }
}

}  // namespace

std::filesystem::path memory_place() { return environment_or("ZVERSE_BENCH_DIR", "/dev/shm"); }
std::filesystem::path disk_place() {
    return environment_or("ZVERSE_BENCH_DISK_DIR", std::filesystem::temp_directory_path());
}

Bed& Bed::make(const std::filesystem::path& parent, const Shape& shape, const Contents& contents,
               std::uint64_t records) {
    std::unique_ptr<Bed>& bed = current();
    if (!bed || bed->directory_.parent_path() != parent || !same_files(bed->shape_, shape)) {
        bed.reset();  // before the next one takes its memory
        bed = std::make_unique<Bed>(parent, shape);
    } else if (bed->shape_.durability != shape.durability || bed->shape_.worker != shape.worker ||
               bed->shape_.sync.every != shape.sync.every) {
        must(bed->store_->close());
        bed->shape_ = shape;
        bed->open();
    }
    if (bed->contents_ != contents || !bed->has_room(records)) bed->refill(contents);
    if (!bed->has_room(records)) throw std::runtime_error("the rings are too small for this benchmark");
    return *bed;
}

void Bed::clear() { current().reset(); }

Bed::Bed(const std::filesystem::path& parent, const Shape& shape) : shape_(shape) {
    std::string pattern = (parent / "zverse-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
    }
    directory_ = pattern;
    try {
        open();
        raw_ = std::make_unique<RawProbe>(directory_ / "raw", shape.ring_bytes, shape.granularity);
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
        throw;
    }
}

Bed::~Bed() {
    store_.reset();
    raw_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void Bed::open() {
    Options options;
    options.durability = shape_.durability;
    options.sync = shape_.sync;
    options.ring_bytes = shape_.ring_bytes;
    options.shards = shape_.shards;
    options.force_granularity = shape_.granularity;
    options.write_timeout = std::chrono::milliseconds(1);  // a full ring is a mistake of the benchmark
    engine::Internals internals;
    internals.stepped_worker = shape_.worker == Worker::stepped;
    internals.flush_by_hand = true;  // what is measured here lies in the rings
    // The worker's threads inherit the policy of who opens, and must not hold up what is measured.
    std::optional<FairScheduling> fair;
    if (shape_.worker == Worker::free) fair.emplace();
    store_.emplace(must(engine::StoreAccess::open(directory_ / "store", options, internals)));
}

void Bed::crash_and_reopen() {
    engine::StoreAccess::abandon(*store_);
    store_.reset();
    open();
}

void Bed::refill(const Contents& contents) {
    contents_.reset();
    must(engine::StoreAccess::drain(*store_));
    round_ends_.clear();
    const OnCpu here(bench_cpu());
    for (unsigned round = 0; round < contents.rounds; ++round) {
        if (shape_.granularity == "cache_line") {
            put_each(*store_, contents.keys);
        } else {
            put_all(*store_, contents.keys);
        }
        round_ends_.push_back(store_->latest_version());
    }
    contents_ = contents;
}

bool Bed::has_room(std::uint64_t records) const {
    // Writers on one CPU fill one ring first, and a filler may take the rest of a lap.
    const Stats stats = store_->stats();
    double fullest = 0;
    for (unsigned shard = 0; shard < shape_.shards; ++shard) {
        const std::string ring = "zverse_ring_used_bytes{ring=\"" + std::to_string(shard) + "\"}";
        fullest = std::max(fullest, stats.value(ring).value_or(0));
    }
    return fullest + static_cast<double>(records * kFrameBytes) + (1 << 20) < static_cast<double>(shape_.ring_bytes);
}

void Bed::do_upkeep() {
    while (must(engine::StoreAccess::step(*store_))) {}
}

std::string Bed::label() const {
    std::string text = shape_.durability == Durability::power ? "class power" : "class process";
    const Stats stats = store_->stats();
    for (const Capability& row : stats.platform()) {
        if (row.name != "persistence of ring 0") continue;
        text += ", " + row.used;
        const bool emulated = !row.used.starts_with(row.found);
        text += emulated ? " EMULATED (the medium has " + row.found + ")" : "";
    }
    for (const Capability& row : stats.platform()) {
        if (row.name == "kernels") text += ", " + row.used;
    }
    return text + (shape_.worker == Worker::stepped ? ", worker stepped" : ", worker free");
}

int run_benchmarks(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    for (const Capability& row : platform::machine_capabilities()) {
        benchmark::AddCustomContext(row.name, row.used + (row.why_not.empty() ? "" : " (" + row.why_not + ")"));
    }
    int status = 0;
    try {
        benchmark::RunSpecifiedBenchmarks();
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "benchmark failed: %s\n", failure.what());
        status = 1;
    }
    Bed::clear();
    return status;
}

}  // namespace zverse::bench
