// How a failed system call becomes an Error: one sentence with the operation, the place and errno in words.
#pragma once

#include <zverse/error.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace zverse::platform {

/// errno in words, with its number: "No space left on device (28)". Unlike strerror(), safe in threads.
[[nodiscard]] std::string describe_errno(int number);

/// "<what> failed: <errno in words>". ENOSPC and EDQUOT are `full`, everything else is `io`.
[[nodiscard]] Error os_error(const std::string& what, int number);

/// What was being done to a file: "write of 4096 bytes at 8192 in /srv/zv/hot/ring-0".
[[nodiscard]] std::string describe_access(const char* operation, const std::filesystem::path& path, std::uint64_t bytes,
                                          std::uint64_t offset);

}  // namespace zverse::platform
