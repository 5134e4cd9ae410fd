// Input: bytes from standard input or a file, by lines or by counts, with the place where the last piece began.
#pragma once

#include <tools/common/unique_fd.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace zverse::tools {

class Input {
public:
    /// "-" is standard input.
    [[nodiscard]] static Result<Input> open(const std::filesystem::path& path);

    /// The next line without its end. False at the end of input; what has no end of line is no line and stays.
    /// Errors: io, corrupt (longer than `bytes_max`), and what stopped() says: no signal waits for a slow writer.
    [[nodiscard]] Result<bool> read_line(std::string& line, std::uint64_t bytes_max);
    /// Up to `count` bytes, fewer only at the end of input. Takes memory as they come, whatever `count` claims.
    [[nodiscard]] Result<void> read(std::uint64_t count, std::string& bytes);
    /// The next bytes, at most 4096, without taking them.
    [[nodiscard]] Result<std::string_view> peek(std::size_t count);

    /// Of bytes taken.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
    /// Of a file; 0 where nobody knows.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    Input(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    /// False at the end of input.
    [[nodiscard]] Result<bool> fill();
    [[nodiscard]] std::string_view waiting() const noexcept { return std::string_view(buffer_).substr(taken_); }
    void take(std::size_t count) noexcept;

    int fd_;
    std::string name_;
    UniqueFd own_;
    std::string buffer_;
    std::size_t taken_ = 0;  ///< of the buffer
    std::uint64_t offset_ = 0, lines_ = 0, size_ = 0;
};

}  // namespace zverse::tools
