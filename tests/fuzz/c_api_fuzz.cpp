// Fuzz target: the C interface's inputs: any lengths, versions, flags, sizes of structs, null pointers and orders of
// calls on one store. What a put returned with is read again; a cursor's keys ascend.
#include "fuzz_files.h"

#include <support/temp_store.h>

#include <zverse/c.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using zverse::test::harness_must;

/// One store for all inputs: to make one costs more than any input.
zverse_store* the_store() {
    static zverse::test::TempDirectory directory;
    static zverse_store* const store = [] {
        zverse_options options;
        harness_must(zverse_options_init(&options, sizeof options, nullptr) == ZVERSE_OK);
        options.ring_bytes = 1U << 20;
        options.shards = 1;
        options.write_timeout_ms = 1;
        options.retention_max_versions_behind = 1000;
        zverse_store* opened = nullptr;
        harness_must(zverse_open((directory / "store").c_str(), &options, &opened, nullptr) == ZVERSE_OK);
        return opened;
    }();
    return store;
}

/// Bytes that may be null, and may claim to be more than they are only where that is refused unread.
struct Bytes {
    explicit Bytes(FuzzedDataProvider& input)
        : text(input.ConsumeRandomLengthString(300)), is_null(input.ConsumeIntegralInRange(0, 15) == 0) {}
    [[nodiscard]] const void* data() const { return is_null ? nullptr : text.data(); }
    [[nodiscard]] std::size_t size() const { return text.size(); }
    std::string text;
    bool is_null;
};

std::uint64_t any_version(FuzzedDataProvider& input, const zverse_store* store) {
    switch (input.ConsumeIntegralInRange(0, 3)) {
        case 0: return ZVERSE_LATEST;
        case 1: return zverse_latest_version(store) - input.ConsumeIntegralInRange<std::uint64_t>(0, 20);
        case 2: return input.ConsumeIntegralInRange<std::uint64_t>(0, 20);
        default: return input.ConsumeIntegral<std::uint64_t>();
    }
}

void walk(zverse_cursor* cursor, FuzzedDataProvider& input, bool ascending) {
    std::string last;
    bool began = false;
    for (int i = 0; i < 40; ++i) {
        const zverse_entry* entry = nullptr;
        const bool seeks = input.ConsumeIntegralInRange(0, 7) == 0;
        int code = ZVERSE_OK;
        if (seeks) {
            const Bytes key(input);
            code = zverse_cursor_seek(cursor, key.data(), key.size(), &entry, nullptr);
        } else {
            code = zverse_cursor_next(cursor, &entry, nullptr);
        }
        if (code != ZVERSE_OK || entry == nullptr) break;
        const std::string key(entry->key, entry->key_bytes);
        harness_must(!ascending || !began || seeks || key > last);
        last = key;
        began = true;
    }
    zverse_cursor_free(cursor);
}

void query(FuzzedDataProvider& input, zverse_store* store, zverse_transaction* transaction) {
    const Bytes begin(input), end(input), key(input);
    zverse_query asked = ZVERSE_QUERY_INIT;
    if (input.ConsumeIntegralInRange(0, 15) == 0)
        asked.struct_bytes = input.ConsumeIntegralInRange<std::size_t>(0, 200);
    if (asked.struct_bytes > sizeof asked) asked.struct_bytes = sizeof asked;
    asked.begin = begin.data();
    asked.begin_bytes = begin.size();
    asked.end = input.ConsumeBool() ? nullptr : end.data();
    asked.end_bytes = asked.end == nullptr ? 0 : end.size();
    asked.after = any_version(input, store);
    asked.upto = any_version(input, store);
    asked.limit = input.ConsumeIntegralInRange<std::uint64_t>(0, 50);
    asked.flags = input.ConsumeIntegralInRange<std::uint32_t>(0, 9);
    asked.reserved = input.ConsumeIntegralInRange<std::uint32_t>(0, 9) == 0 ? 1 : 0;
    zverse_cursor* cursor = nullptr;
    int code = ZVERSE_OK;
    const int kind = input.ConsumeIntegralInRange(0, 3);
    switch (kind) {
        case 0: code = zverse_scan(store, &asked, &cursor, nullptr); break;
        case 1: code = zverse_history(store, key.data(), key.size(), &asked, &cursor, nullptr); break;
        case 2: code = zverse_changes(store, &asked, &cursor, nullptr); break;
        default:
            if (transaction == nullptr) return;
            code = zverse_transaction_scan(transaction, &asked, &cursor, nullptr);
    }
    harness_must((code == ZVERSE_OK) == (cursor != nullptr));
    const bool ascending = (kind == 0 || kind == 3) && (asked.flags & ZVERSE_REVERSE) == 0;
    if (code == ZVERSE_OK) walk(cursor, input, ascending);
}

