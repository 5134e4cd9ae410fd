// Point reads: copies, buffers, visits, many at once, and as of versions.
#include "check.h"

#include <string.h>

void copies(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t first = 0;
    put(store, "k", "one", &first);
    put(store, "k", "three", NULL);
    put(store, "empty", "", NULL);
    char* value;
    size_t bytes = 9;
    uint64_t version = 9;
    OK(zverse_get(store, "k", 1, first, &value, &bytes, &version, &error));
    CHECK(value != NULL && bytes == 3 && version == first);
    CHECK(value != NULL && strcmp(value, "one") == 0);  // there is a zero byte behind
    zverse_free(value);
    OK(zverse_get(store, "k", 1, ZVERSE_LATEST, &value, NULL, &version, &error));
    CHECK(value != NULL && strcmp(value, "three") == 0 && version > first);
    zverse_free(value);

    OK(zverse_get(store, "empty", 5, ZVERSE_LATEST, &value, &bytes, &version, &error));
    CHECK(value != NULL && bytes == 0 && version > first);
    zverse_free(value);
    OK(zverse_get(store, "nobody", 6, ZVERSE_LATEST, &value, &bytes, &version, &error));
    CHECK(value == NULL && bytes == 0 && version == 0);
    OK(zverse_erase(store, "k", 1, NULL, &error));
    OK(zverse_get(store, "k", 1, ZVERSE_LATEST, &value, &bytes, &version, &error));
    CHECK(value == NULL && version == 0);
    CHECK(has(store, "k", 0, NULL));  // before everything
    zverse_store_free(store);
}

void gets_into_buffers(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t put_at = 0;
    put(store, "k", "value", &put_at);
    put(store, "empty", "", NULL);
    char buffer[5];
    size_t bytes = 9;
    uint64_t version = 9;
    OK(zverse_get_into(store, "k", 1, ZVERSE_LATEST, buffer, sizeof buffer, &bytes, &version, &error));
    CHECK(bytes == 5 && version == put_at && memcmp(buffer, "value", 5) == 0);

    memset(buffer, 'x', sizeof buffer);
    bytes = version = 9;
    INVALID(zverse_get_into(store, "k", 1, ZVERSE_LATEST, buffer, 4, &bytes, &version, &error));
    SAID("5 bytes");
    CHECK(bytes == 5 && version == put_at && memcmp(buffer, "xxxxx", 5) == 0);
    INVALID(zverse_get_into(store, "k", 1, ZVERSE_LATEST, NULL, 0, &bytes, NULL, &error));
    CHECK(bytes == 5);

    OK(zverse_get_into(store, "empty", 5, ZVERSE_LATEST, NULL, 0, &bytes, &version, &error));
    CHECK(bytes == 0 && version > put_at);
    OK(zverse_get_into(store, "nobody", 6, ZVERSE_LATEST, buffer, 5, &bytes, &version, &error));
    CHECK(bytes == 0 && version == 0);
    OK(zverse_get_into(store, "k", 1, put_at - 1, buffer, 5, &bytes, &version, &error));
    CHECK(version == 0);
    INVALID(zverse_get_into(store, "k", 1, ZVERSE_LATEST, NULL, 5, &bytes, NULL, &error));
    SAID("buffer");
    zverse_store_free(store);
}

struct seen {
    zverse_store* store;
    int calls;
    uint64_t version;
    char value[8];
    int flushed, written;
};

static void look(void* context, const zverse_entry* entry) {
    struct seen* const seen = context;
    ++seen->calls;
    seen->version = entry->version;
    CHECK(entry->key_bytes == 1 && entry->key[0] == 'k' && entry->tombstone == 0);
    CHECK(entry->value_bytes == 5);
    memcpy(seen->value, entry->value, 5);
    seen->flushed = zverse_flush(seen->store, NULL);
    seen->written = zverse_put(seen->store, "inside", 6, "v", 1, NULL, NULL);
}

