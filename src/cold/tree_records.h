// TreeRecords: records of a tree by version: all of one key, or all of a key range. For histories and changes.
//
// What is asked for may be more than memory holds, so both answer a stretch of versions at a time: everything between
// where they were told to begin and where they say they ended.
#pragma once

#include <cold/component.h>
#include <cold/tree_scan.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// A record's place; what it says and its key are taken out with read().
struct RecordPlace {
    Version version;
    const Segment* segment;
    std::uint32_t block;
    std::uint32_t offset;
};

/// A record, and what holds it.
struct HeldRecord : StoredRecord {
    BlockHold hold;
};

/// Reads what lies at a place. `key` owns the key. Errors: corrupt, full (memory).
[[nodiscard]] Result<HeldRecord> read_record(const RecordPlace& place, std::string& key);

/// A stretch of versions, whole.
struct VersionStretch {
    Version after = 0;
    Version upto = 0;
};

/// The records of `key` with versions in `wanted`, by version: from the newest on, or from the oldest when `reverse`.
/// At least `enough` of them where there are so many, and usually not many more: what one component holds of the key is
/// taken at once. Returns the stretch that `places` holds all of: it ends where `wanted` does, or reaches as far as
/// there was enough. Errors: corrupt.
[[nodiscard]] Result<VersionStretch> records_of_key(const Tree& tree, std::string_view key, VersionStretch wanted,
                                                    bool reverse, std::size_t enough, std::vector<RecordPlace>& places);

/// The records of a key range with versions in `wanted`, by (version, key): from the oldest on, or in the reverse
/// order. At most about `most` of them, never a part of a version. Returns the stretch that `places` holds all of.
/// Memory: twice `most` places. Errors: corrupt.
[[nodiscard]] Result<VersionStretch> records_of_range(const Tree& tree, KeySpan keys, VersionStretch wanted,
                                                      bool reverse, std::size_t most, std::vector<RecordPlace>& places);

}  // namespace zverse::cold
