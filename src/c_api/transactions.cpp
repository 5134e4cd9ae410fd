// Transactions.
#include <c_api/call.h>
#include <c_api/handles.h>
#include <c_api/query.h>

using namespace zverse::c_api;
using zverse::Result;

int zverse_begin(zverse_store* store, zverse_transaction** transaction, zverse_error** error) {
    Call call(error);
    call.clear(transaction);
    call.need("store", store);
    call.need("transaction", transaction);
    return call.give_new(transaction, [&] { return Result<zverse::Transaction>(store->store.begin()); });
}

uint64_t zverse_transaction_version(const zverse_transaction* transaction) {
    return transaction != nullptr ? transaction->transaction.snapshot_version() : 0;
}

int zverse_transaction_get(zverse_transaction* transaction, const void* key, size_t key_bytes, char** value,
                           size_t* value_bytes, zverse_error** error) {
    Call call(error);
    call.clear(value, value_bytes);
    call.need("transaction", transaction);
    call.need("value", value);
    const auto key_view = call.key(key, key_bytes);
    return call.answer([&]() -> Result<void> {
        const auto got = transaction->transaction.get(key_view);
        if (!got) return std::unexpected(got.error());
        if (!*got) return {};
        *value = copy_of(**got);
        if (*value == nullptr) return std::unexpected(no_memory());
        if (value_bytes != nullptr) *value_bytes = (*got)->size();
        return {};
    });
}

int zverse_transaction_scan(zverse_transaction* transaction, const zverse_query* query, zverse_cursor** cursor,
                            zverse_error** error) {
    Call call(error);
    call.clear(cursor);
    call.need("transaction", transaction);
    call.need("cursor", cursor);
    const Query read = read_query(call, query);
    call.check(read.versions.after == 0, "query.after", "must be 0 for a scan");
    call.check(read.versions.upto == ZVERSE_LATEST, "query.upto", "must be ZVERSE_LATEST in a transaction");
    return call.give_new(cursor, [&] { return transaction->transaction.scan(read.keys(), read.options); });
}

int zverse_transaction_put(zverse_transaction* transaction, const void* key, size_t key_bytes, const void* value,
                           size_t value_bytes, zverse_error** error) {
    Call call(error);
    call.need("transaction", transaction);
    const auto key_view = call.key(key, key_bytes);
    const auto value_view = call.bytes("value", value, value_bytes);
    return call.answer([&]() -> Result<void> {
        transaction->transaction.put(key_view, value_view);
        return {};
    });
}

int zverse_transaction_erase(zverse_transaction* transaction, const void* key, size_t key_bytes, zverse_error** error) {
    Call call(error);
    call.need("transaction", transaction);
    const auto key_view = call.key(key, key_bytes);
    return call.answer([&]() -> Result<void> {
        transaction->transaction.erase(key_view);
        return {};
    });
}

int zverse_transaction_commit(zverse_transaction* transaction, uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(version);
    call.need("transaction", transaction);
    return call.give(version, [&] { return transaction->transaction.commit(); });
}

void zverse_transaction_free(zverse_transaction* transaction) { delete transaction; }
