// Scans, seeks, histories and changes; snapshots and named pins.
#include "check.h"

#include <string.h>

/// A query of the keys from `begin` on to before `end`.
static zverse_query between(const char* begin, const char* end) {
    zverse_query query = ZVERSE_QUERY_INIT;
    query.begin = begin;
    query.begin_bytes = strlen(begin);
    query.end = end;
    query.end_bytes = strlen(end);
    return query;
}

static const char* scanned(const zverse_store* store, const zverse_query* query) {
    zverse_cursor* cursor;
    OK(zverse_scan(store, query, &cursor, &error));
    return walk(cursor);
}

void scans(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t version = 0;
    put(store, "a", "1", NULL);
    put(store, "ab", "2", NULL);
    put(store, "b", "3", &version);
    put(store, "c", "4", NULL);
    OK(zverse_erase(store, "b", 1, NULL, &error));
    CHECK(strcmp(scanned(store, NULL), "a=1 ab=2 c=4") == 0);
    zverse_query query = ZVERSE_QUERY_INIT;
    query.upto = version;
    CHECK(strcmp(scanned(store, &query), "a=1 ab=2 b=3") == 0);
    query.limit = 2;
    CHECK(strcmp(scanned(store, &query), "a=1 ab=2") == 0);
    query.flags = ZVERSE_REVERSE;
    CHECK(strcmp(scanned(store, &query), "b=3 ab=2") == 0);
    query.flags = ZVERSE_REVERSE | ZVERSE_KEYS_ONLY;
    CHECK(strcmp(scanned(store, &query), "b= ab=") == 0);

    query = between("ab", "c");
    CHECK(strcmp(scanned(store, &query), "ab=2") == 0);
    query = between("a", "a");
    CHECK(strcmp(scanned(store, &query), "") == 0);
    query = between("a", "");
    query.flags = ZVERSE_PREFIX;
    CHECK(strcmp(scanned(store, &query), "a=1 ab=2") == 0);
    zverse_store_free(store);
}

void seeks(const char* dir) {
    zverse_store* const store = open_small(dir);
    for (const char* key = "bdf"; *key != '\0'; ++key) put(store, text("%c", *key), "v", NULL);
    zverse_cursor* cursor;
    const zverse_entry* entry;
    OK(zverse_scan(store, NULL, &cursor, &error));
    OK(zverse_cursor_seek(cursor, "c", 1, &entry, &error));
    CHECK(entry != NULL && entry->key[0] == 'd' && entry->version > 0);
    OK(zverse_cursor_next(cursor, &entry, &error));
    CHECK(entry != NULL && entry->key[0] == 'f');
    OK(zverse_cursor_seek(cursor, "z", 1, &entry, &error));
    CHECK(entry == NULL);
    OK(zverse_cursor_seek(cursor, NULL, 0, &entry, &error));  // before all others
    CHECK(entry != NULL && entry->key[0] == 'b');
    zverse_cursor_free(cursor);

    zverse_query query = ZVERSE_QUERY_INIT;
    query.flags = ZVERSE_REVERSE;
    OK(zverse_scan(store, &query, &cursor, &error));
    OK(zverse_cursor_seek(cursor, "e", 1, &entry, &error));
    CHECK(entry != NULL && entry->key[0] == 'd');
    OK(zverse_cursor_next(cursor, &entry, &error));
    CHECK(entry != NULL && entry->key[0] == 'b');
    INVALID(zverse_cursor_seek(cursor, NULL, 3, &entry, &error));
    CHECK(entry == NULL);
    zverse_cursor_free(cursor);
    OK(zverse_history(store, "b", 1, NULL, &cursor, &error));
    INVALID(zverse_cursor_seek(cursor, "b", 1, &entry, &error));
    zverse_cursor_free(cursor);
    zverse_store_free(store);
}

