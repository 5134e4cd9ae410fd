// LockFile: one process holds a store. flock(2) on <store>/LOCK; pid and start time inside are for people.
#pragma once

#include <zverse/error.h>

#include <filesystem>

namespace zverse::platform {

class LockFile {
public:
    LockFile() noexcept = default;
    LockFile(LockFile&& other) noexcept;
    LockFile& operator=(LockFile&& other) noexcept;
    ~LockFile();

    /// Exclusive for writers; shared, and without changing a byte, for readers. Errors: locked (names the holder's
    /// pid), io. The lock ends with this object, or with the process.
    [[nodiscard]] static Result<LockFile> acquire(const std::filesystem::path& path, bool shared);

private:
    explicit LockFile(int descriptor) noexcept : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

}  // namespace zverse::platform
