// TreeRecords: the records of a key range of a tree by version, for changes. See key_history.h for those of one key.
//
// What is asked for may be more than memory holds, so the answer is a stretch of versions: everything between where it
// was told to begin and where it says it ended. Stretch by stretch each is a pass over the blocks of what is left; who
// goes on has changes_sort.h.
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

/// The records of a key range with versions in `wanted`, by (version, key): from the oldest on, or in the reverse
/// order. At most about `most` of them, never a part of a version. Returns the stretch that `places` holds all of.
/// Memory: twice `most` places, and a piece of a file. Errors: corrupt, io, full (memory).
[[nodiscard]] Result<VersionStretch> records_of_range(platform::FileIo& io, const Tree& tree, KeySpan keys,
                                                      VersionStretch wanted, bool reverse, std::size_t most,
                                                      std::vector<RecordPlace>& places);

}  // namespace zverse::cold
