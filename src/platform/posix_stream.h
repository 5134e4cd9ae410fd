// PosixStream: a StreamFile by pwrite through the page cache, one buffer. The kernel is asked to begin writing each
// piece back at once, so that the disk works while the next one is made and the sync finds little left; without that
// it may begin at the sync.
//
// Memory: kBufferBytes.
#pragma once

#include <platform/file_io.h>
#include <platform/mapping.h>
#include <platform/stream_file.h>

#include <memory>
#include <mutex>
#include <optional>

namespace zverse::platform {

/// Where streams leave how they were written. Threads: any.
class StreamNotes {
public:
    void note(StreamMethod method) {
        const std::lock_guard lock(mutex_);
        latest_ = std::move(method);
    }
    [[nodiscard]] StreamMethod latest() const {
        const std::lock_guard lock(mutex_);
        return latest_;
    }

private:
    mutable std::mutex mutex_;
    StreamMethod latest_;
};

class PosixStream : public StreamFile {
public:
    static constexpr std::size_t kBufferBytes = std::size_t{512} << 10;

    /// `file` writes by pwrite. Errors: full (no memory).
    [[nodiscard]] static Result<std::unique_ptr<PosixStream>> create(std::unique_ptr<File> file);
    PosixStream(std::unique_ptr<File> file, AnonymousMemory memory)
        : file_(std::move(file)), memory_(std::move(memory)) {}

    [[nodiscard]] const std::filesystem::path& path() const noexcept final { return file_->path(); }
    [[nodiscard]] Result<std::span<std::byte>> buffer() override;
    [[nodiscard]] Result<void> send(std::size_t bytes, std::uint64_t offset) override;
    [[nodiscard]] Result<void> wait() override { return kept(); }
    [[nodiscard]] Result<void> sync(std::uint64_t file_bytes) final;
    void prefetch(std::uint64_t) noexcept override {}  // written through the page cache, it is there
    void let_rest() noexcept final { file_->advise(Advice::unneeded); }

protected:
    [[nodiscard]] File& file() noexcept { return *file_; }
    [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_.bytes(); }
    void replace_memory(AnonymousMemory memory) noexcept { memory_ = std::move(memory); }
    /// F2: the first failure of this stream, if there was one.
    [[nodiscard]] Result<void> kept() const;
    [[nodiscard]] Result<void> keep(Result<void> result);

private:
    std::unique_ptr<File> file_;
    AnonymousMemory memory_;
    std::optional<Error> failure_;
};

}  // namespace zverse::platform