void histories(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t first = 0;
    uint64_t second = 0;
    put(store, "k", "one", &first);
    put(store, "other", "value", NULL);
    put(store, "k", "two", &second);
    OK(zverse_erase(store, "k", 1, NULL, &error));
    zverse_cursor* cursor;
    OK(zverse_history(store, "k", 1, NULL, &cursor, &error));
    CHECK(strcmp(walk(cursor), "k=! k=two k=one") == 0);
    zverse_query query = ZVERSE_QUERY_INIT;
    query.after = first;
    query.upto = second;
    OK(zverse_history(store, "k", 1, &query, &cursor, &error));
    CHECK(strcmp(walk(cursor), "k=two") == 0);
    query = (zverse_query)ZVERSE_QUERY_INIT;
    query.flags = ZVERSE_REVERSE;
    query.limit = 2;
    OK(zverse_history(store, "k", 1, &query, &cursor, &error));
    const zverse_entry* entry;
    OK(zverse_cursor_next(cursor, &entry, &error));
    CHECK(entry != NULL && entry->version == first && entry->tombstone == 0);
    CHECK(strcmp(walk(cursor), "k=two") == 0);
    zverse_store_free(store);
}

void changes(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t first = 0;
    put(store, "b", "1", &first);
    put(store, "a", "2", NULL);
    OK(zverse_erase(store, "b", 1, NULL, &error));
    zverse_cursor* cursor;
    OK(zverse_changes(store, NULL, &cursor, &error));
    CHECK(strcmp(walk(cursor), "b=1 a=2 b=!") == 0);
    zverse_query query = ZVERSE_QUERY_INIT;
    query.after = first;
    OK(zverse_changes(store, &query, &cursor, &error));
    CHECK(strcmp(walk(cursor), "a=2 b=!") == 0);
    query = between("a", "b");
    OK(zverse_changes(store, &query, &cursor, &error));
    CHECK(strcmp(walk(cursor), "a=2") == 0);
    zverse_store_free(store);
}

/// None of the three cursors is made of it, and each says why.
static void query_refused(const zverse_store* store, const zverse_query* query, const char* part) {
    zverse_cursor* cursor = (zverse_cursor*)query;
    INVALID(zverse_scan(store, query, &cursor, &error));
    SAID(part);
    CHECK(cursor == NULL);
    INVALID(zverse_changes(store, query, &cursor, &error));
    SAID(part);
    INVALID(zverse_history(store, "k", 1, query, &cursor, &error));
    SAID(part);
}

void queries_that_are_refused(const char* dir) {
    zverse_store* const store = open_small(dir);
    zverse_cursor* cursor;
    zverse_query query = ZVERSE_QUERY_INIT;
    put(store, "k", "value", NULL);
    query.struct_bytes = sizeof query - 1;
    query_refused(store, &query, "query.struct_bytes");
    query = (zverse_query)ZVERSE_QUERY_INIT;
    query.flags = 8;
    query_refused(store, &query, "query.flags");
    query = (zverse_query)ZVERSE_QUERY_INIT;
    query.reserved = 1;
    query_refused(store, &query, "query.reserved");
    query = (zverse_query)ZVERSE_QUERY_INIT;
    query.begin_bytes = 3;
    query_refused(store, &query, "query.begin is NULL");
    query = (zverse_query)ZVERSE_QUERY_INIT;
    query.end = "x";
    query.end_bytes = SIZE_MAX;
    query_refused(store, &query, "query.end has more than");
    query = between("a", "b");
    query.flags = ZVERSE_PREFIX;
    query_refused(store, &query, "query.end must be empty");

    query = between("b", "a");
    INVALID(zverse_scan(store, &query, &cursor, &error));
    INVALID(zverse_history(store, "k", 1, &query, &cursor, &error));
    SAID("no range of keys");
    query = (zverse_query)ZVERSE_QUERY_INIT;
    query.after = 1;
    INVALID(zverse_scan(store, &query, &cursor, &error));
    SAID("query.after");
    query.upto = 0;
    INVALID(zverse_changes(store, &query, &cursor, &error));
    SAID("reversed");
    zverse_transaction* transaction;
    OK(zverse_begin(store, &transaction, &error));
    INVALID(zverse_transaction_scan(transaction, &query, &cursor, &error));
    SAID("query.after");
    query.after = 0;
    INVALID(zverse_transaction_scan(transaction, &query, &cursor, &error));
    SAID("query.upto");
    zverse_transaction_free(transaction);
    zverse_store_free(store);
}

