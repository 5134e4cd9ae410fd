// What can go wrong, and how it is told: one code for each reaction a caller may have, one sentence
// for the person who reads the log. Nothing in ZVerse throws across its API.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace zverse {

enum class ErrorCode {
    invalid_argument,  ///< The caller's mistake; the message names the argument and its limit.
    not_found,         ///< No store there and create_if_missing is off; unknown pin.
    exists,            ///< error_if_exists is on and a store is there; pin name in use.
    version_too_old,   ///< Below the floor; Error::version() is the floor.
    version_unknown,   ///< Above latest_version(), or in a window lost to a power cut (class process).
    conflict,          ///< A transaction or put_if lost; Error::version() is the version found.
    full,              ///< No space for the write in time; nothing was applied.
    io,                ///< The operating system failed: Error::os_errno(); a write's outcome is unknown.
    corrupt,           ///< A checksum, magic or cross-check failed; file and offset are in the message.
    incompatible,      ///< A format version or feature bits that this build can't read.
    locked,            ///< The store is open elsewhere, for writing (by which pid is in the message) or reading.
    read_only,         ///< Opened so, or fell back to it after a failed sync; the reason is in the message.
    closed,            ///< The store was closed.
};

/// The code's name as it is spelled above, for logs.
[[nodiscard]] constexpr const char* to_string(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_argument: return "invalid_argument";
        case ErrorCode::not_found: return "not_found";
        case ErrorCode::exists: return "exists";
        case ErrorCode::version_too_old: return "version_too_old";
        case ErrorCode::version_unknown: return "version_unknown";
        case ErrorCode::conflict: return "conflict";
        case ErrorCode::full: return "full";
        case ErrorCode::io: return "io";
        case ErrorCode::corrupt: return "corrupt";
        case ErrorCode::incompatible: return "incompatible";
        case ErrorCode::locked: return "locked";
        case ErrorCode::read_only: return "read_only";
        case ErrorCode::closed: return "closed";
    }
    return "unknown";
}

/// A failed call. A value: copy it, keep it, log it.
class Error {
public:
    Error(ErrorCode code, std::string message, int os_errno = 0, std::uint64_t version = 0)
        : code_(code), os_errno_(os_errno), version_(version), message_(std::move(message)) {}

    [[nodiscard]] ErrorCode code() const noexcept { return code_; }
    /// One full sentence that names the thing, the limit and the place, outermost context last.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// errno of the failed system call, or 0.
    [[nodiscard]] int os_errno() const noexcept { return os_errno_; }
    /// The floor for version_too_old, the version found for conflict, else 0.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

    /// The same error with one more layer of context, outermost last: "... while opening /srv/zv".
    [[nodiscard]] Error during(const std::string& what) && {
        message_ += " while ";
        message_ += what;
        return std::move(*this);
    }

private:
    ErrorCode code_;
    int os_errno_;
    std::uint64_t version_;
    std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;

}  // namespace zverse
