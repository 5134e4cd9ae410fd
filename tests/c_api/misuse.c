// NULL in every place of every function: an error that names the argument, or nothing at all; never a crash.
#include "check.h"

#include <string.h>

#define NULL_ARGUMENT(name, call) \
    do {                          \
        INVALID(call);            \
        SAID(name " is NULL");    \
    } while (0)

static void ignore(void* context, const zverse_entry* entry) {
    (void)context;
    (void)entry;
}

static void writes_to_null(void) {
    NULL_ARGUMENT("store", zverse_close(NULL, &error));
    NULL_ARGUMENT("store", zverse_put(NULL, "k", 1, "v", 1, NULL, &error));
    NULL_ARGUMENT("store", zverse_erase(NULL, "k", 1, NULL, &error));
    NULL_ARGUMENT("store", zverse_put_if(NULL, "k", 1, "v", 1, 0, NULL, &error));
    NULL_ARGUMENT("batch", zverse_batch_put(NULL, "k", 1, "v", 1, &error));
    NULL_ARGUMENT("batch", zverse_batch_erase(NULL, "k", 1, &error));
    NULL_ARGUMENT("store", zverse_write(NULL, NULL, NULL, &error));
    NULL_ARGUMENT("transaction", zverse_transaction_put(NULL, "k", 1, "v", 1, &error));
    NULL_ARGUMENT("transaction", zverse_transaction_erase(NULL, "k", 1, &error));
    NULL_ARGUMENT("transaction", zverse_transaction_commit(NULL, NULL, &error));
    NULL_ARGUMENT("store", zverse_pin(NULL, "p", 1, 0, NULL, &error));
    NULL_ARGUMENT("store", zverse_unpin(NULL, "p", 1, &error));
    NULL_ARGUMENT("store", zverse_sync(NULL, &error));
    NULL_ARGUMENT("store", zverse_wait_durable(NULL, 0, &error));
    NULL_ARGUMENT("store", zverse_flush(NULL, &error));
    NULL_ARGUMENT("store", zverse_compact(NULL, NULL, &error));
    NULL_ARGUMENT("store", zverse_checkpoint(NULL, "/nowhere", &error));
}

static void reads_of_null(void) {
    char* value;
    size_t bytes;
    uint64_t version;
    void* memory;
    zverse_cursor* cursor;
    zverse_snapshot* snapshot;
    zverse_transaction* transaction;
    const zverse_entry* entry;
    zverse_verification* verification;
    NULL_ARGUMENT("store", zverse_get(NULL, "k", 1, 0, &value, NULL, NULL, &error));
    NULL_ARGUMENT("store", zverse_get_into(NULL, "k", 1, 0, NULL, 0, &bytes, NULL, &error));
    NULL_ARGUMENT("store", zverse_visit(NULL, "k", 1, 0, ignore, NULL, NULL, &error));
    NULL_ARGUMENT("store", zverse_multi_get(NULL, NULL, 0, 0, NULL, &memory, &error));
    NULL_ARGUMENT("store", zverse_scan(NULL, NULL, &cursor, &error));
    NULL_ARGUMENT("store", zverse_history(NULL, "k", 1, NULL, &cursor, &error));
    NULL_ARGUMENT("store", zverse_changes(NULL, NULL, &cursor, &error));
    NULL_ARGUMENT("cursor", zverse_cursor_next(NULL, &entry, &error));
    NULL_ARGUMENT("cursor", zverse_cursor_seek(NULL, "k", 1, &entry, &error));
    NULL_ARGUMENT("store", zverse_snapshot_new(NULL, &snapshot, &error));
    NULL_ARGUMENT("store", zverse_pins(NULL, &cursor, &error));
    NULL_ARGUMENT("store", zverse_begin(NULL, &transaction, &error));
    NULL_ARGUMENT("transaction", zverse_transaction_get(NULL, "k", 1, &value, NULL, &error));
    NULL_ARGUMENT("transaction", zverse_transaction_scan(NULL, NULL, &cursor, &error));
    NULL_ARGUMENT("store", zverse_version_at(NULL, 0, &version, &error));
    NULL_ARGUMENT("store", zverse_wait_newer(NULL, 0, 0, &version, &error));
    NULL_ARGUMENT("store", zverse_verify(NULL, &verification, &error));
    NULL_ARGUMENT("store", zverse_scrubbed(NULL, &verification, &error));
    NULL_ARGUMENT("store", zverse_stats(NULL, ZVERSE_JSON, &value, NULL, &error));
}

