// StreamWriter: writes a new file from front to back, in large pieces, and its head last.
#pragma once

#include <platform/file_io.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace zverse::platform {

class StreamWriter {
public:
    /// Creates the file; its first `head_bytes` are left for finish(). Errors: io, full.
    [[nodiscard]] static Result<StreamWriter> create(FileIo& io, const std::filesystem::path& path,
                                                     std::size_t head_bytes);

    /// Where the next byte goes.
    [[nodiscard]] std::uint64_t position() const noexcept { return written_ + buffer_.size(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_->path(); }
    [[nodiscard]] Result<void> append(std::span<const std::byte> bytes);
    /// Zeros up to the next multiple of `alignment`.
    [[nodiscard]] Result<void> pad(std::uint64_t alignment);
    /// Writes what is left and the head, and syncs the file.
    [[nodiscard]] Result<void> finish(std::span<const std::byte> head);

private:
    StreamWriter(std::unique_ptr<File> file, std::size_t head_bytes);
    [[nodiscard]] Result<void> write_buffer();

    std::unique_ptr<File> file_;
    std::vector<std::byte> buffer_;
    std::uint64_t written_ = 0;  ///< up to there; begins at the end of the head
};

}  // namespace zverse::platform
