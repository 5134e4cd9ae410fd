// Engine: the one face that all stores under comparison show to the benchmarks, ZVerse as one among them.
//
// Nouns
//   engine    an open store: one directory, one set of settings, which it tells in words
//   session   what one thread does with it; holds what a thread must own there (transactions, cursors, buffers)
//   promise   what an acknowledged write survives; every engine is opened with the cheapest means that keep it
//   moment    a name for the state after all writes that have returned, for reads as of it
//
// A benchmark can't go on without its store: what fails throws std::runtime_error with the engine's own sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::bench {

/// What a write that has returned survives.
enum class Promise {
    power,    ///< Loss of power, if the medium keeps what was synced or flushed to it.
    process,  ///< Death of the process.
};
[[nodiscard]] std::string_view to_string(Promise promise) noexcept;

/// How an engine is opened. Every engine gets the same memory and makes of it what its manual advises.
struct EngineSetup {
    std::filesystem::path directory;  ///< the engine's own; made if it is not there
    Promise promise = Promise::power;
    std::uint64_t records = 0;        ///< expected, each of about record_bytes
    std::uint64_t record_bytes = 0;   ///< key and value
    std::uint64_t cache_bytes = std::uint64_t{1} << 30;  ///< for caches and write buffers, where there are such
    unsigned threads = 1;             ///< sessions at once
    bool versions = false;            ///< reads as of a moment will be asked for, so old versions must be kept
    std::uint64_t writes_behind = 0;  ///< with `versions`: those of moments more writes ago need not; 0: all must
    std::string force_granularity;    ///< of ZVerse: "cache_line" where pmem is emulated; else empty
};

struct Abilities {
    bool scan = true;
    bool as_of = false;    ///< reads of older moments, with `versions` in the setup
    bool history = false;  ///< all versions of a key
    bool changes = false;  ///< what was written between two moments
    bool snapshots = false;  ///< get_in_snapshot()
    bool forgets = false;    ///< old versions go on their own by `writes_behind`
};

/// Where scans put what they find, in order. The views end with the call.
class EntrySink {
public:
    EntrySink() = default;
    EntrySink(const EntrySink&) = delete;
    EntrySink& operator=(const EntrySink&) = delete;
    virtual void take(std::string_view key, std::string_view value) = 0;

protected:
    ~EntrySink() = default;
};

struct Record {
    std::string_view key, value;
};

/// Opaque, and greater for later states.
using Moment = std::uint64_t;

class Session {
public:
    Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    virtual ~Session() = default;

    // ---- Writes keep the promise of the setup when they return.
    virtual void put(std::string_view key, std::string_view value) = 0;
    virtual void erase(std::string_view key) = 0;
    /// All or nothing.
    virtual void write(std::span<const Record> batch) = 0;

    // ---- Reads see every write that returned before.
    /// False: there is none, and `value` may be anything.
    [[nodiscard]] virtual bool get(std::string_view key, std::string& value) = 0;
    /// One by one, unless the engine has something better.
    virtual void multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values);
    /// The first `count` entries with keys >= `begin`; returns how many there were.
    virtual std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink);

    /// A snapshot is taken, one key read in it, and the snapshot let go. Only with Abilities::snapshots.
    [[nodiscard]] virtual bool get_in_snapshot(std::string_view key, std::string& value);

    // ---- Old states. Only what the abilities name; the others throw. An erasure is a version with an empty value.
    [[nodiscard]] virtual Moment now();
    [[nodiscard]] virtual bool get_as_of(std::string_view key, Moment moment, std::string& value);
    virtual std::uint64_t scan_as_of(std::string_view begin, std::uint64_t count, Moment moment, EntrySink& sink);
    /// All versions of a key, newest first; returns how many.
    virtual std::uint64_t history(std::string_view key, EntrySink& sink);
    /// What was put or erased after one moment and not after the other, every version, in any order; returns how many.
    virtual std::uint64_t changes(Moment after, Moment upto, EntrySink& sink);
};

class Engine {
public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    /// Closes.
    virtual ~Engine() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Its release, and what was set other than its defaults, and why: for a reader who knows the engine.
    [[nodiscard]] virtual std::string settings() const = 0;
    [[nodiscard]] virtual Abilities abilities() const noexcept = 0;
    /// For the calling thread alone. Goes before the engine does.
    [[nodiscard]] virtual std::unique_ptr<Session> session() = 0;
    /// Brings it into the form that is best to read: everything flushed, merged and compacted. Waits for that.
    virtual void settle() = 0;
    /// Bytes written to data files since opening, not to logs or rings, by its own counters; nothing where it has none.
    [[nodiscard]] virtual std::optional<std::uint64_t> bytes_written() const { return std::nullopt; }
};

/// An engine this build knows.
struct EngineKind {
    std::string_view name;  ///< as the command line has it: "zverse", "rocksdb"
    std::unique_ptr<Engine> (*open)(const EngineSetup&);
};
/// ZVerse first, then the peers this build was made with.
[[nodiscard]] std::span<const EngineKind> engine_kinds() noexcept;
/// Throws std::runtime_error naming those there are when there is none of that name.
[[nodiscard]] const EngineKind& engine_kind(std::string_view name);

}  // namespace zverse::bench
