// ApiTest: one small store for each test, and cursors as lists of words.
#pragma once

#include <support/results.h>
#include <support/temp_store.h>

#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::test {

using Keys = std::vector<std::string>;

class ApiTest : public ::testing::Test {
protected:
    /// "key=value@version" of each entry left, or "key!version" for a tombstone.
    static std::vector<std::string> all(Result<Cursor> opened) {
        Cursor cursor = must(std::move(opened));
        std::vector<std::string> entries;
        while (must(cursor.next())) {
            const Entry& entry = cursor.entry();
            entries.push_back(std::string(entry.key) + (entry.tombstone ? "!" : "=" + std::string(entry.value) + "@") +
                              std::to_string(entry.version));
        }
        return entries;
    }
    static std::vector<std::string> keys(Result<Cursor> opened) {
        Cursor cursor = must(std::move(opened));
        std::vector<std::string> keys;
        while (must(cursor.next())) keys.emplace_back(cursor.entry().key);
        return keys;
    }
    static std::string at(std::string_view text, Version version) {
        return std::string(text) + std::to_string(version);
    }
    Version put(std::string_view key, std::string_view value) { return must(store.put(key, value)); }

    TempDirectory directory;
    Store store = must(Store::open(directory / "store", small_options()));
};

}  // namespace zverse::test
