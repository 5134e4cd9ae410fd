// What holds versions against the floor: snapshots and named pins.
#include <c_api/call.h>
#include <c_api/handles.h>

using namespace zverse::c_api;
using zverse::Result;

int zverse_snapshot_new(const zverse_store* store, zverse_snapshot** snapshot, zverse_error** error) {
    Call call(error);
    call.clear(snapshot);
    call.need("store", store);
    call.need("snapshot", snapshot);
    return call.give_new(snapshot, [&] { return Result<zverse::Snapshot>(store->store.snapshot()); });
}

uint64_t zverse_snapshot_version(const zverse_snapshot* snapshot) {
    return snapshot != nullptr ? snapshot->snapshot.version() : 0;
}

void zverse_snapshot_free(zverse_snapshot* snapshot) { delete snapshot; }

int zverse_pin(zverse_store* store, const void* name, size_t name_bytes, uint64_t version, uint64_t* pinned,
               zverse_error** error) {
    Call call(error);
    call.clear(pinned);
    call.need("store", store);
    const auto name_view = call.bytes("name", name, name_bytes);
    return call.give(pinned, [&] { return store->store.pin(name_view, version); });
}

int zverse_unpin(zverse_store* store, const void* name, size_t name_bytes, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    const auto name_view = call.bytes("name", name, name_bytes);
    return call.answer([&] { return store->store.unpin(name_view); });
}

int zverse_pins(const zverse_store* store, zverse_cursor** cursor, zverse_error** error) {
    Call call(error);
    call.clear(cursor);
    call.need("store", store);
    call.need("cursor", cursor);
    return call.give_new(cursor, [&]() -> Result<PinList> {
        auto pins = store->store.pins();
        if (!pins) return std::unexpected(std::move(pins.error()));
        return PinList(std::move(*pins));
    });
}
