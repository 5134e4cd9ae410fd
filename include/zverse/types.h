// The words of ZVerse: versions, entries and ranges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zverse {

/// One per committed write or batch, strictly increasing over the whole store, never reused. 0 is before
/// everything; at most 2^58 - 1. Not dense: the store takes some for itself, to remember times, and after anything but
/// a clean close versions go on at a limit persisted ahead, up to 2^24 further.
using Version = std::uint64_t;

/// "The newest state", resolved when the call is made.
inline constexpr Version kLatest = ~Version{0};

/// Limits of the data model. A frame (one put, or one whole batch with its overhead) fits a quarter of a ring.
inline constexpr std::uint64_t kKeyBytesMax = 65'535;
inline constexpr std::uint64_t kBatchOperationsMax = 1'048'576;
inline constexpr Version kVersionMax = (Version{1} << 58) - 1;

/// One record: a key's value, or its tombstone, at one version. From a Cursor, the views are valid until its
/// next next() or seek(); in a visit() callback, until the callback returns.
struct Entry {
    std::string_view key;
    std::string_view value;
    Version version = 0;
    bool tombstone = false;
};

/// The keys in [begin, end) by unsigned byte order; an empty `end` is no upper bound. Equal bounds hold
/// nothing; begin > end is invalid_argument.
struct KeyRange {
    std::string begin;
    std::string end;
};

/// Every key that begins with `prefix`; an empty prefix is every key.
[[nodiscard]] KeyRange prefix_range(std::string_view prefix);

/// The versions in (after, upto].
struct VersionRange {
    Version after = 0;
    Version upto = kLatest;
};

struct ScanOptions {
    bool reverse = false;      ///< From the upper end of the range downwards.
    std::uint64_t limit = 0;   ///< At most this many entries; 0 = all.
    bool keys_only = false;    ///< Leave Entry::value empty.
};

}  // namespace zverse
