// A check of a store that nobody has open, and that may be damaged in any way: every file is read through FileIo, by
// the parsers of the library, and nothing is changed.
//
// Seven passes, each over what the one before found usable:
//   1 superblock   both copies
//   2 rings        sizes, both header copies, every frame
//   3 catalog      the manifest: both copies of every edit, and that what it says makes sense
//   4 segments     every file that the catalog names opens: headers, zones, columns, keys, dictionary
//   5 versions     what the parts say of each other: floor, pins, slabs, versions of frames
//   6 indexes      every block and record, and the key index and zones made of them
//   7 values       values outside of blocks
// Passes 6 and 7 read a segment once, together.
#pragma once

#include <platform/file_io.h>
#include <tools/common/pass_progress.h>
#include <zverse/error.h>
#include <zverse/types.h>
#include <zverse/verification.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace zverse::tools {

enum class CheckLevel : std::uint8_t {
    quick,  ///< passes 1 to 5: no blocks
    normal,  ///< blocks, records and indexes too
    full,  ///< and values outside of blocks
};

/// What of a store is looked at; the superblock always is, and the catalog where segments are.
enum class CheckPart : std::uint8_t { all, rings, catalog, segments };

struct CheckRequest {
    std::filesystem::path store;
    std::vector<std::filesystem::path>
        hot_paths;  ///< where its rings lie now; empty: where the store has them recorded
    CheckLevel level = CheckLevel::normal;
    CheckPart only = CheckPart::all;
    PassListener progress = [](const PassProgress&) {};
    std::function<bool()> stopped = [] { return false; };
};

/// What a damaged segment held, as far as its whole parts tell.
struct Affected {
    std::string first_key, last_key;
    Version version_min = 0, version_max = 0;
    std::uint64_t records = 0;
};

struct CheckReport {
    Verification seen;
    /// Copies that a crash may have cut short while they were written: each has a whole one beside it. Of a store that
    /// was closed, these are findings.
    std::vector<Finding> left_by_crash;
    std::string uuid;  ///< empty when nothing tells it
    bool clean_shutdown = false;  ///< false, too, where rings were not looked at
    /// The next opening for writing has something to recover or to remove. No error.
    bool needs_recovery = false;
    bool load_unfinished = false;  ///< only who goes on with it may open the store for writing
    bool cancelled = false;
    Version floor = 0;
    Version durable = 0;  ///< everything up to it has reached the medium, says the store
    Version max_seen = 0;  ///< newest version of a whole frame or a settled record
    std::map<std::string, Affected> affected;  ///< by file of a finding
    double seconds = 0;

    [[nodiscard]] bool clean() const noexcept { return seen.findings.empty(); }
};

/// Takes the store's shared lock. Errors: not_found (no store there), locked (names the holder), incompatible, io,
/// full (memory or file descriptors ran out). Damage is a finding.
[[nodiscard]] Result<CheckReport> check_store(platform::FileIo& io, const CheckRequest& request);

}  // namespace zverse::tools
