// Point reads. All but zverse_multi_get look at the record where it lies and copy it once, to where the caller wants.
#include <c_api/call.h>
#include <c_api/handles.h>
#include <zverse/types.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace zverse::c_api;
using zverse::Entry;
using zverse::Error;
using zverse::ErrorCode;
using zverse::Result;

int zverse_get(const zverse_store* store, const void* key, size_t key_bytes, uint64_t as_of, char** value,
               size_t* value_bytes, uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(value, value_bytes, version);
    call.need("store", store);
    call.need("value", value);
    const auto key_view = call.key(key, key_bytes);
    return call.answer([&]() -> Result<void> {
        const auto copy = [&](const Entry& entry) {
            *value = copy_of(entry.value);
            if (*value == nullptr) return;
            if (value_bytes != nullptr) *value_bytes = entry.value.size();
            if (version != nullptr) *version = entry.version;
        };
        const auto found = store->store.visit(key_view, copy, as_of);
        if (!found) return std::unexpected(found.error());
        if (*found && *value == nullptr) return std::unexpected(no_memory());
        return {};
    });
}

int zverse_get_into(const zverse_store* store, const void* key, size_t key_bytes, uint64_t as_of, void* buffer,
                    size_t buffer_bytes, size_t* value_bytes, uint64_t* version, zverse_error** error) {
    Call call(error);
    call.clear(value_bytes, version);
    call.need("store", store);
    call.check(buffer != nullptr || buffer_bytes == 0, "buffer", "is NULL, but buffer_bytes is not 0");
    call.need("value_bytes", value_bytes);
    const auto key_view = call.key(key, key_bytes);
    return call.answer([&]() -> Result<void> {
        const auto copy = [&](const Entry& entry) {
            *value_bytes = entry.value.size();
            if (version != nullptr) *version = entry.version;
            if (!entry.value.empty() && entry.value.size() <= buffer_bytes) {
                std::memcpy(buffer, entry.value.data(), entry.value.size());
            }
        };
        const auto found = store->store.visit(key_view, copy, as_of);
        if (!found) return std::unexpected(found.error());
        if (*value_bytes <= buffer_bytes) return {};
        return std::unexpected(Error(
            ErrorCode::invalid_argument,
            "the value has " + std::to_string(*value_bytes) + " bytes, the buffer " + std::to_string(buffer_bytes)));
    });
}

int zverse_visit(const zverse_store* store, const void* key, size_t key_bytes, uint64_t as_of, zverse_visitor visitor,
                 void* context, int* found, zverse_error** error) {
    Call call(error);
    call.clear(found);
    call.need("store", store);
    call.check(visitor != nullptr, "visitor", "is NULL");
    const auto key_view = call.key(key, key_bytes);
    return call.give(found, [&] {
        const auto show = [&](const Entry& entry) {
            const zverse_entry seen = shown(entry);
            visitor(context, &seen);
        };
        return store->store.visit(key_view, show, as_of);
    });
}

namespace {

std::vector<std::string_view> read_keys(Call& call, const zverse_bytes* keys, std::size_t count) {
    std::vector<std::string_view> views;
    views.reserve(count);
    for (const zverse_bytes& key : std::span(keys, count)) views.push_back(call.key(key.data, key.bytes));
    return views;
}

/// All values in one piece of memory, which is the caller's; NULL without memory.
void* lay_out(std::span<const std::optional<std::string>> from, zverse_bytes* values) noexcept {
    std::size_t bytes = 0;
    for (const auto& value : from) bytes += value ? value->size() + 1 : 0;
    char* const memory = static_cast<char*>(::operator new(bytes + 1, std::nothrow));
    char* place = memory;
    for (std::size_t i = 0; memory != nullptr && i < from.size(); ++i) {
        if (!from[i]) continue;
        values[i] = {place, from[i]->size()};
        std::memcpy(place, from[i]->c_str(), from[i]->size() + 1);
        place += from[i]->size() + 1;
    }
    return memory;
}

}  // namespace

int zverse_multi_get(const zverse_store* store, const zverse_bytes* keys, size_t count, uint64_t as_of,
                     zverse_bytes* values, void** memory, zverse_error** error) {
    Call call(error);
    call.clear(memory);
    call.need("store", store);
    call.check(count <= zverse::kBatchOperationsMax, "count", "is more than 1,048,576");
    call.check(keys != nullptr || count == 0, "keys", "is NULL, but count is not 0");
    call.check(values != nullptr || count == 0, "values", "is NULL, but count is not 0");
    call.need("memory", memory);
    return call.answer([&]() -> Result<void> {
        std::fill_n(values, count, zverse_bytes{});
        const auto views = read_keys(call, keys, count);
        if (!call.good()) return std::unexpected(call.flaw());
        std::vector<std::optional<std::string>> found(count);
        if (auto got = store->store.multi_get(views, found, as_of); !got) return got;
        *memory = lay_out(found, values);
        if (*memory == nullptr) return std::unexpected(no_memory());
        return {};
    });
}
