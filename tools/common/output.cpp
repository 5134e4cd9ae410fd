#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <tools/common/interrupt.h>
#include <tools/common/output.h>
#include <tools/common/result.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace zverse::tools {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} << 10;
constexpr int kLookMilliseconds = 100;  // for a signal, while the reader takes nothing

bool is_other_than_file(const std::filesystem::path& path) {
    struct stat facts{};
    return ::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode);
}

}  // namespace

bool is_closed_pipe(const Error& error) noexcept { return error.os_errno() == EPIPE; }

std::unexpected<Error> Output::io_error(const char* what) const {
    const int code = errno;
    return fail(ErrorCode::io, std::string(what) + " " + name_ + ": " + std::generic_category().message(code) + ".",
                code);
}

Output Output::standard() { return {STDOUT_FILENO, "standard output"}; }

Result<Output> Output::open(const std::filesystem::path& path) {
    if (path == "-") return standard();
    Output output(-1, path.string());
    const bool as_it_is = is_other_than_file(path);
    std::filesystem::path name = path;
    if (!as_it_is) name += ".partial-" + std::to_string(::getpid());
    const int flags = as_it_is ? O_WRONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    output.own_ = UniqueFd(::open(name.c_str(), flags, 0666));
    if (!output.own_.is_open()) return output.io_error("creating");
    output.fd_ = output.own_.get();
    if (!as_it_is) output.piece_bytes_ = kBufferBytes;
    if (!as_it_is) {
        output.path_ = path;
        output.temporary_ = name;
    }
    return output;
}

Output::Output(Output&& other) noexcept
    : fd_(other.fd_),
      name_(std::move(other.name_)),
      piece_bytes_(other.piece_bytes_),
      own_(std::move(other.own_)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      buffer_(std::move(other.buffer_)) {}

Output::~Output() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Output::Output(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
    struct stat what{};
    if (::fstat(fd, &what) == 0 && S_ISREG(what.st_mode)) piece_bytes_ = kBufferBytes;
}

bool Output::is_terminal() const noexcept { return ::isatty(fd_) == 1; }

Result<void> Output::send(std::string_view bytes) {
    while (!bytes.empty()) {
        pollfd ready{fd_, POLLOUT, 0};
        const int count = ::poll(&ready, 1, interrupted() ? 0 : kLookMilliseconds);
        // A report of what was done before a signal gets out, unless its reader is slow.
        if (count == 0 && interrupted()) return stopped();
        if (count == 0 || (count < 0 && errno == EINTR)) continue;
        // What is ready takes so much at once. More might wait, and a signal that came just before would not end it.
        const ssize_t sent = ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), piece_bytes_));
        if (sent < 0 && errno != EINTR) return io_error("writing to");
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

Result<void> Output::flush() {
    auto sent = send(buffer_);
    buffer_.clear();
    return sent;
}

Result<void> Output::write(std::string_view bytes) {
    if (buffer_.size() + bytes.size() >= kBufferBytes) {
        if (auto sent = flush(); !sent) return sent;
        if (bytes.size() >= kBufferBytes) return send(bytes);
    }
    buffer_ += bytes;
    return {};
}

Result<void> Output::finish() {
    if (auto sent = flush(); !sent) return sent;
    if (temporary_.empty()) return {};
    if (::fsync(fd_) != 0) return io_error("syncing");
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error("renaming the finished file to");
    temporary_.clear();
    const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
    const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open() || ::fsync(directory.get()) != 0) return io_error("syncing the folder of");
    return {};
}

}  // namespace zverse::tools
