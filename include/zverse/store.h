// ZVerse: an embedded, versioned key-value store. Every write gets one version, and every read can name one.
//
//   auto store = zverse::Store::open("/srv/zv");
//   auto v1 = store->put("color", "red");
//   auto v2 = store->put("color", "blue");
//   store->get("color");         // "blue"
//   store->get("color", *v1);    // "red", for ever
//
// Rules that hold everywhere
//   Linearizable  once put returned, every later get sees it; once a get saw it, no later get misses it.
//   Stable        a read as of v <= latest_version() gives the same answer for ever, while v >= floor().
//   Atomic        all operations of a batch or transaction carry one version and appear together.
//   Honest        a read returns the stored bytes or an error. After a failed sync of the hot tier the store is
//                 read-only.
//   Errors        nothing throws, but what a visit() callback throws comes out of visit(); every call after close()
//                 returns `closed`. Without memory a call returns `full` and has done nothing; what can't return an
//                 Error says below what it does instead.
//   Threads       a Store may be used by any number of threads at once; a WriteBatch, Cursor or Transaction
//                 by one at a time.
#pragma once

#include <zverse/error.h>
#include <zverse/options.h>
#include <zverse/stats.h>
#include <zverse/types.h>
#include <zverse/verification.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace zverse {

namespace engine {
class Engine;
class CursorState;
class SnapshotState;
class TransactionState;
struct StoreAccess;
}  // namespace engine

/// Puts and erases that commit together, under one version. Keys and values are copied in. Of several
/// operations on one key the last wins. Limits (1 .. 65,535 bytes of key, 1,048,576 operations, a quarter of
/// a ring) are checked by Store::write(), not here; so is an operation that found no memory here (`full`, until
/// clear()). Cost: amortised appends to one buffer.
class WriteBatch {
public:
    void put(std::string_view key, std::string_view value);
    void erase(std::string_view key);
    void clear();
    /// Operations added, including those a later one overrides.
    [[nodiscard]] std::size_t size() const noexcept { return operations_.size(); }
    /// Bytes of keys and values added.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }

private:
    friend class engine::Engine;
    friend class engine::TransactionState;
    struct Operation {
        std::size_t offset;
        std::size_t key_bytes;
        std::size_t value_bytes;
        bool tombstone;
    };
    void add(std::string_view key, std::string_view value, bool tombstone) noexcept;

    std::string bytes_;
    std::vector<Operation> operations_;
    bool lost_operation_ = false;
};

/// Walks the entries of a scan, a history or a range of changes, as of the version that was the newest when
/// it was made (or the one named). Move-only. It holds no lock and no ring space and blocks nobody; its
/// version is pinned against the floor while it lives, and files that it reads settled entries from stay until it is
/// through with them. Once a move found no memory (`full`) all later ones fail.
class Cursor {
public:
    Cursor(Cursor&&) noexcept;
    Cursor& operator=(Cursor&&) noexcept;
    ~Cursor();

    /// Moves on; the first call moves to the first entry. False at the end. Cost: amortised O(log) per entry.
    [[nodiscard]] Result<bool> next();
    /// Scans only (else invalid_argument): onto the first entry at or after `key` (at or before it, when
    /// reversed), inside the range. True: entry() is it. Allowed after the end; counts towards the limit.
    [[nodiscard]] Result<bool> seek(std::string_view key);
    /// The current entry, valid until the next next() or seek(); files that it lies in stay until then.
    [[nodiscard]] const Entry& entry() const noexcept;

private:
    friend class engine::Engine;
    friend class engine::TransactionState;
    explicit Cursor(std::unique_ptr<engine::CursorState> state) noexcept;
    std::unique_ptr<engine::CursorState> state_;
};

/// Pins a version against the floor while it lives. Move-only, O(1), blocks nobody. Without memory for the pin it
/// names its version all the same: reads then may become version_too_old.
class Snapshot {
public:
    Snapshot(Snapshot&&) noexcept;
    Snapshot& operator=(Snapshot&&) noexcept;
    ~Snapshot();