void handles_that_are_null(const char* dir) {
    (void)dir;
    writes_to_null();
    reads_of_null();
    CHECK(zverse_latest_version(NULL) == 0 && zverse_durable_version(NULL) == 0 && zverse_floor(NULL) == 0);
    CHECK(zverse_snapshot_version(NULL) == 0 && zverse_transaction_version(NULL) == 0);
    size_t operations = 9;
    size_t bytes = 9;
    zverse_batch_size(NULL, &operations, &bytes);
    CHECK(operations == 0 && bytes == 0);
    zverse_batch_size(NULL, NULL, NULL);
    zverse_batch_clear(NULL);
    zverse_error_free(NULL);
    zverse_free(NULL);
    zverse_store_free(NULL);
    zverse_batch_free(NULL);
    zverse_cursor_free(NULL);
    zverse_snapshot_free(NULL);
    zverse_transaction_free(NULL);
    zverse_verification_free(NULL);
}

void outputs_that_are_null(const char* dir) {
    zverse_store* const store = open_small(dir);
    zverse_cursor* cursor;
    zverse_transaction* transaction;
    OK(zverse_scan(store, NULL, &cursor, &error));
    OK(zverse_begin(store, &transaction, &error));
    NULL_ARGUMENT("options", zverse_options_init(NULL, sizeof(zverse_options), &error));
    NULL_ARGUMENT("path", zverse_open(NULL, NULL, NULL, &error));
    NULL_ARGUMENT("store", zverse_open(dir, NULL, NULL, &error));
    NULL_ARGUMENT("batch", zverse_batch_new(NULL, &error));
    NULL_ARGUMENT("batch", zverse_write(store, NULL, NULL, &error));
    NULL_ARGUMENT("value", zverse_get(store, "k", 1, 0, NULL, NULL, NULL, &error));
    NULL_ARGUMENT("value_bytes", zverse_get_into(store, "k", 1, 0, NULL, 0, NULL, NULL, &error));
    NULL_ARGUMENT("visitor", zverse_visit(store, "k", 1, 0, NULL, NULL, NULL, &error));
    NULL_ARGUMENT("memory", zverse_multi_get(store, NULL, 0, 0, NULL, NULL, &error));
    NULL_ARGUMENT("cursor", zverse_scan(store, NULL, NULL, &error));
    NULL_ARGUMENT("cursor", zverse_history(store, "k", 1, NULL, NULL, &error));
    NULL_ARGUMENT("cursor", zverse_changes(store, NULL, NULL, &error));
    NULL_ARGUMENT("entry", zverse_cursor_next(cursor, NULL, &error));
    NULL_ARGUMENT("entry", zverse_cursor_seek(cursor, "k", 1, NULL, &error));
    NULL_ARGUMENT("snapshot", zverse_snapshot_new(store, NULL, &error));
    NULL_ARGUMENT("cursor", zverse_pins(store, NULL, &error));
    NULL_ARGUMENT("transaction", zverse_begin(store, NULL, &error));
    NULL_ARGUMENT("value", zverse_transaction_get(transaction, "k", 1, NULL, NULL, &error));
    NULL_ARGUMENT("cursor", zverse_transaction_scan(transaction, NULL, NULL, &error));
    NULL_ARGUMENT("version", zverse_version_at(store, 0, NULL, &error));
    NULL_ARGUMENT("version", zverse_wait_newer(store, 0, 0, NULL, &error));
    NULL_ARGUMENT("path", zverse_checkpoint(store, NULL, &error));
    NULL_ARGUMENT("verification", zverse_verify(store, NULL, &error));
    NULL_ARGUMENT("verification", zverse_scrubbed(store, NULL, &error));
    NULL_ARGUMENT("text", zverse_stats(store, ZVERSE_JSON, NULL, NULL, &error));
    // None of them wants to hear of it.
    CHECK(zverse_get(store, "k", 1, 0, NULL, NULL, NULL, NULL) == ZVERSE_INVALID_ARGUMENT);
    CHECK(zverse_open(NULL, NULL, NULL, NULL) == ZVERSE_INVALID_ARGUMENT);
    zverse_cursor_free(cursor);
    zverse_transaction_free(transaction);
    zverse_store_free(store);
}

