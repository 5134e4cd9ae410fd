// ChangesSort: all records of a key range with versions in a stretch, by (version, key) or the reverse, however many.
//
// Data flow: blocks that may hold such a record, each read once and in bulk -> records -> SpillSort -> one after the
// other. Keys and values are sorted with their records: afterwards they are read in order, where the places of records
// would be a random block each (docs/decisions/0017). Only values that lie outside of their blocks stay there, and then
// their segments are held until the sort goes; else nothing is held once it is sorted.
//
// Memory: as it is told; the pieces that are read are part of it.
//
// Threads: one at a time.
#pragma once

#include <cold/bulk_reader.h>
#include <cold/spill_sort.h>
#include <cold/tree_records.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

class ChangesSort {
public:
    struct Wanted {
        KeySpan keys;
        VersionStretch versions;
        bool reverse = false;
        bool keys_only = false;
    };
    struct Means {
        platform::FileIo& io;
        SpillSpace* space = nullptr;  ///< null: there is none
        std::size_t memory_bytes = 0;
        std::function<Result<void>()> interrupt;  ///< asked now and then; its error ends the sort
    };

    explicit ChangesSort(const Wanted& wanted, Means means);
    /// Places it on the first record. The tree need not stay. Errors: corrupt, io, full, those of `interrupt`; and
    /// where lost() says so, of what was spilled: then there is another way.
    [[nodiscard]] Result<void> sort(const Tree& tree);

    [[nodiscard]] bool lost() const noexcept { return sort_.lost(); }
    [[nodiscard]] bool spilled() const noexcept { return sort_.spilled(); }
    [[nodiscard]] bool valid() const noexcept { return sort_.valid(); }
    [[nodiscard]] Version version() const noexcept { return sort_.record().version; }
    [[nodiscard]] std::string_view key() const noexcept { return sort_.record().key; }
    [[nodiscard]] bool tombstone() const noexcept { return sort_.record().tombstone; }
    /// Valid until next(). Errors: corrupt.
    [[nodiscard]] Result<std::string_view> value();
    /// Errors: as of sort().
    [[nodiscard]] Result<void> next() { return sort_.next(); }

private:
    [[nodiscard]] Result<void> take_part(const std::shared_ptr<const Segment>& part, std::string_view begin);
    [[nodiscard]] Result<void> take_block(BulkReader& reader, std::size_t number, std::string_view begin);
    [[nodiscard]] Result<void> take_record(BulkReader& reader, const StoredRecord& record);

    const Wanted wanted_;
    const Means means_;
    const std::size_t read_bytes_;
    SpillSort sort_;
    std::vector<std::shared_ptr<const Segment>> outside_;  ///< where values lie that were not sorted
    std::string key_;
    BlockHold value_hold_;
};

}  // namespace zverse::cold
