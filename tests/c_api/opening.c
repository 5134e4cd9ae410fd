// What is fixed for ever, opening and closing, and options: sizes, defaults, limits.
#include "check.h"

#include <stdio.h>
#include <string.h>

void abi_numbers(const char* dir) {
    (void)dir;
    unsigned major, minor, patch;
    CHECK(sscanf(zverse_version(), "%u.%u.%u", &major, &minor, &patch) == 3);
    CHECK(zverse_abi() == ZVERSE_ABI);

    static const char* const kNames[] = {
        "ok", "invalid_argument", "not_found",    "exists", "version_too_old", "version_unknown", "conflict", "full",
        "io", "corrupt",          "incompatible", "locked", "read_only",       "closed"};
    for (int code = 0; code < 14; ++code) CHECK(strcmp(zverse_code_name(code), kNames[code]) == 0);
    CHECK(ZVERSE_CLOSED == 13);
    CHECK(strcmp(zverse_code_name(14), "unknown") == 0);
    CHECK(strcmp(zverse_code_name(-1), "unknown") == 0);

    // Members stay where they are; new ones come behind them.
    CHECK(offsetof(zverse_error, message) == 16);
    CHECK(offsetof(zverse_entry, key_bytes) == 8);
    CHECK(offsetof(zverse_entry, value) == 16);
    CHECK(offsetof(zverse_entry, tombstone) == 40);
    CHECK(offsetof(zverse_query, flags) == 64);
    CHECK(offsetof(zverse_options, hot_paths) == 40);
    CHECK(offsetof(zverse_options, curve) == 80);
    CHECK(offsetof(zverse_options, force_granularity) == 160);
    CHECK(offsetof(zverse_finding, offset) == 24);
    CHECK(offsetof(zverse_verification, findings) == 32);
}

void opening_and_closing(const char* dir) {
    zverse_options options = small_options();
    zverse_store* store = (zverse_store*)&options;
    options.create_if_missing = 0;
    EXPECT(ZVERSE_NOT_FOUND, zverse_open(dir, &options, &store, &error));
    CHECK(store == NULL);

    store = open_small(dir);
    uint64_t version = 0;
    put(store, "key", "value", &version);
    zverse_store* second;
    EXPECT(ZVERSE_LOCKED, zverse_open(dir, NULL, &second, &error));
    OK(zverse_close(store, &error));
    EXPECT(ZVERSE_CLOSED, zverse_close(store, &error));
    EXPECT(ZVERSE_CLOSED, zverse_put(store, "key", 3, "late", 4, &version, &error));
    CHECK(version == 0);
    EXPECT(ZVERSE_CLOSED, zverse_sync(store, &error));
    zverse_store_free(store);

    options.error_if_exists = 1;
    EXPECT(ZVERSE_EXISTS, zverse_open(dir, &options, &store, &error));
    options.error_if_exists = 0;
    options.read_only = 1;
    OK(zverse_open(dir, &options, &store, &error));
    CHECK(has(store, "key", ZVERSE_LATEST, "value"));
    EXPECT(ZVERSE_READ_ONLY, zverse_put(store, "key", 3, "other", 5, NULL, &error));
    zverse_store_free(store);  // closes what is open

    store = open_small(dir);
    CHECK(has(store, "key", ZVERSE_LATEST, "value"));
    zverse_store_free(store);
    EXPECT(ZVERSE_INVALID_ARGUMENT, zverse_open("", NULL, &store, &error));
}

