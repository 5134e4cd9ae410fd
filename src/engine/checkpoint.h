// Checkpoint: a store in another directory that holds what this one had settled at one moment.
//
// Order: directory, lock -> segments, manifest (cold_copy.h) -> SUPERBLOCK.creating, rings, SUPERBLOCK (creation.h).
// Without a SUPERBLOCK nobody takes the directory for a store, and with it everything is there for good. A directory
// with a manifest and without a SUPERBLOCK is a checkpoint that was not finished; Creation leaves it alone.
//
// Versions: the copy goes on behind every version that this store may have handed out. What lies between the cut and
// there, this store may know and the copy does not: it is a lost window there.
#pragma once

#include <cold/cold_tier.h>
#include <engine/superblock.h>
#include <platform/file_io.h>
#include <platform/lock_file.h>

#include <filesystem>
#include <optional>
#include <string>

namespace zverse::engine {

class Checkpoint {
public:
    Checkpoint(platform::FileIo& io, const std::filesystem::path& directory) : io_(io), directory_(directory) {}

    /// Before anything is moved: the directory is there, empty, and nobody else's. Errors: invalid_argument (no path),
    /// exists (it holds something, or is none), locked, io, full.
    [[nodiscard]] Result<void> take_directory();
    /// Errors: io, full; then nothing of it is left that could be removed. `fields`: this store's; `from`: the
    /// directory of its segments, which stay meanwhile.
    [[nodiscard]] Result<void> write(const cold::ManifestState& settled, SuperblockFields fields,
                                     const std::filesystem::path& from, const std::string& force_granularity);

private:
    [[nodiscard]] Result<void> check_vacant() const;
    void undo(const cold::ManifestState& state, unsigned shards);

    platform::FileIo& io_;
    const std::filesystem::path& directory_;
    platform::LockFile lock_;
};

}  // namespace zverse::engine
