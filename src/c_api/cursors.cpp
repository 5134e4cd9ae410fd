// Scans, histories and changes.
#include <c_api/call.h>
#include <c_api/handles.h>
#include <c_api/query.h>

using namespace zverse::c_api;
using zverse::Result;

namespace zverse::c_api {

zverse_entry shown(const Entry& entry) noexcept {
    // Views of nothing may point nowhere; C may rely on a pointer.
    const auto data = [](std::string_view view) { return view.data() != nullptr ? view.data() : ""; };
    return {data(entry.key),    entry.key.size(), data(entry.value),
            entry.value.size(), entry.version,    entry.tombstone ? 1 : 0};
}

}  // namespace zverse::c_api

int zverse_scan(const zverse_store* store, const zverse_query* query, zverse_cursor** cursor, zverse_error** error) {
    Call call(error);
    call.clear(cursor);
    call.need("store", store);
    call.need("cursor", cursor);
    const Query read = read_query(call, query);
    call.check(read.versions.after == 0, "query.after", "must be 0 for a scan");
    return call.give_new(cursor, [&] { return store->store.scan(read.keys(), read.versions.upto, read.options); });
}

int zverse_history(const zverse_store* store, const void* key, size_t key_bytes, const zverse_query* query,
                   zverse_cursor** cursor, zverse_error** error) {
    Call call(error);
    call.clear(cursor);
    call.need("store", store);
    call.need("cursor", cursor);
    const auto key_view = call.key(key, key_bytes);
    const Query read = read_query(call, query);
    call.check(read.all_keys(), "query", "must have no range of keys for a history");
    return call.give_new(cursor, [&] { return store->store.history(key_view, read.versions, read.options); });
}

int zverse_changes(const zverse_store* store, const zverse_query* query, zverse_cursor** cursor, zverse_error** error) {
    Call call(error);
    call.clear(cursor);
    call.need("store", store);
    call.need("cursor", cursor);
    const Query read = read_query(call, query);
    return call.give_new(cursor, [&] { return store->store.changes(read.versions, read.keys(), read.options); });
}

namespace {

/// The entry that a move came to.
Result<const zverse_entry*> arrived(zverse_cursor& cursor, const zverse::Entry& at) noexcept {
    cursor.entry = shown(at);
    return &cursor.entry;
}

Result<const zverse_entry*> next(zverse_cursor& cursor) {
    if (auto* pins = std::get_if<PinList>(&cursor.source)) {
        return pins->next() ? arrived(cursor, pins->entry()) : nullptr;
    }
    auto& walk = std::get<zverse::Cursor>(cursor.source);
    const auto moved = walk.next();
    if (!moved) return std::unexpected(moved.error());
    return *moved ? arrived(cursor, walk.entry()) : nullptr;
}

Result<const zverse_entry*> seek(zverse_cursor& cursor, std::string_view key) {
    auto* const walk = std::get_if<zverse::Cursor>(&cursor.source);
    if (walk == nullptr) {
        return std::unexpected(zverse::Error(zverse::ErrorCode::invalid_argument, "only a scan can seek"));
    }
    const auto moved = walk->seek(key);
    if (!moved) return std::unexpected(moved.error());
    return *moved ? arrived(cursor, walk->entry()) : nullptr;
}

}  // namespace

int zverse_cursor_next(zverse_cursor* cursor, const zverse_entry** entry, zverse_error** error) {
    Call call(error);
    call.clear(entry);
    call.need("cursor", cursor);
    call.need("entry", entry);
    return call.give(entry, [&] { return next(*cursor); });
}

int zverse_cursor_seek(zverse_cursor* cursor, const void* key, size_t key_bytes, const zverse_entry** entry,
                       zverse_error** error) {
    Call call(error);
    call.clear(entry);
    call.need("cursor", cursor);
    call.need("entry", entry);
    const auto key_view = call.bytes("key", key, key_bytes);
    return call.give(entry, [&] { return seek(*cursor, key_view); });
}

void zverse_cursor_free(zverse_cursor* cursor) { delete cursor; }