void cursors_after_the_store(const char* dir) {
    zverse_store* const store = open_small(dir);
    put(store, "a", "1", NULL);
    put(store, "b", "2", NULL);
    zverse_cursor* cursor;
    const zverse_entry* entry;
    zverse_snapshot* snapshot;
    OK(zverse_scan(store, NULL, &cursor, &error));
    OK(zverse_cursor_next(cursor, &entry, &error));
    OK(zverse_snapshot_new(store, &snapshot, &error));
    zverse_store_free(store);
    EXPECT(ZVERSE_CLOSED, zverse_cursor_next(cursor, &entry, &error));
    CHECK(entry == NULL);
    EXPECT(ZVERSE_CLOSED, zverse_cursor_seek(cursor, "a", 1, &entry, &error));
    CHECK(zverse_snapshot_version(snapshot) > 0);
    zverse_snapshot_free(snapshot);
    zverse_cursor_free(cursor);
}

void snapshots(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t version = 0;
    put(store, "k", "old", &version);
    zverse_snapshot* snapshot;
    OK(zverse_snapshot_new(store, &snapshot, &error));
    CHECK(zverse_snapshot_version(snapshot) >= version);
    put(store, "k", "new", NULL);
    CHECK(has(store, "k", zverse_snapshot_version(snapshot), "old"));
    zverse_snapshot_free(snapshot);
    zverse_store_free(store);
}

static const char* all_pins(const zverse_store* store) {
    zverse_cursor* cursor;
    OK(zverse_pins(store, &cursor, &error));
    return walk(cursor);
}

void named_pins(const char* dir) {
    zverse_store* store = open_small(dir);
    uint64_t version = 0;
    uint64_t pinned = 0;
    put(store, "k", "old", &version);
    put(store, "k", "new", NULL);
    OK(zverse_pin(store, "then", 4, version, &pinned, &error));
    CHECK(pinned == version);
    OK(zverse_pin(store, "now", 3, ZVERSE_LATEST, &pinned, &error));
    CHECK(pinned == zverse_latest_version(store));
    EXPECT(ZVERSE_EXISTS, zverse_pin(store, "then", 4, ZVERSE_LATEST, &pinned, &error));
    CHECK(pinned == 0);
    INVALID(zverse_pin(store, "", 0, ZVERSE_LATEST, NULL, &error));
    CHECK(strcmp(all_pins(store), "now= then=") == 0);
    zverse_store_free(store);

    store = open_small(dir);
    zverse_cursor* cursor;
    const zverse_entry* entry;
    OK(zverse_unpin(store, "now", 3, &error));
    EXPECT(ZVERSE_NOT_FOUND, zverse_unpin(store, "now", 3, &error));
    OK(zverse_pins(store, &cursor, &error));
    OK(zverse_cursor_next(cursor, &entry, &error));
    CHECK(entry != NULL && entry->version == version && entry->value_bytes == 0 && entry->value != NULL);
    INVALID(zverse_cursor_seek(cursor, "then", 4, &entry, &error));
    SAID("only a scan can seek");
    OK(zverse_cursor_next(cursor, &entry, &error));
    CHECK(entry == NULL);
    zverse_cursor_free(cursor);
    OK(zverse_close(store, &error));
    EXPECT(ZVERSE_CLOSED, zverse_pins(store, &cursor, &error));
    zverse_store_free(store);
}
