#include <platform/os_error.h>

#include <cerrno>
#include <system_error>

namespace zverse::platform {

std::string describe_errno(int number) {
    return std::generic_category().message(number) + " (" + std::to_string(number) + ")";
}

Error os_error(const std::string& what, int number) {
    const bool no_space = number == ENOSPC || number == EDQUOT;
    return Error(no_space ? ErrorCode::full : ErrorCode::io, what + " failed: " + describe_errno(number), number);
}

std::string describe_access(const char* operation, const std::filesystem::path& path, std::uint64_t bytes,
                            std::uint64_t offset) {
    return std::string(operation) + " of " + std::to_string(bytes) + " bytes at " + std::to_string(offset) + " in " +
           path.string();
}

}  // namespace zverse::platform
