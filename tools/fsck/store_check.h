// A check of a store that nobody has open, and that may be damaged in any way: every file is read through FileIo, by
// the parsers of the library, and nothing is changed.
//
// Eight passes, each over what the one before found usable:
//   1 superblock   both copies
//   2 rings        sizes, both header copies, every frame
//   3 catalog      the manifest: both copies of every edit, and that what it says makes sense
//   4 segments     every file that the catalog names opens: headers, zones, columns, keys, dictionary
//   5 versions     what the parts say of each other: floor, pins, slabs, versions of frames
//   6 indexes      every block and record, and the key index and zones made of them
//   7 values       values outside of blocks
//   8 answers      level paranoid: what the store answers, against what its files hold
// Passes 6 and 7 read a segment once, together.
#pragma once

#include <platform/file_io.h>
#include <tools/common/pass_progress.h>
#include <tools/fsck/answers_check.h>
#include <tools/fsck/rebuildable.h>
#include <tools/fsck/second_look.h>
#include <zverse/error.h>
#include <zverse/types.h>
#include <zverse/verification.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zverse::tools {

enum class CheckLevel : std::uint8_t {
    quick,  ///< passes 1 to 5: no blocks
    normal,  ///< blocks, records and indexes too
    full,  ///< and values outside of blocks
    paranoid,  ///< and what the store answers; see answers_check.h
};

/// What of a store is looked at; the superblock always is, and the catalog where segments are.
enum class CheckPart : std::uint8_t { all, rings, catalog, segments };

struct CheckRequest {
    std::filesystem::path store;
    std::vector<std::filesystem::path>
        hot_paths;  ///< where its rings lie now; empty: where the store has them recorded
    CheckLevel level = CheckLevel::normal;
    CheckPart only = CheckPart::all;
    unsigned threads = 1;  ///< that look at segments; `stopped` is asked by all of them
    std::uint64_t memory_bytes = std::uint64_t{512} << 20;  ///< of indexes of segments, and of frames' versions
    bool look_twice = false;  ///< at damaged pieces of segments, see second_look.h; always so at level paranoid
    std::size_t second_looks_max = kSecondLooksUsual;
    std::filesystem::path
        resume;  ///< goes on behind what an earlier check found whole, see checked_segments.h; or empty
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
    bool shutdown_known = false;  ///< rings were looked at
    /// The next opening for writing has something to recover or to remove. No error.
    bool needs_recovery = false;
    bool load_unfinished = false;  ///< only who goes on with it may open the store for writing
    bool cancelled = false;
    Version floor = 0;
    Version durable = 0;  ///< everything up to it has reached the medium, says the store
    Version max_seen = 0;  ///< newest version of a whole frame or a settled record
    /// What could not be done beside the check: to note how far it came, to ask the store.
    std::vector<Error> failures;
    std::uint64_t segments_passed_over = 0;  ///< found whole by the check that this one goes on from
    SecondLooks second_looks;
    /// Level paranoid, of a store that was closed cleanly and in which nothing was found.
    std::optional<AnswersSeen> answers;
    RebuildableSegments rebuildable;  ///< of those with findings; not looked for at level quick
    std::map<std::string, Affected> affected;  ///< by file of a finding
    double seconds = 0;

    [[nodiscard]] bool clean() const noexcept { return seen.findings.empty(); }
};

[[nodiscard]] const char* to_string(CheckLevel level) noexcept;

/// Takes the store's shared lock. Errors: not_found (no store there), locked (names the holder), incompatible, io,
/// full (memory or file descriptors ran out, or a segment needs more than `memory_bytes`), invalid_argument (`resume`
/// is of another check). Damage is a finding.
[[nodiscard]] Result<CheckReport> check_store(platform::FileIo& io, const CheckRequest& request);

}  // namespace zverse::tools
