// ZVerse for C, and for every language that can call C. The same store as <zverse/store.h>, whose rules hold here too
// (linearizable, stable, atomic, honest); docs/c-api.md says how long what is declared here stays as it is.
//
//   zverse_store* store;
//   zverse_error* error;
//   if (zverse_open("/srv/zv", NULL, &store, &error) != ZVERSE_OK) {
//       fprintf(stderr, "%s\n", error->message);
//       zverse_error_free(error);
//   }
//
// Errors    Every call that can fail returns ZVERSE_OK or one of the codes below. Its last parameter says more: where
//           it is not NULL, it is set by every call, to NULL or to an error that the caller frees. Being a value in
//           the caller's hand, it can't be overwritten by another call, nor be lost when a coroutine changes threads.
//           Nothing throws, prints or exits. NULL where something is needed, a size or a flag that can't be meant, is
//           ZVERSE_INVALID_ARGUMENT. Any call may fail with ZVERSE_FULL where there is no memory for it; it has then
//           done nothing. Reads, writes and whatever waits fail with ZVERSE_CLOSED once the store is closed; snapshots
//           and transactions can still be made, and their reads and commits fail so.
// Outputs   Parameters behind the inputs that are pointers to something not const. Unless said otherwise they are set
//           to NULL or 0 by a call that fails, and NULL is allowed for those marked optional.
//           The array of zverse_multi_get stays as it is where an argument is refused.
// Bytes     Keys, values and names are a pointer and a number of bytes; NULL with 0 bytes is empty. They are copied.
//           A key has 1 to 65,535 bytes, any bytes, ordered by unsigned memcmp; a value nearly a quarter of a ring,
//           4 GiB - 1 at most. Paths are strings that end in a zero byte.
// Memory    What a call hands out is freed by the function that its comment names, never by free(). Freeing NULL does
//           nothing. Cursors, snapshots and transactions may be freed after their store.
// Threads   A store may be used by any number of threads at once, but by none while or after it is freed; a batch,
//           cursor or transaction by one thread at a time. After fork() nothing of it may be used in the child.
// Structs   Those that the caller fills begin with their own size, those that the library fills lie in its memory.
//           Both may grow at their end: never compute with sizeof what the library handed out.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ZVERSE_API __attribute__((visibility("default")))
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define ZVERSE_FALLIBLE [[nodiscard]] ZVERSE_API
#else
#define ZVERSE_FALLIBLE ZVERSE_API
#endif

/// Rises by one whenever something is added to this file.
#define ZVERSE_ABI 1

