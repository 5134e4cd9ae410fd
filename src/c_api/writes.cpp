// Puts, erases and batches.
#include <c_api/call.h>
#include <c_api/handles.h>

#include <cstddef>

using namespace zverse::c_api;

int zverse_put(zverse_store* store, const void* key, size_t key_bytes, const void* value, size_t value_bytes,
               uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(version);
    call.need("store", store);
    const auto key_view = call.key(key, key_bytes);
    const auto value_view = call.bytes("value", value, value_bytes);
    return call.give(version, [&] { return store->store.put(key_view, value_view); });
}

int zverse_erase(zverse_store* store, const void* key, size_t key_bytes, uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(version);
    call.need("store", store);
    const auto key_view = call.key(key, key_bytes);
    return call.give(version, [&] { return store->store.erase(key_view); });
}

int zverse_put_if(zverse_store* store, const void* key, size_t key_bytes, const void* value, size_t value_bytes,
                  uint64_t expected, uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(version);
    call.need("store", store);
    const auto key_view = call.key(key, key_bytes);
    const auto value_view = call.bytes("value", value, value_bytes);
    return call.give(version, [&] { return store->store.put_if(key_view, value_view, expected); });
}

int zverse_batch_new(zverse_batch** batch, zverse_error** error) {
    Call call(error);
    call.clear(batch);
    call.need("batch", batch);
    return call.give_new(batch, [] { return zverse::Result<zverse::WriteBatch>{}; });
}

namespace {

/// What a batch could not take for want of memory is told at once; it takes no more until it is cleared, since
/// zverse_write would refuse it.
template <class Add>
int add_to(zverse_batch* batch, Call& call, Add&& add) {
    call.need("batch", batch);
    return call.answer([&]() -> zverse::Result<void> {
        const std::size_t before = batch->batch.size();
        add(batch->batch);
        if (batch->batch.size() == before) return std::unexpected(no_memory());
        return {};
    });
}

}  // namespace

int zverse_batch_put(zverse_batch* batch, const void* key, size_t key_bytes, const void* value, size_t value_bytes,
                     zverse_error** error) {
    Call call(error);
    const auto key_view = call.key(key, key_bytes);
    const auto value_view = call.bytes("value", value, value_bytes);
    return add_to(batch, call, [&](zverse::WriteBatch& writes) { writes.put(key_view, value_view); });
}

int zverse_batch_erase(zverse_batch* batch, const void* key, size_t key_bytes, zverse_error** error) {
    Call call(error);
    const auto key_view = call.key(key, key_bytes);
    return add_to(batch, call, [&](zverse::WriteBatch& writes) { writes.erase(key_view); });
}

void zverse_batch_size(const zverse_batch* batch, size_t* operations, size_t* bytes) {
    if (operations != nullptr) *operations = batch != nullptr ? batch->batch.size() : 0;
    if (bytes != nullptr) *bytes = batch != nullptr ? batch->batch.bytes() : 0;
}

void zverse_batch_clear(zverse_batch* batch) {
    if (batch != nullptr) batch->batch.clear();
}

void zverse_batch_free(zverse_batch* batch) { delete batch; }

int zverse_write(zverse_store* store, const zverse_batch* batch, uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(version);
    call.need("store", store);
    call.need("batch", batch);
    return call.give(version, [&] { return store->store.write(batch->batch); });
}