void visits(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t put_at = 0;
    put(store, "k", "value", &put_at);
    struct seen seen = {store, 0, 0, "", -1, -1};
    int found = -1;
    OK(zverse_visit(store, "k", 1, ZVERSE_LATEST, look, &seen, &found, &error));
    CHECK(found == 1 && seen.calls == 1 && seen.version == put_at && strcmp(seen.value, "value") == 0);
    CHECK(seen.flushed == ZVERSE_INVALID_ARGUMENT);  // it would wait for the visitor
    CHECK(seen.written == ZVERSE_OK && has(store, "inside", ZVERSE_LATEST, "v"));
    OK(zverse_visit(store, "nobody", 6, ZVERSE_LATEST, look, &seen, &found, &error));
    CHECK(found == 0 && seen.calls == 1);
    OK(zverse_visit(store, "k", 1, put_at, look, &seen, NULL, &error));
    CHECK(seen.calls == 2);
    INVALID(zverse_visit(store, "k", 1, ZVERSE_LATEST, NULL, &seen, &found, &error));
    SAID("visitor");
    zverse_store_free(store);
}

void gets_of_many(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t version = 0;
    put(store, "a", "one", NULL);
    put(store, "b", "", NULL);
    put(store, "c", "three", &version);
    put(store, "a", "newer", NULL);
    const zverse_bytes keys[] = {{"c", 1}, {"nobody", 6}, {"b", 1}, {"a", 1}};
    zverse_bytes values[4];
    void* memory;
    memset(values, 0xff, sizeof values);
    OK(zverse_multi_get(store, keys, 4, version, values, &memory, &error));
    CHECK(values[0].bytes == 5 && strcmp(values[0].data, "three") == 0);
    CHECK(values[1].data == NULL && values[1].bytes == 0);
    CHECK(values[2].data != NULL && values[2].bytes == 0);
    CHECK(values[3].bytes == 3 && strcmp(values[3].data, "one") == 0);
    zverse_free(memory);
    OK(zverse_multi_get(store, keys, 4, ZVERSE_LATEST, values, &memory, &error));
    CHECK(values[3].bytes == 5 && strcmp(values[3].data, "newer") == 0);
    zverse_free(memory);
    OK(zverse_multi_get(store, NULL, 0, ZVERSE_LATEST, NULL, &memory, &error));
    zverse_free(memory);

    const zverse_bytes bad[] = {{"a", 1}, {NULL, 3}};
    INVALID(zverse_multi_get(store, bad, 2, ZVERSE_LATEST, values, &memory, &error));
    SAID("key is NULL");
    CHECK(memory == NULL && values[0].data == NULL);
    INVALID(zverse_multi_get(store, keys, 1048577, ZVERSE_LATEST, values, &memory, &error));
    SAID("count");
    INVALID(zverse_multi_get(store, NULL, 1, ZVERSE_LATEST, values, &memory, &error));
    INVALID(zverse_multi_get(store, keys, 1, ZVERSE_LATEST, NULL, &memory, &error));
    zverse_store_free(store);
}

void versions_that_are_unknown(const char* dir) {
    zverse_store* const store = open_small(dir);
    put(store, "k", "value", NULL);
    const uint64_t later = zverse_latest_version(store) + 1000;  // the store takes some for itself, once a second
    char* value = (char*)dir;
    zverse_cursor* cursor;
    zverse_query query = ZVERSE_QUERY_INIT;
    query.upto = later;
    EXPECT(ZVERSE_VERSION_UNKNOWN, zverse_get(store, "k", 1, later, &value, NULL, NULL, &error));
    CHECK(value == NULL);
    EXPECT(ZVERSE_VERSION_UNKNOWN, zverse_scan(store, &query, &cursor, &error));
    EXPECT(ZVERSE_VERSION_UNKNOWN, zverse_wait_durable(store, later, &error));
    EXPECT(ZVERSE_VERSION_UNKNOWN, zverse_pin(store, "p", 1, later, NULL, &error));
    zverse_store_free(store);
}
