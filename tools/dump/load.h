// Load: a dump becomes a store, or part of one; either under the versions that it has, or under new ones.
//
// A preserving load commits all records of a version at once, under that version. Interrupted at any moment the store
// holds every version up to its newest whole, opens for writing only to go on, and says so. A renumbering load writes
// as any program would.
#pragma once

#include <tools/common/progress.h>
#include <tools/dump/dump_reader.h>
#include <zverse/options.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace zverse::tools {

enum class IfExists { fail, skip, overwrite };

struct LoadRequest {
    std::filesystem::path store;
    std::optional<bool> preserve;  ///< nothing: a history and changes are, a state is not
    IfExists if_exists = IfExists::fail;  ///< keys that the store had before; when versions are not preserved
    std::uint64_t batch = 10'000;  ///< records between two syncs, and, when versions are not preserved, in one commit
    bool resume = false;
    Durability durability = Durability::process;
    std::uint64_t ring_bytes = 0;  ///< of a new store; 0: as the dump says
    unsigned shards = 0;  ///< of a new store; 0: one per core
    Progress::Style progress = Progress::Style::none;  ///< of a file, whose size is known
};

struct LoadReport {
    bool preserved = false;
    std::uint64_t records = 0;  ///< that the dump had, as far as it was read
    std::uint64_t loaded = 0;  ///< written
    std::uint64_t passed_over = 0;  ///< there already
    std::uint64_t pins = 0;
    Version latest = 0, durable = 0;  ///< of the store
    std::optional<Error> error;  ///< why it is not through
};

[[nodiscard]] LoadReport load(DumpReader& reader, const LoadRequest& request);

/// Reads and checks all of a dump; no store.
[[nodiscard]] LoadReport verify_dump(DumpReader& reader, Progress::Style style = Progress::Style::none);

}  // namespace zverse::tools
