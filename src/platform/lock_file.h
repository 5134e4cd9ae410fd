// LockFile: one process holds a store. flock(2) on <store>/LOCK; pid and start time inside are for people.
#pragma once

#include <zverse/error.h>

#include <sys/types.h>

#include <filesystem>

namespace zverse::platform {

class LockFile {
public:
    LockFile() noexcept = default;
    LockFile(LockFile&& other) noexcept;
    LockFile& operator=(LockFile&& other) noexcept;
    ~LockFile();

    /// Exclusive for writers; shared, and without changing a byte, for readers. A reader takes none where the file is
    /// missing on a file system mounted read-only: nobody can write there. Errors: locked (names the holder's pid and
    /// command, where they are known), io. The lock ends with this object, or with the process; a forked child neither
    /// keeps it nor ends it.
    [[nodiscard]] static Result<LockFile> acquire(const std::filesystem::path& path, bool shared);

private:
    LockFile(int descriptor, bool shared) noexcept;
    void release() noexcept;

    int descriptor_ = -1;
    bool shared_ = false;
    pid_t owner_ = 0;
};

}  // namespace zverse::platform
