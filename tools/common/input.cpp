#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <tools/common/input.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace zverse::tools {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr int kLookMilliseconds = 100;  // for a signal, while the writer gives nothing

}  // namespace

Result<Input> Input::open(const std::filesystem::path& path) {
    if (path == "-") return Input(STDIN_FILENO, "standard input");
    Input input(-1, path.string());
    input.own_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    input.fd_ = input.own_.get();
    struct stat facts{};
    if (input.fd_ < 0 || ::fstat(input.fd_, &facts) != 0) {
        const int code = errno;
        return fail(ErrorCode::io, "opening " + input.name_ + ": " + std::generic_category().message(code) + ".", code);
    }
    if (S_ISREG(facts.st_mode)) input.size_ = static_cast<std::uint64_t>(facts.st_size);
    return input;
}

Result<bool> Input::fill() {
    if (taken_ > 0) {
        buffer_.erase(0, taken_);
        taken_ = 0;
    }
    for (;;) {
        if (interrupted()) return stopped();
        pollfd ready{fd_, POLLIN, 0};
        const int count = ::poll(&ready, 1, kLookMilliseconds);
        if (count == 0 || (count < 0 && errno == EINTR)) continue;
        const std::size_t before = buffer_.size();
        buffer_.resize(before + kReadBytes);
        const ssize_t got = ::read(fd_, buffer_.data() + before, kReadBytes);
        const int code = errno;
        buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got < 0 && code == EINTR) continue;
        if (got < 0) {
            return fail(ErrorCode::io, "reading " + name_ + ": " + std::generic_category().message(code) + ".", code);
        }
        return got > 0;
    }
}

void Input::take(std::size_t count) noexcept {
    taken_ += count;
    offset_ += count;
}

Result<bool> Input::read_line(std::string& line, std::uint64_t bytes_max) {
    std::size_t looked_at = 0;
    for (;;) {
        const std::size_t end = waiting().find('\n', looked_at);
        if (end != std::string_view::npos) {
            line.assign(waiting().substr(0, end));
            take(end + 1);
            ++lines_;
            return true;
        }
        looked_at = waiting().size();
        if (looked_at > bytes_max) {
            return fail(ErrorCode::corrupt, "line " + std::to_string(lines_ + 1) + " of " + name_ + " has more than " +
                                                std::to_string(bytes_max) + " bytes.");
        }
        auto more = fill();
        if (!more) return pass_on(more);
        if (!*more) return false;
    }
}

Result<void> Input::read(std::uint64_t count, std::string& bytes) {
    bytes.clear();
    while (bytes.size() < count) {
        if (waiting().empty()) {
            auto more = fill();
            if (!more) return pass_on(more);
            if (!*more) return {};
        }
        const std::string_view part = waiting().substr(0, count - bytes.size());
        bytes += part;
        take(part.size());
    }
    return {};
}

Result<std::string_view> Input::peek(std::size_t count) {
    while (waiting().size() < count) {
        auto more = fill();
        if (!more) return pass_on(more);
        if (!*more) break;
    }
    return waiting().substr(0, count);
}

}  // namespace zverse::tools
