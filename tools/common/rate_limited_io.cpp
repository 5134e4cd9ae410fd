#include <tools/common/rate_limited_io.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

namespace zverse::tools {

namespace {

using Clock = std::chrono::steady_clock;
using Path = std::filesystem::path;

/// Where on the line the next read begins.
class Schedule {
public:
    Schedule(std::uint64_t bytes_per_second, std::function<bool()> stopped)
        : seconds_per_byte_(1.0 / static_cast<double>(bytes_per_second)), stopped_(std::move(stopped)) {}

    void wait_for(std::size_t bytes) {
        constexpr auto kSlice = std::chrono::milliseconds(50);
        const Clock::time_point begins = place(bytes);
        for (auto now = Clock::now(); now < begins && !stopped_(); now = Clock::now()) {
            std::this_thread::sleep_for(std::min<Clock::duration>(kSlice, begins - now));
        }
    }

private:
    [[nodiscard]] Clock::time_point place(std::size_t bytes) {
        const std::chrono::duration<double> length(static_cast<double>(bytes) * seconds_per_byte_);
        const std::scoped_lock lock(mutex_);
        const Clock::time_point begins = std::max(free_from_, Clock::now());
        free_from_ = begins + std::chrono::duration_cast<Clock::duration>(length);
        return begins;
    }

    const double seconds_per_byte_;
    const std::function<bool()> stopped_;
    std::mutex mutex_;
    Clock::time_point free_from_;
};

class RateLimitedFile final : public platform::File {
public:
    RateLimitedFile(std::unique_ptr<File> file, std::shared_ptr<Schedule> schedule)
        : file_(std::move(file)), schedule_(std::move(schedule)) {}

    Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) override {
        schedule_->wait_for(data.size());
        return file_->read_some(data, offset);
    }
    Result<void> write(std::span<const std::byte> data, std::uint64_t offset) override {
        return file_->write(data, offset);
    }
    Result<void> sync() override { return file_->sync(); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<void> truncate(std::uint64_t bytes) override { return file_->truncate(bytes); }
    bool reserve(std::uint64_t bytes) noexcept override { return file_->reserve(bytes); }
    void advise(platform::Advice advice) noexcept override { file_->advise(advice); }
    [[nodiscard]] int descriptor() const noexcept override { return file_->descriptor(); }
    [[nodiscard]] const Path& path() const noexcept override { return file_->path(); }

private:
    std::unique_ptr<File> file_;
    std::shared_ptr<Schedule> schedule_;
};

class RateLimitedIo final : public platform::FileIo {
public:
    RateLimitedIo(std::unique_ptr<FileIo> io, std::shared_ptr<Schedule> schedule)
        : io_(std::move(io)), schedule_(std::move(schedule)) {}

    [[nodiscard]] const char* name() const noexcept override { return io_->name(); }
    Result<std::unique_ptr<platform::File>> open(const Path& path, platform::OpenMode mode) override {
        return limit(io_->open(path, mode));
    }
    Result<std::unique_ptr<platform::File>> create_zeroed(const Path& path, std::uint64_t bytes) override {
        return limit(io_->create_zeroed(path, bytes));
    }
    Result<std::unique_ptr<platform::StreamFile>> create_stream(const Path& path) override {
        return io_->create_stream(path);
    }
    [[nodiscard]] platform::StreamMethod stream_method() const override { return io_->stream_method(); }
    Result<void> rename(const Path& from, const Path& to) override { return io_->rename(from, to); }
    Result<void> link(const Path& from, const Path& to) override { return io_->link(from, to); }
    Result<void> remove(const Path& path) override { return io_->remove(path); }
    Result<void> sync_directory(const Path& directory) override { return io_->sync_directory(directory); }
    Result<void> create_directories(const Path& directory) override { return io_->create_directories(directory); }
    Result<std::vector<std::string>> list(const Path& directory) override { return io_->list(directory); }
    Result<bool> exists(const Path& path) override { return io_->exists(path); }

private:
    [[nodiscard]] Result<std::unique_ptr<platform::File>> limit(Result<std::unique_ptr<platform::File>> file) const {
        if (!file) return file;
        return std::make_unique<RateLimitedFile>(std::move(*file), schedule_);
    }

    std::unique_ptr<FileIo> io_;
    std::shared_ptr<Schedule> schedule_;
};

}  // namespace

std::unique_ptr<platform::FileIo> limit_rate(std::unique_ptr<platform::FileIo> io, std::uint64_t bytes_per_second,
                                             std::function<bool()> stopped) {
    auto schedule = std::make_shared<Schedule>(bytes_per_second, std::move(stopped));
    return std::make_unique<RateLimitedIo>(std::move(io), std::move(schedule));
}

}  // namespace zverse::tools