#ifdef __cplusplus
extern "C" {
#endif

// ---- The library.

/// "0.1.0". Never NULL; lives for ever.
ZVERSE_API const char* zverse_version(void);
/// ZVERSE_ABI as it was when the library was built: at least a program's own, or the library may lack what it calls.
ZVERSE_API uint32_t zverse_abi(void);

// ---- Errors.

/// What a call returns. The numbers never change; later versions may add to them.
enum zverse_code {
    ZVERSE_OK = 0,
    ZVERSE_INVALID_ARGUMENT = 1,  ///< The caller's mistake; the message names the argument and its limit.
    ZVERSE_NOT_FOUND = 2,         ///< No store there and create_if_missing is off; unknown pin.
    ZVERSE_EXISTS = 3,            ///< error_if_exists is on and a store is there; pin name in use.
    ZVERSE_VERSION_TOO_OLD = 4,   ///< Below the floor, which is the error's version.
    ZVERSE_VERSION_UNKNOWN = 5,   ///< Above the latest version, or in a window lost to a power cut (class process).
    ZVERSE_CONFLICT = 6,          ///< A transaction or put_if lost; the error's version is the version found.
    ZVERSE_FULL = 7,              ///< No space, or no memory; nothing was applied.
    ZVERSE_IO = 8,                ///< The operating system failed: os_errno; a write's outcome is unknown.
    ZVERSE_CORRUPT = 9,           ///< A checksum, magic or cross-check failed; file and offset are in the message.
    ZVERSE_INCOMPATIBLE = 10,     ///< A format version or feature bits that this build can't read.
    ZVERSE_LOCKED = 11,           ///< The store is open elsewhere.
    ZVERSE_READ_ONLY = 12,  ///< Opened so, or fell back to it after a failed sync; the reason is in the message.
    ZVERSE_CLOSED = 13  ///< The store was closed.
};

/// A failed call, made by the library.
typedef struct zverse_error {
    int code;  ///< What the call returned.
    int os_errno;  ///< errno of the failed system call, or 0.
    uint64_t version;  ///< The floor for ZVERSE_VERSION_TOO_OLD, the version found for ZVERSE_CONFLICT, else 0.
    const char* message;  ///< One full sentence, outermost context last. Never NULL.
} zverse_error;

ZVERSE_API void zverse_error_free(zverse_error* error);
/// "invalid_argument", "not_found", ...; "ok" for ZVERSE_OK, "unknown" for what is no code. Lives for ever.
ZVERSE_API const char* zverse_code_name(int code);
/// Frees what zverse_get, zverse_multi_get, zverse_transaction_get and zverse_stats handed out.
ZVERSE_API void zverse_free(void* memory);

// ---- Opening and closing.

typedef struct zverse_store zverse_store;

/// As an as-of version: the newest state, resolved when the call is made.
#define ZVERSE_LATEST UINT64_MAX
/// In zverse_options: no such limit.
#define ZVERSE_NO_LIMIT UINT64_MAX

enum zverse_durability { ZVERSE_POWER = 0, ZVERSE_PROCESS = 1 };
enum zverse_sharding { ZVERSE_BY_CORE = 0, ZVERSE_BY_KEY = 1 };
enum zverse_compression { ZVERSE_COMPRESS_NONE = 0, ZVERSE_COMPRESS_HISTORY = 1 };
enum zverse_cold_reads { ZVERSE_MAPPED = 0, ZVERSE_COPIED = 1 };

/// How a store is opened; <zverse/options.h> says more about each. Filled by zverse_options_init, then changed. A
/// member that an older library does not know must be zero for it.
typedef struct zverse_options {
    size_t struct_bytes;  ///< set by zverse_options_init
    uint32_t create_if_missing;  ///< 0 or 1; 1
    uint32_t error_if_exists;  ///< 0 or 1; 0
    uint32_t read_only;  ///< 0 or 1; 0
    uint32_t durability;  ///< zverse_durability: what a write survives when it returns; ZVERSE_POWER
    uint64_t sync_every_ms;  ///< ZVERSE_PROCESS: milliseconds between syncs, at most one hour; 5
    uint64_t sync_every_writes;  ///< ZVERSE_PROCESS: and after so many writes; 0: not
    const char* const* hot_paths;  ///< folders for rings, one per device or NUMA node; NULL: <store>/hot
    size_t hot_paths_count;  ///< 0 .. 64; 0
    uint64_t ring_bytes;  ///< of each ring, power of two, 1 MiB .. 64 GiB; 0: 64 MiB, or as created
    uint32_t shards;  ///< rings, 1 .. 1024; 0: one per core, or as created
    uint32_t sharding;  ///< zverse_sharding: which ring takes a write; ZVERSE_BY_CORE
    uint32_t workers;  ///< that flush and compact, at most 256; 0: one per NUMA node
    uint32_t compression;  ///< zverse_compression of settled versions; ZVERSE_COMPRESS_NONE
    const char* curve;  ///< order of history in segments, at most 48 letters k and v; NULL: chosen
    uint32_t cold_reads;  ///< zverse_cold_reads: how settled bytes are read; ZVERSE_MAPPED
    uint32_t reserved;  ///< 0
    uint64_t retention_max_age_s;  ///< history older than so many seconds may go; ZVERSE_NO_LIMIT
    uint64_t retention_max_versions_behind;  ///< and what lies so many versions behind; ZVERSE_NO_LIMIT
    uint64_t value_bytes_max;  ///< largest value accepted; 0: what a frame holds
    uint64_t memory_bytes_max;  ///< of the engine's own memory, at least 16 MiB; 0: a quarter of RAM
    uint64_t background_bytes_per_second;  ///< limit of background work; 0: none
    uint64_t write_timeout_ms;  ///< how long a write waits for space, at most one hour; 10,000
    const char* force_kernel;  ///< "avx512", "avx2", "neon", "scalar"; NULL: the best there is
    const char* force_io;  ///< "uring", "posix"; NULL: the best there is
    const char* force_granularity;  ///< "byte", "cache_line", "page"; NULL: what the medium has
} zverse_options;

/// Sets all members to the defaults above. `struct_bytes` is sizeof(zverse_options).
ZVERSE_FALLIBLE int zverse_options_init(zverse_options* options, size_t struct_bytes, zverse_error** error);

/// Opens or creates the store in the folder `path`; to be freed by zverse_store_free.
///
/// @param options  NULL: the defaults. Read only while the call lasts
///
/// Durability  creation is durable on return; every write acknowledged before a crash is there.
/// Cost        recovery reads the rings at memory speed with all cores; creation writes them once.
/// Errors      not_found, exists, invalid_argument (an option, named), locked, corrupt, incompatible, io, full.
ZVERSE_FALLIBLE int zverse_open(const char* path, const zverse_options* options, zverse_store** store,
                                zverse_error** error);
/// Refuses new calls, wakes waiters with ZVERSE_CLOSED, waits for writes in flight, and syncs. The handle stays and is
/// to be freed. Not inside a visitor (invalid_argument). A second close is ZVERSE_CLOSED.
ZVERSE_FALLIBLE int zverse_close(zverse_store* store, zverse_error** error);
/// Frees the handle; closes first what is still open, and swallows the error of that. Not inside a visitor.
ZVERSE_API void zverse_store_free(zverse_store* store);

// ---- Writes. On return visible to every later read, with the store's durability class. `version` is optional.
//      Errors of all: invalid_argument, full (after write_timeout_ms; nothing applied), io, read_only, closed.

/// Stores a new version of the key; older versions stay readable.
ZVERSE_FALLIBLE int zverse_put(zverse_store* store, const void* key, size_t key_bytes, const void* value,
                               size_t value_bytes, uint64_t* version, zverse_error** error);
/// Stores a tombstone; erasing an absent key is fine and takes a version too.
ZVERSE_FALLIBLE int zverse_erase(zverse_store* store, const void* key, size_t key_bytes, uint64_t* version,
                                 zverse_error** error);
/// Puts only if the newest version of the key is `expected`; 0 means absent or erased, and the version of a tombstone
/// never matches. Else ZVERSE_CONFLICT, and the error's version is the one found.
ZVERSE_FALLIBLE int zverse_put_if(zverse_store* store, const void* key, size_t key_bytes, const void* value,
                                  size_t value_bytes, uint64_t expected, uint64_t* version, zverse_error** error);

/// Puts and erases that commit together. Of several operations on one key the last wins.
typedef struct zverse_batch zverse_batch;

/// An empty batch, of no store in particular; to be freed by zverse_batch_free.
ZVERSE_FALLIBLE int zverse_batch_new(zverse_batch** batch, zverse_error** error);
ZVERSE_FALLIBLE int zverse_batch_put(zverse_batch* batch, const void* key, size_t key_bytes, const void* value,
                                     size_t value_bytes, zverse_error** error);
ZVERSE_FALLIBLE int zverse_batch_erase(zverse_batch* batch, const void* key, size_t key_bytes, zverse_error** error);
/// Operations added, and bytes of their keys and values. Both are optional; 0 of NULL.
ZVERSE_API void zverse_batch_size(const zverse_batch* batch, size_t* operations, size_t* bytes);
/// Empties it for the next use.
ZVERSE_API void zverse_batch_clear(zverse_batch* batch);
ZVERSE_API void zverse_batch_free(zverse_batch* batch);
/// All of the batch or nothing, under one version. At most 1,048,576 operations and a quarter of a ring, and not empty
/// (else invalid_argument). The batch stays as it is.
ZVERSE_FALLIBLE int zverse_write(zverse_store* store, const zverse_batch* batch, uint64_t* version,
                                 zverse_error** error);

// ---- Reads. They never wait for writers. `as_of` is a version, or ZVERSE_LATEST.
//      Errors of all: version_too_old, version_unknown, closed, and io or corrupt from the cold tier.

/// One record: a key's value, or its tombstone, at one version. Made by the library; who gets one may read it until
/// the moment that is said there.
typedef struct zverse_entry {
    const char* key;  ///< never NULL
    size_t key_bytes;
    const char* value;  ///< never NULL; empty of a tombstone
    size_t value_bytes;
    uint64_t version;
    int tombstone;  ///< 0 or 1
} zverse_entry;

/// Bytes somewhere, for arrays of them.
typedef struct zverse_bytes {
    const void* data;
    size_t bytes;
} zverse_bytes;

/// Looks at a record inside the store's memory, which is there until it returns. It must return: no throw, no longjmp.
typedef void (*zverse_visitor)(void* context, const zverse_entry* entry);

/// A copy of the value, with a zero byte behind it that does not count; to be freed by zverse_free. Absent or erased:
/// ZVERSE_OK, *value is NULL and *version 0. `value_bytes` and `version` are optional.
ZVERSE_FALLIBLE int zverse_get(const zverse_store* store, const void* key, size_t key_bytes, uint64_t as_of,
                               char** value, size_t* value_bytes, uint64_t* version, zverse_error** error);
/// As zverse_get, into a buffer of the caller. *value_bytes is the value's size; where that is more than
/// `buffer_bytes`, the call is invalid_argument, the buffer is as it was, and *value_bytes and *version tell all the
/// same. Absent or erased: *version is 0.
ZVERSE_FALLIBLE int zverse_get_into(const zverse_store* store, const void* key, size_t key_bytes, uint64_t as_of,
                                    void* buffer, size_t buffer_bytes, size_t* value_bytes, uint64_t* version,
                                    zverse_error** error);
/// Zero copy: calls the visitor once, inside the store's memory; not where the key is absent or erased. *found
/// (optional) is 1 or 0. A write inside the visitor never waits (`full` at once); flush, compact, checkpoint, verify,
/// pin, unpin and close inside it are invalid_argument. A long one delays reclaiming space for everybody.
ZVERSE_FALLIBLE int zverse_visit(const zverse_store* store, const void* key, size_t key_bytes, uint64_t as_of,
                                 zverse_visitor visitor, void* context, int* found, zverse_error** error);
/// values[i] = the value of keys[i], all as of one version, in one piece of memory that zverse_free(*memory) frees.
/// values[i].data is NULL where the key is absent or erased, and only there. At most 1,048,576 keys. 16 keys cost far
/// less than 16 gets.
ZVERSE_FALLIBLE int zverse_multi_get(const zverse_store* store, const zverse_bytes* keys, size_t count, uint64_t as_of,
                                     zverse_bytes* values, void** memory, zverse_error** error);

// ---- Cursors.

enum zverse_query_flags {
    ZVERSE_REVERSE = 1,  ///< from the upper end of the range downwards
    ZVERSE_KEYS_ONLY = 2,  ///< values are left empty
    ZVERSE_PREFIX = 4  ///< every key that begins with `begin`; `end` must be empty
};

/// What a cursor walks over. ZVERSE_QUERY_INIT, and NULL where a query is asked for, is everything.
typedef struct zverse_query {
    size_t struct_bytes;
    const void* begin;  ///< keys at or after it. Equal bounds hold nothing; reversed ones are invalid_argument
    size_t begin_bytes;
    const void* end;  ///< keys before it; empty: no upper bound
    size_t end_bytes;
    uint64_t after;  ///< versions above it
    uint64_t upto;  ///< versions up to it; of a scan, the version it is as of
    uint64_t limit;  ///< at most so many entries; 0: all
    uint32_t flags;  ///< of zverse_query_flags
    uint32_t reserved;
} zverse_query;

#define ZVERSE_QUERY_INIT {sizeof(zverse_query), NULL, 0, NULL, 0, 0, ZVERSE_LATEST, 0, 0, 0}

/// Walks entries. It holds no lock and blocks nobody; its version is pinned against the floor while it lives. Made by
/// the calls below; to be freed by zverse_cursor_free. Once a move found no memory (ZVERSE_FULL) all later ones fail.
typedef struct zverse_cursor zverse_cursor;

/// Live keys of the range in key order, as of `upto`. `after` must be 0.
ZVERSE_FALLIBLE int zverse_scan(const zverse_store* store, const zverse_query* query, zverse_cursor** cursor,
                                zverse_error** error);
/// Records of one key with versions in (after, upto], tombstones too, newest first (ZVERSE_REVERSE: oldest). The query
/// has no range of keys.
ZVERSE_FALLIBLE int zverse_history(const zverse_store* store, const void* key, size_t key_bytes,
                                   const zverse_query* query, zverse_cursor** cursor, zverse_error** error);
/// Every record in (after, upto] and the range of keys, by version, then key; tombstones too. `after` must be at or
/// above zverse_floor (version_too_old).
ZVERSE_FALLIBLE int zverse_changes(const zverse_store* store, const zverse_query* query, zverse_cursor** cursor,
                                   zverse_error** error);
/// Moves on; the first call moves to the first entry. *entry is NULL at the end, else valid until the cursor moves
/// again or is freed.
ZVERSE_FALLIBLE int zverse_cursor_next(zverse_cursor* cursor, const zverse_entry** entry, zverse_error** error);
/// Scans only (else invalid_argument): onto the first entry at or after the key (at or before it, when reversed),
/// inside the range; an empty key is before all others. Allowed after the end; counts towards the limit.
ZVERSE_FALLIBLE int zverse_cursor_seek(zverse_cursor* cursor, const void* key, size_t key_bytes,
                                       const zverse_entry** entry, zverse_error** error);
ZVERSE_API void zverse_cursor_free(zverse_cursor* cursor);

// ---- Snapshots and named pins.

/// Pins a version against the floor while it lives. O(1), blocks nobody.
typedef struct zverse_snapshot zverse_snapshot;

/// The newest state: every write that returned before the call. Read it as of zverse_snapshot_version. To be freed by
/// zverse_snapshot_free. Without memory for the pin it names its version all the same.
ZVERSE_FALLIBLE int zverse_snapshot_new(const zverse_store* store, zverse_snapshot** snapshot, zverse_error** error);
/// 0 of NULL.
ZVERSE_API uint64_t zverse_snapshot_version(const zverse_snapshot* snapshot);
ZVERSE_API void zverse_snapshot_free(zverse_snapshot* snapshot);

/// Holds a version against the floor under a name, until zverse_unpin, over restarts and power cuts. The name has 1 to
/// 255 bytes. `version` may be ZVERSE_LATEST; *pinned (optional) is the one that was pinned.
///
/// Durability  on return the pin survives power loss, and so does every write up to its version.
/// Errors      exists, version_too_old, version_unknown, invalid_argument, read_only, closed, io, full.
ZVERSE_FALLIBLE int zverse_pin(zverse_store* store, const void* name, size_t name_bytes, uint64_t version,
                               uint64_t* pinned, zverse_error** error);
/// Lets a pin go; on return this survives power loss. Errors: not_found, and as zverse_pin.
ZVERSE_FALLIBLE int zverse_unpin(zverse_store* store, const void* name, size_t name_bytes, zverse_error** error);
/// All named pins, by name, as they are now: the entries' keys are the names, their values empty.
ZVERSE_FALLIBLE int zverse_pins(const zverse_store* store, zverse_cursor** cursor, zverse_error** error);

// ---- Transactions.

/// Snapshot isolation, optimistic, first committer wins. Reads see the snapshot and the transaction's own writes.
typedef struct zverse_transaction zverse_transaction;

/// To be freed by zverse_transaction_free. One that there was no memory for may be made all the same: its version is 0,
/// its reads and its commit say ZVERSE_FULL.
ZVERSE_FALLIBLE int zverse_begin(zverse_store* store, zverse_transaction** transaction, zverse_error** error);
/// The version that it reads as of; 0 of NULL.
ZVERSE_API uint64_t zverse_transaction_version(const zverse_transaction* transaction);
/// As zverse_get; own writes have no version yet, so none is told.
ZVERSE_FALLIBLE int zverse_transaction_get(zverse_transaction* transaction, const void* key, size_t key_bytes,
                                           char** value, size_t* value_bytes, zverse_error** error);
/// As zverse_scan of the snapshot, with the writes so far laid over it; `upto` must be ZVERSE_LATEST.
ZVERSE_FALLIBLE int zverse_transaction_scan(zverse_transaction* transaction, const zverse_query* query,
                                            zverse_cursor** cursor, zverse_error** error);
/// Noted until the commit, which is where limits of the store are checked, and where it is told when there was no
/// memory to note it. Behind a commit it does nothing.
ZVERSE_FALLIBLE int zverse_transaction_put(zverse_transaction* transaction, const void* key, size_t key_bytes,
                                           const void* value, size_t value_bytes, zverse_error** error);
ZVERSE_FALLIBLE int zverse_transaction_erase(zverse_transaction* transaction, const void* key, size_t key_bytes,
                                             zverse_error** error);
/// All writes under one version, or ZVERSE_CONFLICT (nothing applied) when a written key has a newer version than the
/// snapshot. Without writes *version (optional) is the snapshot's. A second commit is invalid_argument. The handle
/// stays and is to be freed.
ZVERSE_FALLIBLE int zverse_transaction_commit(zverse_transaction* transaction, uint64_t* version, zverse_error** error);
/// Rolls back what was not committed.
ZVERSE_API void zverse_transaction_free(zverse_transaction* transaction);

// ---- Versions.

/// The newest version that reads can see. Never falls. 0 in a store without writes, and of NULL.
ZVERSE_API uint64_t zverse_latest_version(const zverse_store* store);
/// Every version up to it survives power loss. 0 of NULL.
ZVERSE_API uint64_t zverse_durable_version(const zverse_store* store);
/// The oldest version still answerable exactly. 0 of NULL.
ZVERSE_API uint64_t zverse_floor(const zverse_store* store);
/// The newest version committed at or before a time, in milliseconds since 1970 UTC; to about one second, of what is
/// more than nine hours old to 1/32,768 of its age. ZVERSE_VERSION_TOO_OLD before the oldest time known.
ZVERSE_FALLIBLE int zverse_version_at(const zverse_store* store, int64_t unix_ms, uint64_t* version,
                                      zverse_error** error);
/// On return all that was written before the call survives power loss. A failed sync makes the store read-only.
ZVERSE_FALLIBLE int zverse_sync(zverse_store* store, zverse_error** error);
/// Waits until the durable version is at least `version`; asks for a sync. version_unknown above the latest.
ZVERSE_FALLIBLE int zverse_wait_durable(zverse_store* store, uint64_t version, zverse_error** error);
/// *version = the latest version once it is > after, or at the timeout (30 days at most): the tail of zverse_changes.
ZVERSE_FALLIBLE int zverse_wait_newer(const zverse_store* store, uint64_t after, uint64_t timeout_ms, uint64_t* version,
                                      zverse_error** error);

// ---- Maintenance. Not inside a visitor (invalid_argument).

/// Moves what was written before the call into cold segments; waits for it. Workers do so by themselves.
/// Errors: io, full, read_only, corrupt, closed.
ZVERSE_FALLIBLE int zverse_flush(zverse_store* store, zverse_error** error);
/// Flushes, merges what is settled and applies the retention; waits. The keys of the query (nothing else of it counts)
/// must be compacted; what lies beside them may be, too. Errors as zverse_flush.
ZVERSE_FALLIBLE int zverse_compact(zverse_store* store, const zverse_query* range, zverse_error** error);
/// A store of its own in `path`, with all that this one holds, while it goes on: flushes, then links the segments.
/// `path` must not exist, or be an empty folder (else ZVERSE_EXISTS). Survives power loss on return.
ZVERSE_FALLIBLE int zverse_checkpoint(const zverse_store* store, const char* path, zverse_error** error);

/// One thing that is not as it must be.
typedef struct zverse_finding {
    const char* code;  ///< stable, e.g. "ZV-SEG-014"; docs/findings.md explains each
    const char* file;  ///< path of the file
    const char* what;  ///< one sentence for people
    uint64_t offset;  ///< in the file, in bytes
} zverse_finding;

/// What a check looked at, and what it found. Made by the library; freed whole by zverse_verification_free.
typedef struct zverse_verification {
    uint64_t bytes;  ///< read and checked
    uint64_t records;  ///< read; some may count twice while a flush runs
    uint64_t segments;  ///< read, damaged ones too
    size_t findings_count;
    const zverse_finding* const* findings;
} zverse_verification;

/// Reads and checks everything, while readers and writers go on; changes nothing. Damage is a finding, no error.
ZVERSE_FALLIBLE int zverse_verify(const zverse_store* store, zverse_verification** verification, zverse_error** error);
/// What the scrub in the background has found since the store was opened. Waits for nobody.
ZVERSE_FALLIBLE int zverse_scrubbed(const zverse_store* store, zverse_verification** verification,
                                    zverse_error** error);
ZVERSE_API void zverse_verification_free(zverse_verification* verification);

enum zverse_stats_format { ZVERSE_OPENMETRICS = 0, ZVERSE_JSON = 1 };

/// All counters, gauges and the platform report, as text that ends in a zero byte; to be freed by zverse_free. Of a
/// closed store a text without figures. `text_bytes` is optional.
ZVERSE_FALLIBLE int zverse_stats(const zverse_store* store, int format, char** text, size_t* text_bytes,
                                 zverse_error** error);

#ifdef __cplusplus
}  // extern "C"
#endif
