// How a store is opened: every knob with its unit, default and limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse {

/// What a write has achieved when it returns. No store promises more than its medium: on tmpfs nothing survives power
/// loss, whatever the class.
enum class Durability {
    power,    ///< Survives power loss.
    process,  ///< Survives the death of the process at once, power loss after the next sync (SyncPolicy).
};

/// For Durability::process: when writes reach class power by themselves.
struct SyncPolicy {
    std::chrono::milliseconds every{5};  ///< Background sync interval; 0 = off. At most one hour.
    std::uint64_t every_writes = 0;      ///< And/or after this many writes; 0 = off.
};

/// Which ring takes a write.
enum class Sharding {
    by_core,  ///< The ring of the CPU that runs the writer; the fastest.
    by_key,   ///< The ring of the key's hash; all versions of a key in one ring (a batch: of its first key).
};

/// What history may be forgotten: what was superseded before either limit, unless a snapshot or a named pin holds it.
/// Neither set: every version is kept for ever. The floor moves in the background, about once a second, and concerns
/// what has settled in the cold tier; the newest version of every key is always kept.
struct Retention {
    std::optional<std::chrono::seconds> max_age;
    std::optional<std::uint64_t> max_versions_behind;
};

/// What of the settled versions is stored compressed, by zstd. What is there already stays as it is.
enum class Compression {
    none,     ///< Nothing: every read is of bytes as they lie on the medium, and every build can read them.
    history,  ///< Superseded versions that a merge, not a flush, writes; values above 4 KiB are not.
};

/// How gets and cursors read what has settled. Flushes, merges, the scrub and verify() read files anyway.
enum class ColdReads {
    /// Where it lies, in mappings of the files: the fastest. A page that left memory and that the medium fails to give
    /// again ends the process with SIGBUS; at the first look at anything that is the error io instead.
    mapped,
    /// By read calls into memory, a block at a time, checked each time: what the medium fails to give is always the
    /// error io. Costs two calls and a checksum for a get of a block that is in no cache, a file descriptor for each
    /// segment, and about 6 MiB of memory for each GiB that has settled.
    copied,
};

/// Something that happened in an open store, since it was last told of.
struct Event {
    enum class Kind {
        read_only,  ///< a sync failed, so writes are refused until the store is opened again
        damage,  ///< the scrub found damage in a segment
        move_failed,  ///< a flush or merge failed; it is tried again
        writers_delayed,  ///< writers are held back, because the rings fill faster than flushes empty them
        flushed,  ///< rings were flushed into segments
        merged,  ///< segments were merged
    };
    Kind kind{};
    std::uint64_t count = 0;  ///< how often; of writers_delayed the milliseconds, of all writers together
    std::string_view what;  ///< a sentence, with the reason where there is one; valid during the call
};

/// Options of Store::open(). Fields marked "fixed at creation" are remembered by the store; opening with
/// another non-zero value is invalid_argument.
struct Options {
    /// Create the store when the directory is missing or empty.
    bool create_if_missing = true;
    /// Fail with `exists` when a store is there already.
    bool error_if_exists = false;
    /// Change no byte; writes fail with `read_only`. A store that needs recovery is recovered in memory.
    bool read_only = false;

    /// What a write has achieved when it returns. May differ from open to open.
    Durability durability = Durability::power;
    SyncPolicy sync;

    /// Where rings live, one directory per device or NUMA node; empty: <store>/hot. At most 64.
    std::vector<std::filesystem::path> hot_paths;
    /// Bytes of each ring: a power of two, 1 MiB .. 64 GiB. 0: 64 MiB, or as created. Fixed at creation.
    std::uint64_t ring_bytes = 0;
    /// Number of rings, 1 .. 1024. 0: one per core, or as created. Fixed at creation.
    unsigned shards = 0;
    Sharding sharding = Sharding::by_core;
    /// Workers that flush and compact into the cold tier, at most 256. 0: one per NUMA node. Two threads
    /// of every store open for writing are not among them: for syncs and limits, and for sorting.
    unsigned workers = 0;
    /// How segments are written from now on; may differ from open to open. A build without libzstd refuses `history`
    /// with invalid_argument, and a store that has compressed segments with incompatible.
    Compression compression = Compression::none;
    /// The order of history in segments written from now on; may differ from open to open. Empty: each segment has the
    /// one that suits the histories, scans as of older versions and changes asked for lately. Else at most 48 letters:
    /// one bit each of a record's place, from the highest down, k of its key and v of its version. Leading v's stand
    /// once and the rest is repeated: "k" is by key, "v" by version, "vvk" by key in each quarter of the versions, "kv"
    /// alternates (the Z-order curve). Reads answer the same whatever the order; it decides what they cost.
    std::string curve;
    ColdReads cold_reads = ColdReads::mapped;  ///< May differ from open to open.
    Retention retention;

    /// Largest value accepted, in bytes. 0: what a frame holds (nearly a quarter of a ring, at most 4 GiB - 1).
    std::uint64_t value_bytes_max = 0;
    /// DRAM the engine may allocate for itself, in bytes. 0: a quarter of RAM, or what the rings need where that is
    /// more. At least 16 MiB; with larger rings more, and less is invalid_argument, which says how much: half of all
    /// rings for their sorted runs, up to 3/16 of them for the index, and for each of three moves at a time the largest
    /// value and 3 MiB, and a third of all that again. What is given beyond that makes merges larger and lets more of
    /// them go on at once. Mappings of files, rings and segments, are not counted: the system takes their memory back.
    /// Beside it a store takes 512 KiB for each GiB that has settled and 6 KiB for each segment, and cursors beyond
    /// four at work 1 MiB each, over changes up to 17 MiB while they sort.
    std::uint64_t memory_bytes_max = 0;
    /// Rate limit of background work, in bytes per second. 0: none.
    std::uint64_t background_bytes_per_second = 0;
    /// How long a write waits for space in the hot tier before it fails with `full`. At most one hour.
    std::chrono::milliseconds write_timeout{10'000};

    /// Told of events, within two seconds, by a thread of the store, and for the last time by close(). Not of a store
    /// opened read-only. It may read the store, but not write, wait or close: the syncs it would wait for are that
    /// thread's, so it should be short. What it throws is dropped. Empty: nobody is told.
    std::function<void(const Event&)> on_event;

    // Force a fallback, for tests and support. Empty: the best this machine has. Unknown or unavailable
    // names are invalid_argument, never ignored.
    std::string force_kernel;  ///< "avx512", "avx2", "neon", "scalar"
    std::string force_io;  ///< "uring", "posix"
    std::string force_granularity;  ///< "byte", "cache_line", "page"
};

}  // namespace zverse
