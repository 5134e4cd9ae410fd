// StreamWriter: writes a new file from front to back, in large pieces, and its head last: a file without its head was
// not finished.
#pragma once

#include <platform/file_io.h>
#include <platform/stream_file.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace zverse::platform {

class StreamWriter {
public:
    /// What is likely to come after the file is finished.
    enum class Next : std::uint8_t { reads, rest };

    /// Creates the file; its first `head_bytes`, whole blocks, are left for finish(). Errors: io, full.
    [[nodiscard]] static Result<StreamWriter> create(FileIo& io, const std::filesystem::path& path,
                                                     std::size_t head_bytes);

    /// Where the next byte goes.
    [[nodiscard]] std::uint64_t position() const noexcept { return sent_ + filled_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_->path(); }
    /// Errors may be of bytes appended before, and are final.
    [[nodiscard]] Result<void> append(std::span<const std::byte> bytes);
    /// Zeros up to the next multiple of `alignment`.
    [[nodiscard]] Result<void> pad(std::uint64_t alignment);
    /// Writes what is left and then the head, and syncs the file.
    [[nodiscard]] Result<void> finish(std::span<const std::byte> head, Next next = Next::rest);

private:
    StreamWriter(std::unique_ptr<StreamFile> file, std::size_t head_bytes)
        : file_(std::move(file)), sent_(head_bytes) {}
    [[nodiscard]] Result<void> next_buffer();
    [[nodiscard]] Result<void> send(std::uint64_t offset);

    std::unique_ptr<StreamFile> file_;
    std::span<std::byte> buffer_;  ///< of the piece being filled; empty when there is none
    std::size_t filled_ = 0;
    std::uint64_t sent_ = 0;  ///< up to there; begins at the end of the head
};

}  // namespace zverse::platform
