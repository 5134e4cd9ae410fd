#include <platform/lock_file.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>

namespace zverse::platform {

namespace {

Error io_error(const std::filesystem::path& path, const char* what) {
    const int code = errno;
    return Error(ErrorCode::io, std::string(what) + " " + path.string() + ": " + std::generic_category().message(code),
                 code);
}

std::string holder_of(int descriptor) {
    std::array<char, 128> text{};
    const ssize_t got = ::pread(descriptor, text.data(), text.size() - 1, 0);
    if (got <= 0) return "another process";
    std::string holder(text.data(), static_cast<std::size_t>(got));
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return "process " + holder;
}

void describe_holder(int descriptor) {
    const std::string text =
        std::to_string(::getpid()) + " (open since " + std::to_string(::time(nullptr)) + " seconds after 1970)\n";
    // Only for people: a failure changes nothing about the lock.
    if (::ftruncate(descriptor, 0) != 0) return;
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, text.data(), text.size(), 0);
}

}  // namespace

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
    if (this != &other) {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
}

LockFile::~LockFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<LockFile> LockFile::acquire(const std::filesystem::path& path, bool shared) {
    const int flags = shared ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC;
    LockFile lock(::open(path.c_str(), flags, 0644));
    if (lock.descriptor_ < 0) return std::unexpected(io_error(path, "opening lock file"));
    int rc = 0;
    do {
        rc = ::flock(lock.descriptor_, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        if (errno != EWOULDBLOCK) return std::unexpected(io_error(path, "locking"));
        return std::unexpected(Error(
            ErrorCode::locked, "the store is held by " + holder_of(lock.descriptor_) + " (" + path.string() + ")"));
    }
    if (!shared) describe_holder(lock.descriptor_);
    return lock;
}

}  // namespace zverse::platform