void bytes_that_are_null(const char* dir) {
    zverse_store* const store = open_small(dir);
    zverse_batch* batch;
    zverse_transaction* transaction;
    char* value;
    size_t bytes;
    zverse_cursor* cursor;
    OK(zverse_batch_new(&batch, &error));
    OK(zverse_begin(store, &transaction, &error));
    NULL_ARGUMENT("key", zverse_put(store, NULL, 3, "v", 1, NULL, &error));
    NULL_ARGUMENT("value", zverse_put(store, "k", 1, NULL, 3, NULL, &error));
    NULL_ARGUMENT("key", zverse_erase(store, NULL, 3, NULL, &error));
    NULL_ARGUMENT("value", zverse_put_if(store, "k", 1, NULL, 3, 0, NULL, &error));
    NULL_ARGUMENT("key", zverse_batch_put(batch, NULL, 3, "v", 1, &error));
    NULL_ARGUMENT("value", zverse_batch_put(batch, "k", 1, NULL, 3, &error));
    NULL_ARGUMENT("key", zverse_batch_erase(batch, NULL, 3, &error));
    NULL_ARGUMENT("key", zverse_get(store, NULL, 3, 0, &value, NULL, NULL, &error));
    NULL_ARGUMENT("key", zverse_get_into(store, NULL, 3, 0, NULL, 0, &bytes, NULL, &error));
    NULL_ARGUMENT("key", zverse_visit(store, NULL, 3, 0, ignore, NULL, NULL, &error));
    NULL_ARGUMENT("key", zverse_history(store, NULL, 3, NULL, &cursor, &error));
    NULL_ARGUMENT("name", zverse_pin(store, NULL, 3, 0, NULL, &error));
    NULL_ARGUMENT("name", zverse_unpin(store, NULL, 3, &error));
    NULL_ARGUMENT("key", zverse_transaction_get(transaction, NULL, 3, &value, NULL, &error));
    NULL_ARGUMENT("key", zverse_transaction_put(transaction, NULL, 3, "v", 1, &error));
    NULL_ARGUMENT("key", zverse_transaction_erase(transaction, NULL, 3, &error));

    // No bytes are no key, but a value; more than there can be are not looked at.
    INVALID(zverse_put(store, NULL, 0, "v", 1, NULL, &error));
    SAID("1 to 65,535");
    OK(zverse_put(store, "k", 1, NULL, 0, NULL, &error));
    CHECK(has(store, "k", ZVERSE_LATEST, ""));
    INVALID(zverse_put(store, "k", SIZE_MAX, "v", 1, NULL, &error));
    INVALID(zverse_put(store, "k", 1, "v", SIZE_MAX, NULL, &error));
    SAID("value has more than 4 GiB");
    INVALID(zverse_batch_put(batch, "k", 1, "v", SIZE_MAX / 2, &error));
    INVALID(zverse_transaction_put(transaction, "k", 1, "v", SIZE_MAX / 2, &error));
    INVALID(zverse_get(store, "k", SIZE_MAX, 0, &value, NULL, NULL, &error));
    INVALID(zverse_pin(store, "p", SIZE_MAX, 0, NULL, &error));
    zverse_transaction_free(transaction);
    zverse_batch_free(batch);
    zverse_store_free(store);
}
