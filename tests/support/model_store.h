// ModelStore: the oracle. The plainest versioned key-value store there can be, a map of maps; whatever the engine
// answers must be what this answers. It keeps every record until drain(), and takes its versions from the engine.
#pragma once

#include <zverse/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::test {

/// One key's change under some version: a value, or nothing for a tombstone.
struct Change {
    std::string key;
    std::optional<std::string> value;
};

/// What a cursor must show. The views are into the model, valid until its next drain() or cut_off_above().
using ModelEntry = Entry;
[[nodiscard]] bool equal(const Entry& left, const Entry& right);
/// For messages: key and value abbreviated and escaped.
[[nodiscard]] std::string describe(const Entry& entry);

class ModelStore {
public:
    struct Found {
        std::optional<std::string_view> value;
        Version version = 0;  ///< of the newest record, a tombstone's too; 0: there is none
    };

    /// One commit. Of several changes of one key the last wins.
    void commit(Version version, const std::vector<Change>& changes);

    /// The newest record of `key` with a version <= as_of.
    [[nodiscard]] Found find(std::string_view key, Version as_of = kLatest) const;
    /// Would put_if(key, expected) succeed? 0 matches an absent or erased key; a tombstone's version nothing.
    [[nodiscard]] bool matches(std::string_view key, Version expected) const;

    /// The whole answers, before limit and keys_only.
    [[nodiscard]] std::vector<ModelEntry> scan(const KeyRange& range, Version as_of, bool reverse) const;
    [[nodiscard]] std::vector<ModelEntry> history(std::string_view key, VersionRange versions, bool reverse) const;
    [[nodiscard]] std::vector<ModelEntry> changes(VersionRange versions, const KeyRange& range, bool reverse) const;

    /// Forgets every record with a version <= `upto`, as StoreAccess::drain() makes the engine do.
    void drain(Version upto);
    /// Forgets every record with a version > `last`: what a power cut does to class process. The oldest forgotten
    /// version, or 0.
    Version cut_off_above(Version last);

    [[nodiscard]] std::size_t records() const noexcept { return records_; }
    [[nodiscard]] std::size_t keys() const noexcept { return keys_.size(); }
    /// Of any record kept; 0 when there is none.
    [[nodiscard]] Version newest_version() const;

private:
    using Records = std::map<Version, std::optional<std::string>>;
    void forget(Version version, const std::vector<std::string>& keys);

    std::map<std::string, Records, std::less<>> keys_;
    std::map<Version, std::vector<std::string>> commits_;  // its keys, sorted
    std::size_t records_ = 0;
};

/// `key` lies in the range.
[[nodiscard]] bool contains(const KeyRange& range, std::string_view key);
/// The first `limit` entries (0: all), without values when keys_only.
[[nodiscard]] std::vector<ModelEntry> limited(std::vector<ModelEntry> entries, const ScanOptions& options);

/// What a Cursor must do, call by call: the same entries, limit and seek rules.
class ModelCursor {
public:
    ModelCursor(std::vector<ModelEntry> entries, ScanOptions options)
        : entries_(std::move(entries)), options_(options) {}

    /// The entry that next() must move to, or null at the end.
    [[nodiscard]] const ModelEntry* next();
    [[nodiscard]] const ModelEntry* seek(std::string_view key);

private:
    [[nodiscard]] const ModelEntry* take();

    std::vector<ModelEntry> entries_;
    ScanOptions options_;
    std::size_t next_ = 0;  // the entry that next() would move to
    std::uint64_t taken_ = 0;
};

}  // namespace zverse::test
