// Medium: what a store's files lie on, said honestly, for the stamp on every figure.
#pragma once

#include <filesystem>
#include <string>

namespace zverse::tools {

struct Medium {
    std::string file_system;  ///< "ext4", "xfs", "tmpfs"
    std::string mount_point;
    bool dax = false;         ///< mounted so that a mapping reaches the medium itself
    bool memory = false;      ///< tmpfs or ramfs: a power cut takes it all

    /// "tmpfs on /dev/shm, memory and no persistent medium".
    [[nodiscard]] std::string describe() const;
};

/// The file system under `path`, or under its nearest existing parent. Fields are "unknown" where /proc says nothing.
[[nodiscard]] Medium medium_of(const std::filesystem::path& path);

}  // namespace zverse::tools
