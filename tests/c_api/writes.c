// Puts, erases, conditional puts and batches, and transactions.
#include "check.h"

#include <string.h>

void puts_and_erases(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t first = 0;
    uint64_t second = 0;
    uint64_t erased = 0;
    put(store, "color", "red", &first);
    put(store, "color", "blue", &second);
    OK(zverse_erase(store, "color", 5, &erased, &error));
    CHECK(0 < first && first < second && second < erased);
    CHECK(zverse_latest_version(store) == erased);
    CHECK(has(store, "color", first, "red"));
    CHECK(has(store, "color", second, "blue"));
    CHECK(has(store, "color", erased, NULL));
    OK(zverse_erase(store, "nobody", 6, NULL, &error));

    // Bytes of every kind, and the caller's buffer is its own again.
    char key[3] = {'\0', '\xff', 'k'};
    char value[4] = {'\0', '\x80', '\0', 'v'};
    OK(zverse_put(store, key, sizeof key, value, sizeof value, NULL, &error));
    memset(value, 'x', sizeof value);
    char back[4];
    size_t bytes = 0;
    OK(zverse_get_into(store, key, sizeof key, ZVERSE_LATEST, back, sizeof back, &bytes, NULL, &error));
    CHECK(bytes == 4 && memcmp(back, "\0\x80\0v", 4) == 0);

    static char large[1 << 19];
    INVALID(zverse_put(store, "large", 5, large, sizeof large, &first, &error));
    CHECK(first == 0);
    INVALID(zverse_put(store, large, 65536, "", 0, NULL, &error));
    SAID("65,535");
    OK(zverse_put(store, large, 65535, "", 0, NULL, &error));
    // Without an error to fill, the code is all there is.
    CHECK(zverse_put(store, "", 0, "v", 1, NULL, NULL) == ZVERSE_INVALID_ARGUMENT);
    zverse_store_free(store);
}

void conditional_puts(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t first = 0;
    uint64_t second = 0;
    OK(zverse_put_if(store, "k", 1, "one", 3, 0, &first, &error));
    EXPECT(ZVERSE_CONFLICT, zverse_put_if(store, "k", 1, "two", 3, 0, &second, &error));
    CHECK(last.version == first && second == 0);
    OK(zverse_put_if(store, "k", 1, "two", 3, first, &second, &error));
    CHECK(second > first);
    CHECK(has(store, "k", ZVERSE_LATEST, "two"));
    OK(zverse_erase(store, "k", 1, &first, &error));
    EXPECT(ZVERSE_CONFLICT, zverse_put_if(store, "k", 1, "three", 5, first, NULL, &error));
    OK(zverse_put_if(store, "k", 1, "three", 5, 0, NULL, &error));
    zverse_store_free(store);
}

void batches(const char* dir) {
    zverse_store* const store = open_small(dir);
    zverse_batch* batch;
    size_t operations = 9;
    size_t bytes = 9;
    put(store, "gone", "value", NULL);
    OK(zverse_batch_new(&batch, &error));
    INVALID(zverse_write(store, batch, NULL, &error));  // empty
    OK(zverse_batch_put(batch, "a", 1, "first", 5, &error));
    OK(zverse_batch_put(batch, "a", 1, "last", 4, &error));
    OK(zverse_batch_put(batch, "b", 1, NULL, 0, &error));
    OK(zverse_batch_erase(batch, "gone", 4, &error));
    zverse_batch_size(batch, &operations, &bytes);
    CHECK(operations == 4 && bytes == 1 + 5 + 1 + 4 + 1 + 4);

    const uint64_t before = zverse_latest_version(store);
    uint64_t version = 0;
    OK(zverse_write(store, batch, &version, &error));
    CHECK(has(store, "a", version, "last"));
    CHECK(has(store, "b", version, ""));
    CHECK(has(store, "gone", version, NULL));
    CHECK(has(store, "a", before, NULL) && has(store, "gone", before, "value"));

    INVALID(zverse_batch_put(batch, "", 0, "v", 1, &error));
    INVALID(zverse_batch_erase(batch, NULL, 1, &error));
    zverse_batch_size(batch, &operations, NULL);
    CHECK(operations == 4);  // what was refused is not in it
    uint64_t again = 0;
    OK(zverse_write(store, batch, &again, &error));  // it stays as it is
    CHECK(again > version);
    zverse_batch_clear(batch);
    zverse_batch_size(batch, &operations, &bytes);
    CHECK(operations == 0 && bytes == 0);
    zverse_batch_free(batch);
    zverse_store_free(store);
}

