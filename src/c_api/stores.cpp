// Opening, closing and freeing a store.
#include <c_api/call.h>
#include <c_api/handles.h>
#include <c_api/options.h>

using namespace zverse::c_api;

int zverse_open(const char* path, const zverse_options* options, zverse_store** store, zverse_error** error) {
    Call call(error);
    call.clear(store);
    call.need("path", path);
    call.need("store", store);
    const zverse_options read = read_options(call, options);
    return call.give_new(store, [&] { return zverse::Store::open(path, to_options(read)); });
}

int zverse_close(zverse_store* store, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    return call.answer([&] { return store->store.close(); });
}

void zverse_store_free(zverse_store* store) { delete store; }
