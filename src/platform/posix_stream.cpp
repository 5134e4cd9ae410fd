#include <platform/posix_stream.h>

#include <cassert>
#include <utility>

#include <fcntl.h>

namespace zverse::platform {

Result<std::unique_ptr<PosixStream>> PosixStream::create(std::unique_ptr<File> file) {
    auto memory = AnonymousMemory::allocate(kBufferBytes);
    if (!memory) return std::unexpected(std::move(memory.error()));
    return std::make_unique<PosixStream>(std::move(file), std::move(*memory));
}

Result<void> PosixStream::kept() const {
    if (failure_) return std::unexpected(*failure_);
    return {};
}

Result<void> PosixStream::keep(Result<void> result) {
    if (!result && !failure_) failure_ = result.error();
    return kept();
}

Result<std::span<std::byte>> PosixStream::buffer() {
    if (failure_) return std::unexpected(*failure_);
    return memory().first(kBufferBytes);
}

Result<void> PosixStream::send(std::size_t bytes, std::uint64_t offset) {
    assert(bytes <= kBufferBytes && offset % kStreamBlockBytes == 0);
    if (failure_) return kept();
    if (auto written = keep(file_->write(memory().first(bytes), offset)); !written) return written;
    // Advice: what it can't begin, sync() does, and failures of the disk come out there in either case.
    static_cast<void>(sync_file_range(file_->descriptor(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                                      SYNC_FILE_RANGE_WRITE));
    return {};
}

Result<void> PosixStream::sync(std::uint64_t file_bytes) {
    if (auto waited = wait(); !waited) return waited;
    auto size = file_->size();
    if (!size) return keep(std::unexpected(std::move(size.error())));
    // Cutting changes the size that the sync makes durable: before it.
    if (*size > file_bytes) {
        if (auto cut = keep(file_->truncate(file_bytes)); !cut) return cut;
    }
    return keep(file_->sync());
}

}  // namespace zverse::platform