    [[nodiscard]] Version version() const noexcept;

private:
    friend class engine::Engine;
    explicit Snapshot(std::unique_ptr<engine::SnapshotState> state) noexcept;
    explicit Snapshot(Version unpinned) noexcept;
    std::unique_ptr<engine::SnapshotState> state_;
    Version unpinned_ = 0;
};

/// Snapshot isolation, optimistic, first committer wins. Reads see the snapshot and the transaction's own
/// writes. Move-only; one thread at a time. The destructor rolls back. Without memory for it (its snapshot_version()
/// is 0), or for one of its writes, every call that returns a Result says `full`, commit() too.
class Transaction {
public:
    Transaction(Transaction&&) noexcept;
    Transaction& operator=(Transaction&&) noexcept;
    ~Transaction();

    [[nodiscard]] Version snapshot_version() const noexcept;
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key);
    /// Live keys of the snapshot with the transaction's own writes so far laid over it.
    [[nodiscard]] Result<Cursor> scan(const KeyRange& range, const ScanOptions& options = {});
    void put(std::string_view key, std::string_view value);
    void erase(std::string_view key);
    /// All writes under one version, or `conflict` (nothing applied) when a written key has a newer version
    /// than the snapshot. Without writes: the snapshot's version. A second commit is invalid_argument.
    [[nodiscard]] Result<Version> commit();
    void rollback();

private:
    friend class engine::Engine;
    explicit Transaction(std::unique_ptr<engine::TransactionState> state) noexcept;
    std::unique_ptr<engine::TransactionState> state_;
};

/// A store, open in this process. Move-only.
class Store {
public:
    /// Opens or creates the store in `dir`.
    ///
    /// Durability  creation is durable on return; every write acknowledged before a crash is there.
    /// Cost        recovery reads the rings at memory speed with all cores; creation writes them once.
    /// Errors      not_found, exists, invalid_argument (an option, named), locked, corrupt, incompatible, io, full.
    [[nodiscard]] static Result<Store> open(const std::filesystem::path& dir, const Options& options = {});

    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;
    ~Store();  ///< Closes too, and swallows the error.

    /// Refuses new calls, wakes waiters with `closed`, waits for writes in flight, and syncs; what is in the
    /// hot tier stays there.
    [[nodiscard]] Result<void> close();

    // ---- Writes. Any thread. On return visible to every later read, with the store's durability class.

    /// Stores a new version of `key`; older versions stay readable.
    ///
    /// @param key    1 .. 65,535 bytes, any bytes
    /// @param value  up to Options::value_bytes_max; copied
    /// @return       its version
    ///
    /// Cost    class power on pmem: one flush of its own lines and one fence; on a plain file one group commit.
    /// Errors  invalid_argument, full (after write_timeout; nothing applied), io, read_only, closed.
    [[nodiscard]] Result<Version> put(std::string_view key, std::string_view value);
    /// Stores a tombstone; erasing an absent key is fine and takes a version too. Otherwise as put().
    [[nodiscard]] Result<Version> erase(std::string_view key);
    /// All of the batch or nothing, under one version. An empty batch is invalid_argument. Otherwise as put().
    [[nodiscard]] Result<Version> write(const WriteBatch& batch);
    /// Puts only if the newest version of `key` is `expected`; 0 means absent or erased, and the version of a
    /// tombstone never matches. Otherwise `conflict`, with Error::version() the version found.
    [[nodiscard]] Result<Version> put_if(std::string_view key, std::string_view value, Version expected);

    // ---- Reads. Any thread; never wait for writers.

