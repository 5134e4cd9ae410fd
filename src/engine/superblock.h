// Superblock: what a store is, and what survives of its last opening.
//
// One file of two copies, each whole on its own: a write goes to the older copy, is synced, then to the other and is
// synced again, so that either copy alone tells everything. Read and written through FileIo.
#pragma once

#include <hot/layout.h>
#include <platform/audit.h>
#include <platform/capabilities.h>
#include <platform/file_io.h>
#include <zverse/error.h>
#include <zverse/options.h>
#include <zverse/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::engine {

inline constexpr std::uint64_t kSuperblockMagic = 0x315245505553565a;  // "ZVSUPER1", little-endian
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kSuperblockCopyBytes = 16384;
inline constexpr std::size_t kLostWindowsMax = 128;
inline constexpr std::size_t kVersionLeapsMax = 128;
inline constexpr std::size_t kHotPathsBytes = 8192;
/// A load is under way (load.cpp): only who goes on with it may write.
inline constexpr std::uint64_t kFeatureLoad = 1;

/// Versions (after, upto] that a power cut took: reads as of them are version_unknown.
struct LostWindow {
    std::uint64_t after;
    std::uint64_t upto;
};

/// Versions (after, upto] that nobody was handed out: a clock that was not closed begins anew at its limit. How far a
/// version lies behind another is counted without them.
struct VersionLeap {
    std::uint64_t after;
    std::uint64_t upto;
};

/// One copy.
///
///   offset  size  field
///        0     8  magic
///        8     4  format           kFormatVersion
///       12     4  shards           number of rings; fixed at creation
///       16     8  features         bits this build must know to open the store: kFeatureLoad
///       24     8  sequence         grows with every write of a copy
///       32    16  store            uuid
///       48    16  secret           keys validity words, checksums and hashes
///       64     8  ring_bytes       size of each ring; fixed at creation
///       72     4  durability       class of the last opening for writing: 0 power, 1 process
///       76     4  lost_count       entries used in lost
///       80    16  boot             boot id of the last opening for writing
///       96     8  clock_limit      no version above it was ever handed out
///      104     8  settled          everything up to it is in the cold tier: a manifest with a lower cut lacks edits
///      112     8  created          nanoseconds since 1970
///      120     8  hot_paths_bytes  used of hot_paths
///      128  2048  lost             LostWindow[128], ascending
///     2176  8192  hot_paths        directories of the rings, each ended by a zero byte; none: <store>/hot
///    10368     8  leap_count       entries used in leaps
///    10376  2048  leaps            VersionLeap[128], ascending
///    12424     8  load_base        kFeatureLoad: the latest version when the load began; else 0
///    12432  3944  reserved         zero
///    16376     8  checksum         XXH3-64 of bytes [0, 16376)
struct SuperblockCopy {
    std::uint64_t magic;
    std::uint32_t format;
    std::uint32_t shards;
    std::uint64_t features;
    std::uint64_t sequence;
    std::uint64_t store[2];
    std::uint64_t secret[2];
    std::uint64_t ring_bytes;
    std::uint32_t durability;
    std::uint32_t lost_count;
    std::uint64_t boot[2];
    std::uint64_t clock_limit;
    std::uint64_t settled;
    std::uint64_t created;
    std::uint64_t hot_paths_bytes;
    std::array<LostWindow, kLostWindowsMax> lost;
    std::array<char, kHotPathsBytes> hot_paths;
    std::uint64_t leap_count;
    std::array<VersionLeap, kVersionLeapsMax> leaps;
    std::uint64_t load_base;
    std::array<std::byte, 3944> reserved;
    std::uint64_t checksum;
};
static_assert(sizeof(SuperblockCopy) == kSuperblockCopyBytes);
static_assert(offsetof(SuperblockCopy, lost) == 128);
static_assert(offsetof(SuperblockCopy, hot_paths) == 2176);
static_assert(offsetof(SuperblockCopy, leaps) == 10376);
static_assert(offsetof(SuperblockCopy, load_base) == 12424);
static_assert(offsetof(SuperblockCopy, checksum) == 16376);
static_assert(std::has_unique_object_representations_v<SuperblockCopy>, "no hidden padding");

/// The superblock as the engine uses it.
struct SuperblockFields {
    std::uint32_t shards = 0;
    std::uint64_t ring_bytes = 0;
    std::uint64_t store[2] = {0, 0};
    hot::Secret secret;
    Durability durability = Durability::power;
    platform::BootId boot;
    Version clock_limit = 0;
    Version settled = 0;
    std::uint64_t created = 0;
    std::vector<LostWindow> lost;
    std::vector<VersionLeap> leaps;
    std::vector<std::filesystem::path> hot_paths;
    std::optional<Version> load_base;  ///< of a load under way: the latest version when it began

    /// Adds a window; when there is no room, joins the two oldest (which declares what lies between them lost too).
    void add_lost(LostWindow window);
    /// Adds a leap, and forgets those up to `floor`. When there is no room, joins the two oldest: retention keeps more.
    void add_leap(VersionLeap leap, Version floor);
};

/// The version that lies `count` behind `latest`, leaps not counted; 0 when there is none.
[[nodiscard]] Version version_behind(Version latest, std::uint64_t count, const std::vector<VersionLeap>& leaps);

class Superblock {
public:
    /// Writes a new file (not named SUPERBLOCK yet: the caller renames it when the store is complete).
    [[nodiscard]] static Result<void> create(platform::FileIo& io, const std::filesystem::path& path,
                                             const SuperblockFields& fields);
    /// Errors: corrupt (both copies damaged), incompatible (other format or unknown features), io.
    [[nodiscard]] static Result<Superblock> open(platform::FileIo& io, const std::filesystem::path& path,
                                                 platform::OpenMode mode);

    [[nodiscard]] const SuperblockFields& fields() const noexcept { return fields_; }
    /// Reads both copies at `path` and whether they say what fields() does. Nobody writes meanwhile.
    void audit(platform::FileIo& io, const std::filesystem::path& path, platform::Audit& audit) const;
    /// Persists both copies. One thread at a time. After a failure the store must not go on writing.
    [[nodiscard]] Result<void> write(const SuperblockFields& fields);

private:
    Superblock(std::unique_ptr<platform::File> file, SuperblockFields fields, std::uint64_t sequence,
               unsigned older_copy, bool older_copy_torn)
        : file_(std::move(file)),
          fields_(std::move(fields)),
          sequence_(sequence),
          older_copy_(older_copy),
          older_copy_torn_(older_copy_torn) {}
    [[nodiscard]] Result<void> invalidate_torn_copy();

    std::unique_ptr<platform::File> file_;
    SuperblockFields fields_;
    std::uint64_t sequence_;
    unsigned older_copy_;
    bool older_copy_torn_;  ///< by a crash or a failed write
};

}  // namespace zverse::engine
