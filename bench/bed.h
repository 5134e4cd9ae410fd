// Bed: the store that benchmarks lie in. One at a time, in a directory of its own; kept from benchmark to benchmark
// while its shape stays, refilled when a benchmark wants other contents or more room than is left.
#pragma once

#include <bench/measure.h>
#include <bench/raw_probe.h>
#include <zverse/store.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::bench {

enum class Worker { free, stepped };

struct Shape {
    Durability durability = Durability::power;
    Worker worker = Worker::free;
    std::uint64_t ring_bytes = std::uint64_t{512} << 20;
    unsigned shards = 2;
    std::string granularity = "cache_line";
    /// Background sync of class process; 0: off.
    SyncPolicy sync;
};

/// What a store is filled with: each key in each of `rounds` rounds, one version each time.
struct Contents {
    std::uint64_t keys = 0;
    unsigned rounds = 1;

    friend bool operator==(const Contents&, const Contents&) = default;
};

class Bed {
public:
    /// A bed of this shape with `contents` and nothing else, and room for `records` more. `parent`: where its directory
    /// is made; see memory_place() and disk_place().
    static Bed& make(const std::filesystem::path& parent, const Shape& shape, const Contents& contents,
                     std::uint64_t records);
    /// Closes and removes the current bed.
    static void clear();

    Bed(const std::filesystem::path& parent, const Shape& shape);
    ~Bed();
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;

    [[nodiscard]] Store& store() noexcept { return *store_; }
    /// The floor under a durable put, and under a get; see raw_probe.h.
    [[nodiscard]] RawCost raw() {
        return [this] { return raw_->write(); };
    }
    [[nodiscard]] RawCost raw_read() {
        return [this] { return raw_->read(); };
    }
    [[nodiscard]] RawCost raw_get() {
        return [this] { return raw_->get(); };
    }
    [[nodiscard]] RawCost raw_lookup() {
        return [this] { return raw_->lookup(); };
    }
    /// The latest version at the end of each round of the contents.
    [[nodiscard]] const std::vector<Version>& round_ends() const noexcept { return round_ends_; }
    /// To be called by benchmarks that write: the contents are not what they were.
    void spoil() noexcept { contents_.reset(); }
    /// Does all the upkeep there is (stepped worker).
    void do_upkeep();
    /// Leaves as a killed process would, and opens again; the figures of that recovery are in store().stats().
    void crash_and_reopen();
    /// Class, granularity and whether it is the medium's own, flush, worker.
    [[nodiscard]] std::string label() const;
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

private:
    void open();
    void refill(const Contents& contents);
    [[nodiscard]] bool has_room(std::uint64_t records) const;

    std::filesystem::path directory_;
    Shape shape_;
    std::optional<Store> store_;
    std::unique_ptr<RawProbe> raw_;
    std::optional<Contents> contents_;
    std::vector<Version> round_ends_;
};

/// $ZVERSE_BENCH_DIR, else /dev/shm.
[[nodiscard]] std::filesystem::path memory_place();
/// $ZVERSE_BENCH_DISK_DIR, else the system's temporary directory.
[[nodiscard]] std::filesystem::path disk_place();

/// Runs what the command line asks for; the exit status of main().
int run_benchmarks(int argc, char** argv);

}  // namespace zverse::bench