    /// The value of `key` as of a version, or nullopt when absent or erased.
    /// Errors  version_too_old, version_unknown, closed, and io or corrupt from the cold tier.
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key, Version as_of = kLatest) const;
    /// As get(), into a string that keeps its capacity. False when absent or erased: value empty, version 0.
    [[nodiscard]] Result<bool> get_into(std::string_view key, std::string& value, Version as_of = kLatest,
                                        Version* version = nullptr) const;
    /// Zero copy: calls on_entry(const Entry&) once, inside the store's memory; not called when absent or
    /// erased (false). A write inside the callback never waits (`full` at once); close() inside it is
    /// invalid_argument. A long callback delays reclaiming space for everybody.
    template <class F>
    [[nodiscard]] Result<bool> visit(std::string_view key, F&& on_entry, Version as_of = kLatest) const {
        using Callback = std::remove_reference_t<F>;
        return visit_erased(
            key, as_of, [](void* context, const Entry& entry) { (*static_cast<Callback*>(context))(entry); },
            const_cast<void*>(static_cast<const void*>(std::addressof(on_entry))));
    }
    /// values[i] = the value of keys[i]; all as of one version. Sizes must agree. The memory reads of the keys
    /// are in flight together, so 16 keys cost far less than 16 gets.
    [[nodiscard]] Result<void> multi_get(std::span<const std::string_view> keys,
                                         std::span<std::optional<std::string>> values, Version as_of = kLatest) const;

    /// Live keys of the range in key order.
    /// Errors of it and the next two, and of their cursors' next(): version_too_old below floor(), version_unknown,
    /// closed, full (memory), and io or corrupt from the cold tier.
    [[nodiscard]] Result<Cursor> scan(const KeyRange& range, Version as_of = kLatest,
                                      const ScanOptions& options = {}) const;
    /// Records of `key` in the range, tombstones too, newest first (reverse: oldest); up to floor() only the newest.
    [[nodiscard]] Result<Cursor> history(std::string_view key, VersionRange versions = {},
                                         const ScanOptions& options = {}) const;
    /// Every record with a version in the range and a key in `keys`, by version, then key; tombstones included. The
    /// range must begin at floor() or later, so once that moved the default is version_too_old.
    /// Of a range with more settled records than memory has places for, the first come in one pass over it. What comes
    /// behind them is sorted at once, in a file on the disk that nobody sees and that goes with the cursor; it takes as
    /// much space as those records. Without that space, or in a store opened read-only, each stretch is a pass.
    [[nodiscard]] Result<Cursor> changes(VersionRange versions, const KeyRange& keys = {},
                                         const ScanOptions& options = {}) const;

    /// The newest state, pinned: contains every write that returned before the call, and is stable.
    [[nodiscard]] Snapshot snapshot() const;
    [[nodiscard]] Transaction begin();

    // ---- Named pins: snapshots that survive. Any thread; one change at a time. Changes not inside a visit callback
    // (invalid_argument).

    /// Holds a version against the floor under a name, until unpin(), over restarts and power cuts.
    ///
    /// @param name     1 .. 255 bytes, any bytes; not in use
    /// @param version  kLatest: the newest version that reads can see
    /// @return         the version pinned
    ///
    /// Durability  on return the pin survives power loss, and so does every write up to its version.
    /// Cost        a sync of what is not durable up to the version, and a synced write of some hundred bytes.
    /// Errors      exists (the name is in use), version_too_old (Error::version() is the floor), version_unknown,
    ///             invalid_argument (the name), read_only, closed, io and full: not pinned, but after io and a crash it
    ///             may be.
    [[nodiscard]] Result<Version> pin(std::string_view name, Version version = kLatest);
    /// Lets a pin go; on return this survives power loss.
    /// Errors  not_found, invalid_argument (the name), read_only, closed, io and full: still pinned, but after io and a
    ///         crash it may not be.
    [[nodiscard]] Result<void> unpin(std::string_view name);
    /// All named pins and their versions, by name. Waits for nobody; also of a read-only store. Errors  closed.
    [[nodiscard]] Result<std::vector<std::pair<std::string, Version>>> pins() const;

    // ---- Versions.

    /// The newest version that reads can see. Never falls. 0 in a store without writes.
    [[nodiscard]] Version latest_version() const;
    /// Every version <= this survives power loss: the last sealed and synced point (without memory: the last known).
    [[nodiscard]] Version durable_version() const;
    /// The oldest version still answerable exactly (without memory to look: latest_version()).
    [[nodiscard]] Version floor() const;
    /// The newest version committed at or before `time`, to about one second; of what is more than nine hours old, to
    /// 1/32,768 of its age: a week ago to 18 s, a year ago to 16 minutes. Never one committed after `time`.
    /// version_too_old before the oldest time known.
    [[nodiscard]] Result<Version> version_at(std::chrono::system_clock::time_point time) const;

    /// On return durable_version() >= latest_version() at the call. A failed sync makes the store read-only.
    [[nodiscard]] Result<void> sync();
    /// Waits until durable_version() >= version; asks for a sync. version_unknown above latest_version().
    [[nodiscard]] Result<void> wait_durable(Version version);
    /// latest_version() once it is > after, or at the timeout (0 to 30 days, else the nearer one): the tail of
    /// changes().
    [[nodiscard]] Result<Version> wait_newer(Version after, std::chrono::milliseconds timeout) const;

    /// Moves what was written before the call from the hot tier into cold segments; waits for it. Workers do so by
    /// themselves when half of a ring is taken. Any thread. Not inside a visit callback (invalid_argument). Errors: io,
    /// full, read_only, corrupt, closed.
    [[nodiscard]] Result<void> flush();
    /// Flushes, then merges all that is settled into one run by key, and small histories into larger ones, and applies
    /// the retention; waits. Reads of the latest state then look into one segment, as-of reads into a few more (about
    /// the logarithm of the store's size, however often this is called). `range`: what must be compacted; what lies
    /// beside it may be, too. Cost: the newest record of every key is read and written; a superseded one again when
    /// what it lies in grows by half or more. Merges of what is written meanwhile go on. Any thread. Not inside a
    /// visit callback (invalid_argument). Errors: as flush().
    [[nodiscard]] Result<void> compact(const KeyRange& range = {});

    /// A store of its own in `dir`, with all that this one holds, while it goes on: flushes, then links the segments.
    ///
    /// @param dir  must not exist, or be an empty directory. Its rings lie in `dir`/hot
    ///
    /// Contents    every write that returned before the call, as of every version from floor() on; named pins, and the
    ///             times of version_at(). The copy's own writes take versions above those that this store has handed
    ///             out, and above about 2^20 more at least; what lies between is version_unknown there. Both stores
    ///             have one identity.
    /// Durability  on return it survives power loss. After a crash at any moment before, there is no store in `dir`, or
    ///             all of it; what is left of none is to be removed by hand.
    /// Cost        a flush; a hard link for each segment, or a copy where `dir` is on another file system; rings of the
    ///             same size, written once. Linked segments share their bytes on the medium, and damage to them.
    /// Errors      exists (`dir` holds something, or is no directory), invalid_argument (an empty path; inside a visit
    ///             callback), locked, full, io, corrupt, read_only, closed. Then no store is left in `dir`.
    [[nodiscard]] Result<void> checkpoint(const std::filesystem::path& dir) const;

    /// Reads and checks everything, while readers and writers go on: superblock, manifest, ring headers, every frame
    /// that was written before the call, every segment. Changes nothing.
    ///
    /// Cost    reads the whole store; memory for the index and the keys of one segment at a time. Files of segments
    ///         stay until it returns, so space that merges free meanwhile comes back late.
    /// Errors  closed (close() makes it end early), full (no memory), invalid_argument (inside a visit callback).
    ///         Damage is a finding, and so is a file that can't be read.
    [[nodiscard]] Result<Verification> verify() const;

    /// What the scrub has found since the store was opened, and how much it read: in the background it reads all
    /// segments again about once in two weeks, as verify() does, at most at an eighth of background_bytes_per_second.
    /// Findings of a segment go when a later look finds none, or when a merge has replaced it. Waits for nobody; of a
    /// read-only store there are none. Errors  closed, full (no memory).
    [[nodiscard]] Result<Verification> scrubbed() const;

    /// Counters, gauges and the platform report; empty without memory, or after close(). Cost: microseconds; stops
    /// nobody.
    [[nodiscard]] Stats stats() const;

private:
    friend struct engine::StoreAccess;
    explicit Store(std::shared_ptr<engine::Engine> engine) noexcept;
    [[nodiscard]] Result<bool> visit_erased(std::string_view key, Version as_of, void (*on_entry)(void*, const Entry&),
                                            void* context) const;
    std::shared_ptr<engine::Engine> engine_;
};

}  // namespace zverse
