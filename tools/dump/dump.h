// Dump: what a store holds, written out. Memory stays at a record and, for what lies below the floor, at the keys of
// one pass (base_records.h), whatever the store's size.
#pragma once

#include <tools/common/progress.h>
#include <tools/dump/dump_format.h>
#include <tools/dump/dump_writer.h>
#include <zverse/store.h>

#include <cstdint>
#include <optional>

namespace zverse::tools {

struct DumpRequest {
    DumpKind kind = DumpKind::state;
    Version since = 0;
    std::optional<Version> until;  ///< nothing: what survives power loss when the dump begins
    KeyRange keys;
    bool values = true;
    Progress::Style progress = Progress::Style::none;  ///< of a history and changes, whose versions are known
    std::uint64_t sort_bytes_max = std::uint64_t{64} << 20;  ///< of keys of records below the floor
};

struct DumpReport {
    Version until = 0;
    std::uint64_t records = 0;
};

/// The store may be written to meanwhile. Errors: the library's, the writer's, and what stopped() says.
[[nodiscard]] Result<DumpReport> dump(const Store& store, const DumpRequest& request, DumpWriter& writer);

}  // namespace zverse::tools