void transactions(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t version = 0;
    put(store, "a", "1", NULL);
    put(store, "b", "2", &version);
    zverse_transaction* transaction;
    OK(zverse_begin(store, &transaction, &error));
    CHECK(zverse_transaction_version(transaction) >= version);
    put(store, "a", "outside", NULL);
    OK(zverse_transaction_put(transaction, "c", 1, "own", 3, &error));
    OK(zverse_transaction_erase(transaction, "b", 1, &error));

    char* value;
    size_t bytes = 9;
    OK(zverse_transaction_get(transaction, "a", 1, &value, &bytes, &error));
    CHECK(value != NULL && bytes == 1 && strcmp(value, "1") == 0);  // the snapshot's, with a zero byte behind
    zverse_free(value);
    OK(zverse_transaction_get(transaction, "c", 1, &value, NULL, &error));
    CHECK(value != NULL && strcmp(value, "own") == 0);
    zverse_free(value);
    OK(zverse_transaction_get(transaction, "b", 1, &value, &bytes, &error));
    CHECK(value == NULL && bytes == 0);
    zverse_cursor* cursor;
    OK(zverse_transaction_scan(transaction, NULL, &cursor, &error));
    CHECK(strcmp(walk(cursor), "a=1 c=own") == 0);
    zverse_query query = ZVERSE_QUERY_INIT;
    query.flags = ZVERSE_REVERSE;
    query.begin = "b";
    query.begin_bytes = 1;
    OK(zverse_transaction_scan(transaction, &query, &cursor, &error));
    CHECK(strcmp(walk(cursor), "c=own") == 0);

    CHECK(has(store, "c", ZVERSE_LATEST, NULL));
    OK(zverse_transaction_commit(transaction, &version, &error));
    CHECK(has(store, "c", version, "own") && has(store, "b", version, NULL) && has(store, "a", version, "outside"));
    INVALID(zverse_transaction_commit(transaction, &version, &error));
    CHECK(version == 0);
    zverse_transaction_free(transaction);
    zverse_store_free(store);
}

void transactions_that_lose(const char* dir) {
    zverse_store* const store = open_small(dir);
    zverse_transaction* transaction;
    uint64_t version = 0;
    uint64_t other = 0;
    OK(zverse_begin(store, &transaction, &error));
    OK(zverse_transaction_put(transaction, "k", 1, "mine", 4, &error));
    OK(zverse_transaction_put(transaction, "side", 4, "mine", 4, &error));
    put(store, "k", "theirs", &other);
    EXPECT(ZVERSE_CONFLICT, zverse_transaction_commit(transaction, &version, &error));
    CHECK(last.version == other && version == 0);
    CHECK(has(store, "k", ZVERSE_LATEST, "theirs") && has(store, "side", ZVERSE_LATEST, NULL));
    zverse_transaction_free(transaction);

    OK(zverse_begin(store, &transaction, &error));  // never committed
    OK(zverse_transaction_put(transaction, "k", 1, "lost", 4, &error));
    INVALID(zverse_transaction_put(transaction, "", 0, "lost", 4, &error));
    INVALID(zverse_transaction_erase(transaction, "", 0, &error));
    zverse_transaction_free(transaction);
    CHECK(has(store, "k", ZVERSE_LATEST, "theirs"));

    OK(zverse_begin(store, &transaction, &error));  // without writes
    OK(zverse_transaction_commit(transaction, &version, &error));
    CHECK(version == zverse_transaction_version(transaction) && version >= other);
    zverse_transaction_free(transaction);

    OK(zverse_begin(store, &transaction, &error));  // outlives its store
    OK(zverse_transaction_put(transaction, "k", 1, "late", 4, &error));
    zverse_store_free(store);
    EXPECT(ZVERSE_CLOSED, zverse_transaction_commit(transaction, NULL, &error));
    zverse_transaction_free(transaction);
}
