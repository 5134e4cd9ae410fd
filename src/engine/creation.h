// Creation: how a directory becomes a store, and starts over when it was interrupted.
//
// Order: SUPERBLOCK.creating -> the rings -> a rename to SUPERBLOCK, each synced before the next. A directory with
// the former and without the latter is an unfinished creation and starts over.
//
// Invariants
//   C1  A file that is removed was made by this creation, or holds nothing but what an unfinished one leaves.
//   C2  Rings are gone for good before the SUPERBLOCK.creating that tells whose they are.
#pragma once

#include <engine/superblock.h>
#include <platform/file_io.h>
#include <zverse/error.h>

#include <filesystem>
#include <string>
#include <vector>

namespace zverse::engine {

inline constexpr const char* kSuperblockName = "SUPERBLOCK";
inline constexpr const char* kCreatingName = "SUPERBLOCK.creating";
inline constexpr const char* kLockName = "LOCK";

/// The directories of a store's rings: `hot_paths`, or its own.
[[nodiscard]] std::vector<std::filesystem::path> ring_directories(const std::filesystem::path& dir,
                                                                  const std::vector<std::filesystem::path>& hot_paths);
[[nodiscard]] std::filesystem::path ring_path(const std::filesystem::path& dir,
                                              const std::vector<std::filesystem::path>& hot_paths, unsigned shard);

class Creation {
public:
    Creation(platform::FileIo& io, const std::filesystem::path& dir, SuperblockFields fields,
             std::string force_granularity)
        : io_(io), dir_(dir), fields_(std::move(fields)), force_granularity_(std::move(force_granularity)) {}

    /// Looks at a directory without a superblock, which need not be locked. Errors: corrupt (rings whose superblock is
    /// gone), not_found (other files, or a checkpoint that was not finished), io.
    [[nodiscard]] static Result<void> check_directory(platform::FileIo& io, const std::filesystem::path& dir);

    /// The directory is locked and has no superblock. Errors: corrupt (as above, or the rings of an unfinished creation
    /// hold something), invalid_argument (hot_paths hold rings of another store), full, io. Nothing is written where
    /// files of others are.
    [[nodiscard]] Result<void> run();

private:
    [[nodiscard]] std::filesystem::path creating() const { return dir_ / kCreatingName; }
    [[nodiscard]] Result<void> remove_unfinished();
    [[nodiscard]] Result<void> remove_rings(const std::vector<std::filesystem::path>& rings);
    [[nodiscard]] Result<void> check_ring_paths();
    [[nodiscard]] Result<void> make();
    [[nodiscard]] Result<void> make_ring(unsigned shard);
    void undo();

    platform::FileIo& io_;
    const std::filesystem::path& dir_;
    SuperblockFields fields_;
    std::string force_granularity_;
    std::vector<std::filesystem::path> made_;  ///< rings
};

}  // namespace zverse::engine
