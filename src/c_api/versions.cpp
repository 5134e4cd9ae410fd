// Versions: which there are, when they were, and waiting for them.
#include <c_api/call.h>
#include <c_api/handles.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

using namespace zverse::c_api;

uint64_t zverse_latest_version(const zverse_store* store) {
    return store != nullptr ? store->store.latest_version() : 0;
}

uint64_t zverse_durable_version(const zverse_store* store) {
    return store != nullptr ? store->store.durable_version() : 0;
}

uint64_t zverse_floor(const zverse_store* store) { return store != nullptr ? store->store.floor() : 0; }

int zverse_version_at(const zverse_store* store, int64_t unix_ms, uint64_t* version, zverse_error** error) {
    using std::chrono::milliseconds;
    using std::chrono::system_clock;
    // The clock counts in finer units, so its ends are nearer than those of int64_t; no store was there at either.
    constexpr milliseconds kFirst = std::chrono::ceil<milliseconds>(system_clock::duration::min());
    constexpr milliseconds kLast = std::chrono::floor<milliseconds>(system_clock::duration::max());
    Call call(error);
    call.clear(version);
    call.need("store", store);
    call.need("version", version);
    const milliseconds since = std::clamp(milliseconds(unix_ms), kFirst, kLast);
    return call.give(version, [&] { return store->store.version_at(system_clock::time_point(since)); });
}

int zverse_sync(zverse_store* store, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    return call.answer([&] { return store->store.sync(); });
}

int zverse_wait_durable(zverse_store* store, uint64_t version, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    return call.answer([&] { return store->store.wait_durable(version); });
}

int zverse_wait_newer(const zverse_store* store, uint64_t after, uint64_t timeout_ms, uint64_t* version,
                      zverse_error** error) {
    Call call(error);
    call.clear(version);
    call.need("store", store);
    call.need("version", version);
    const std::chrono::milliseconds timeout(std::min<std::uint64_t>(timeout_ms, INT64_MAX));
    return call.give(version, [&] { return store->store.wait_newer(after, timeout); });
}
