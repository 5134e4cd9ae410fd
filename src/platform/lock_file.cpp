#include <platform/in_quotes.h>
#include <platform/lock_file.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace zverse::platform {

namespace {

Error io_error(const std::filesystem::path& path, const char* what) {
    const int code = errno;
    return Error(ErrorCode::io, std::string(what) + " " + path.string() + ": " + std::generic_category().message(code),
                 code);
}

bool lock(int descriptor, int operation) noexcept {
    int rc = 0;
    do {
        rc = ::flock(descriptor, operation | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    return rc == 0;
}

/// What a live process is called, ahead of what else is known about it: ", \"zverse\""; empty where nobody says.
std::string command_of(int pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/comm";
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return {};
    std::array<char, 64> text{};
    const ssize_t got = ::read(descriptor, text.data(), text.size());
    ::close(descriptor);
    std::string_view name(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (name.ends_with('\n')) name.remove_suffix(1);
    return name.empty() ? std::string() : ", " + in_quotes(name);
}

/// Who holds a lock that we were refused.
std::string holder_of(int descriptor, bool shared) {
    // What stands in the file is of the last writer. It is the holder only if readers are kept out too.
    if (!shared && lock(descriptor, LOCK_SH)) {
        (void)::flock(descriptor, LOCK_UN);
        return "a process that reads it";
    }
    std::array<char, 128> text{};
    const ssize_t got = ::pread(descriptor, text.data(), text.size() - 1, 0);
    std::string holder(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    int pid = 0;
    const auto parsed = std::from_chars(holder.data(), holder.data() + holder.size(), pid);
    // A text left by a process that is gone names nobody: the holder has not written its own yet.
    if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) return "another process";
    return "process " + std::to_string(pid) + command_of(pid) + std::string(parsed.ptr);
}

void describe_holder(int descriptor) {
    const std::time_t now = ::time(nullptr);
    std::tm utc{};
    std::array<char, 32> date{};
    const std::size_t length =
        ::gmtime_r(&now, &utc) == nullptr ? 0 : std::strftime(date.data(), date.size(), "%F %T UTC", &utc);
    const std::string text = std::to_string(::getpid()) + " (open since " + std::string(date.data(), length) + ")\n";
    // Only for people: a failure changes nothing about the lock.
    if (::ftruncate(descriptor, 0) != 0) return;
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, text.data(), text.size(), 0);
}

bool on_read_only_medium(const std::filesystem::path& directory) noexcept {
    struct statvfs facts{};
    return ::statvfs(directory.c_str(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0;
}

}  // namespace

LockFile::LockFile(int descriptor, bool shared) noexcept
    : descriptor_(descriptor), shared_(shared), owner_(::getpid()) {}

LockFile::LockFile(LockFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), shared_(other.shared_), owner_(other.owner_) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
    if (this != &other) {
        release();
        descriptor_ = std::exchange(other.descriptor_, -1);
        shared_ = other.shared_;
        owner_ = other.owner_;
    }
    return *this;
}

LockFile::~LockFile() { release(); }

/// Closing alone would leave the lock to children that were forked meanwhile, and share it; and they must not take it
/// from us.
void LockFile::release() noexcept {
    if (descriptor_ < 0) return;
    if (owner_ == ::getpid()) {
        if (!shared_) (void)!::ftruncate(descriptor_, 0);  // the text is about a holder, and there is none any more
        (void)::flock(descriptor_, LOCK_UN);
    }
    ::close(std::exchange(descriptor_, -1));
}

Result<LockFile> LockFile::acquire(const std::filesystem::path& path, bool shared) {
    const int flags = shared ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC;
    const int descriptor = ::open(path.c_str(), flags, 0644);
    if (descriptor < 0) {
        if (!shared || errno != ENOENT) return std::unexpected(io_error(path, "opening lock file"));
        if (on_read_only_medium(path.parent_path())) return LockFile();
        return std::unexpected(Error(ErrorCode::io,
                                     "the lock file " + path.string() +
                                         " is missing, and without it a reader can't keep writers out: open the store "
                                         "for writing once, or create the file, empty",
                                     ENOENT));
    }
    LockFile file(descriptor, shared);
    if (lock(descriptor, shared ? LOCK_SH : LOCK_EX)) {
        if (!shared) describe_holder(descriptor);
        return file;
    }
    file.owner_ = 0;  // nothing to release
    if (errno != EWOULDBLOCK) return std::unexpected(io_error(path, "locking"));
    return std::unexpected(
        Error(ErrorCode::locked, "the store is held by " + holder_of(descriptor, shared) + " (" + path.string() + ")"));
}

}  // namespace zverse::platform
