#include <platform/file_io.h>
#include <platform/os_error.h>
#include <platform/uring_file_io.h>

#include <utility>

namespace zverse::platform {

Result<void> File::read_exact(std::span<std::byte> data, std::uint64_t offset) {
    auto got = read_some(data, offset);
    if (!got) return std::unexpected(std::move(got.error()));
    if (*got == data.size()) return {};
    return std::unexpected(Error(ErrorCode::corrupt, path().string() + " ends at " + std::to_string(offset + *got) +
                                                         ", inside the " + std::to_string(data.size()) + " bytes at " +
                                                         std::to_string(offset)));
}

Result<FileIoChoice> make_file_io(const std::string& force) {
    if (force == "posix") return FileIoChoice{make_posix_file_io(), "posix is forced"};
    if (!force.empty() && force != "uring") {
        return std::unexpected(Error(ErrorCode::invalid_argument,
                                     "options.force_io is \"" + force + "\"; it may be empty, \"uring\" or \"posix\""));
    }
    auto uring = make_uring_file_io();
    if (uring) return FileIoChoice{std::move(*uring), ""};
    if (force == "uring") {
        return std::unexpected(
            Error(ErrorCode::invalid_argument,
                  "options.force_io is \"uring\", which is not available: " + uring.error().message(),
                  uring.error().os_errno()));
    }
    return FileIoChoice{make_posix_file_io(), uring.error().message()};
}

}  // namespace zverse::platform