void options_of_all_sizes(const char* dir) {
    struct {
        zverse_options known;
        uint64_t later;
    } newer;
    memset(&newer, 0xff, sizeof newer);
    OK(zverse_options_init(&newer.known, sizeof newer, &error));
    CHECK(newer.later == 0);
    CHECK(newer.known.struct_bytes == sizeof newer);
    CHECK(newer.known.create_if_missing == 1 && newer.known.error_if_exists == 0 && newer.known.read_only == 0);
    CHECK(newer.known.durability == ZVERSE_POWER && newer.known.sync_every_ms == 5);
    CHECK(newer.known.retention_max_age_s == ZVERSE_NO_LIMIT);
    CHECK(newer.known.retention_max_versions_behind == ZVERSE_NO_LIMIT);
    CHECK(newer.known.write_timeout_ms == 10000 && newer.known.curve == NULL);

    zverse_store* store;
    newer.known.ring_bytes = 1 << 20;
    newer.known.shards = 1;
    OK(zverse_open(dir, &newer.known, &store, &error));
    zverse_store_free(store);
    newer.later = 1;  // what we do not know is not ignored
    INVALID(zverse_open(dir, &newer.known, &store, &error));
    SAID("options.struct_bytes");

    newer.later = 0;
    const size_t bad[] = {0, 1, 8, sizeof(zverse_options) - 1, 4097, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        INVALID(zverse_options_init(&newer.known, bad[i], &error));
        newer.known.struct_bytes = bad[i];
        INVALID(zverse_open(dir, &newer.known, &store, &error));
        SAID("options.struct_bytes");
    }
}

/// The member that begins at `offset` and has `bytes` is set to `value`: the store is not opened, and `part` said.
static void refused(const char* dir, size_t offset, size_t bytes, uint64_t value, const char* part) {
    zverse_options options = small_options();
    zverse_store* store;
    memcpy((char*)&options + offset, &value, bytes);  // little-endian, as all that ZVerse runs on
    INVALID(zverse_open(dir, &options, &store, &error));
    SAID(part);
}

#define REFUSED(member, value) \
    refused(dir, offsetof(zverse_options, member), sizeof((zverse_options*)0)->member, value, #member)

void options_that_are_refused(const char* dir) {
    REFUSED(create_if_missing, 2);
    REFUSED(error_if_exists, 2);
    REFUSED(read_only, UINT32_MAX);
    REFUSED(reserved, 1);
    REFUSED(hot_paths_count, 65);
    REFUSED(hot_paths_count, SIZE_MAX);
    // The engine's limits: these come through.
    REFUSED(durability, 2);
    REFUSED(sharding, UINT32_MAX);
    REFUSED(compression, 2);
    REFUSED(cold_reads, UINT32_MAX);
    REFUSED(ring_bytes, 3);
    REFUSED(shards, 1025);
    REFUSED(workers, 257);
    REFUSED(memory_bytes_max, 1);
    refused(dir, offsetof(zverse_options, write_timeout_ms), 8, UINT64_MAX, "write_timeout");
    refused(dir, offsetof(zverse_options, sync_every_ms), 8, UINT64_MAX, "sync.every");

    zverse_options options = small_options();
    zverse_store* store;
    options.curve = "x";
    INVALID(zverse_open(dir, &options, &store, &error));
    SAID("curve");
    options = small_options();
    options.force_granularity = "inch";
    INVALID(zverse_open(dir, &options, &store, &error));
    SAID("force_granularity");
    refused(dir, offsetof(zverse_options, hot_paths_count), 8, 1, "options.hot_paths is NULL");
    const char* const paths[] = {NULL};
    options = small_options();
    options.hot_paths = paths;
    options.hot_paths_count = 1;
    INVALID(zverse_open(dir, &options, &store, &error));
    SAID("an entry of options.hot_paths is NULL");
}

void options_with_hot_paths(const char* dir) {
    const char* const paths[] = {text("%s/rings", dir)};
    zverse_options options = small_options();
    zverse_store* store;
    options.hot_paths = paths;
    options.hot_paths_count = 1;
    OK(zverse_open(text("%s/store", dir), &options, &store, &error));
    put(store, "key", "value", NULL);
    zverse_store_free(store);
    FILE* const ring = fopen(text("%s/store/hot", dir), "r");
    CHECK(ring == NULL);  // the rings lie elsewhere
    if (ring != NULL) fclose(ring);
    OK(zverse_open(text("%s/store", dir), &options, &store, &error));
    CHECK(has(store, "key", ZVERSE_LATEST, "value"));
    zverse_store_free(store);
}