void put_and_read(FuzzedDataProvider& input, zverse_store* store) {
    const Bytes key(input), value(input);
    std::uint64_t version = 0;
    zverse_error* error = nullptr;
    const int code = zverse_put(store, key.data(), key.size(), value.data(), value.size(), &version,
                                input.ConsumeBool() ? &error : nullptr);
    zverse_error_free(error);
    if (code == ZVERSE_FULL) harness_must(zverse_flush(store, nullptr) == ZVERSE_OK);
    if (code != ZVERSE_OK) return;
    char* found = nullptr;
    std::size_t bytes = 0;
    harness_must(zverse_get(store, key.data(), key.size(), version, &found, &bytes, nullptr, nullptr) == ZVERSE_OK);
    harness_must(found != nullptr && std::string(found, bytes) == value.text);
    zverse_free(found);
    char buffer[64];
    static_cast<void>(zverse_get_into(store, key.data(), key.size(), any_version(input, store), buffer,
                                      input.ConsumeIntegralInRange<std::size_t>(0, sizeof buffer), &bytes, nullptr,
                                      nullptr));
}

void transact(FuzzedDataProvider& input, zverse_store* store) {
    zverse_transaction* transaction = nullptr;
    if (zverse_begin(store, &transaction, nullptr) != ZVERSE_OK) return;
    for (int i = input.ConsumeIntegralInRange(0, 6); i > 0; --i) {
        const Bytes key(input), value(input);
        if (input.ConsumeBool()) {
            static_cast<void>(
                zverse_transaction_put(transaction, key.data(), key.size(), value.data(), value.size(), nullptr));
        } else {
            static_cast<void>(zverse_transaction_erase(transaction, key.data(), key.size(), nullptr));
        }
        if (input.ConsumeBool()) query(input, store, transaction);
    }
    if (input.ConsumeBool()) static_cast<void>(zverse_transaction_commit(transaction, nullptr, nullptr));
    if (input.ConsumeIntegralInRange(0, 9) == 0) {
        static_cast<void>(zverse_transaction_commit(transaction, nullptr, nullptr));
    }
    zverse_transaction_free(transaction);
}

void write_batch(FuzzedDataProvider& input, zverse_store* store) {
    zverse_batch* batch = nullptr;
    harness_must(zverse_batch_new(&batch, nullptr) == ZVERSE_OK);
    for (int i = input.ConsumeIntegralInRange(0, 6); i > 0; --i) {
        const Bytes key(input), value(input);
        static_cast<void>(input.ConsumeBool()
                              ? zverse_batch_put(batch, key.data(), key.size(), value.data(), value.size(), nullptr)
                              : zverse_batch_erase(batch, key.data(), key.size(), nullptr));
    }
    if (zverse_write(store, batch, nullptr, nullptr) == ZVERSE_FULL) {
        harness_must(zverse_flush(store, nullptr) == ZVERSE_OK);
    }
    zverse_batch_free(batch);
}

void pin_and_open(FuzzedDataProvider& input, zverse_store* store) {
    const Bytes name(input);
    std::uint64_t pinned = 0;
    if (zverse_pin(store, name.data(), name.size(), any_version(input, store), &pinned, nullptr) == ZVERSE_OK) {
        harness_must(zverse_unpin(store, name.data(), name.size(), nullptr) == ZVERSE_OK);
    }
    zverse_options options;
    const auto bytes = input.ConsumeIntegralInRange<std::size_t>(0, sizeof options);
    if (zverse_options_init(&options, bytes, nullptr) != ZVERSE_OK || bytes < sizeof options) return;
    options.create_if_missing = input.ConsumeIntegralInRange<std::uint32_t>(0, 2);
    options.durability = input.ConsumeIntegral<std::uint32_t>();
    options.ring_bytes = input.ConsumeIntegral<std::uint64_t>();
    options.reserved = input.ConsumeIntegralInRange<std::uint32_t>(0, 1);
    options.read_only = 1;
    zverse_store* other = nullptr;
    harness_must(zverse_open("/nonexistent/store", &options, &other, nullptr) != ZVERSE_OK && other == nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    zverse_store* const store = the_store();
    while (input.remaining_bytes() > 0) {
        switch (input.ConsumeIntegralInRange(0, 4)) {
            case 0: query(input, store, nullptr); break;
            case 1: transact(input, store); break;
            case 2: write_batch(input, store); break;
            case 3: pin_and_open(input, store); break;
            default: put_and_read(input, store);
        }
    }
    return 0;
}
