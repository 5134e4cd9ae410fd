// FileRemover: removes files of a store while it is open. What outlives the closing, a cursor say, removes nothing: by
// then the directory may be another store's. What stays is removed when the store is opened again.
//
// Threads: any.
#pragma once

#include <platform/answer.h>
#include <platform/file_io.h>

#include <filesystem>
#include <mutex>

namespace zverse::cold {

class FileRemover {
public:
    explicit FileRemover(platform::FileIo& io) noexcept : io_(&io) {}
    void remove(const std::filesystem::path& path) noexcept {
        const std::scoped_lock lock(mutex_);
        if (io_ != nullptr) (void)platform::answer("removing a segment", [&] { return io_->remove(path); });
    }
    /// On return nothing is removed any more.
    void stop() noexcept {
        const std::scoped_lock lock(mutex_);
        io_ = nullptr;
    }

private:
    std::mutex mutex_;
    platform::FileIo* io_;
};

}  // namespace zverse::cold
