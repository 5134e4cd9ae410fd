#include <support/fault_file_io.h>

#include <platform/os_error.h>

#include <optional>
#include <utility>

namespace zverse::test {

// Orders: relaxed or the default, all: a failure may come one call earlier or later than another thread thinks.
void FaultPlan::fail(std::uint64_t nth, int os_errno, bool for_ever) {
    errno_ = os_errno;
    for_ever_ = for_ever;
    left_ = static_cast<std::int64_t>(nth);
}

void FaultPlan::heal() { left_ = 0; }

int FaultPlan::next() noexcept {
    ++calls;
    std::int64_t left = left_;
    while (left > 0) {
        const bool fails = left == 1;
        const std::int64_t after = fails && for_ever_ ? 1 : left - 1;
        if (!left_.compare_exchange_weak(left, after)) continue;
        if (!fails) return 0;
        ++failures;
        return errno_;
    }
    return 0;
}

namespace {

using platform::File;
using platform::FileIo;
using platform::OpenMode;

class FaultFile final : public File {
public:
    FaultFile(std::unique_ptr<File> file, std::shared_ptr<FaultPlan> plan)
        : file_(std::move(file)), plan_(std::move(plan)) {}

    Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) override {
        return file_->read_some(data, offset);
    }
    Result<void> write(std::span<const std::byte> data, std::uint64_t offset) override {
        if (const int code = plan_->next()) {
            // Half of it may have been written.
            static_cast<void>(file_->write(data.first(data.size() / 2), offset));
            return std::unexpected(platform::os_error("write " + path().string(), code));
        }
        return file_->write(data, offset);
    }
    Result<void> sync() override {
        if (const int code = plan_->next()) {
            return std::unexpected(Error(ErrorCode::io, "sync of " + path().string() + " failed", code));
        }
        return file_->sync();
    }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<void> truncate(std::uint64_t bytes) override {
        if (const int code = plan_->next()) return std::unexpected(platform::os_error("truncate", code));
        return file_->truncate(bytes);
    }
    [[nodiscard]] int descriptor() const noexcept override { return file_->descriptor(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return file_->path(); }

private:
    std::unique_ptr<File> file_;
    std::shared_ptr<FaultPlan> plan_;
};

class FaultStream final : public platform::StreamFile {
public:
    FaultStream(std::unique_ptr<platform::StreamFile> stream, std::shared_ptr<FaultPlan> plan)
        : stream_(std::move(stream)), plan_(std::move(plan)) {}

    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return stream_->path(); }
    Result<std::span<std::byte>> buffer() override {
        if (failure_) return std::unexpected(*failure_);
        return stream_->buffer();
    }
    Result<void> send(std::size_t bytes, std::uint64_t offset) override {
        if (failure_) return std::unexpected(*failure_);
        if (const int code = plan_->next()) {
            return std::unexpected(*(failure_ = platform::os_error("write " + path().string(), code)));
        }
        return stream_->send(bytes, offset);
    }
    Result<void> wait() override {
        if (failure_) return std::unexpected(*failure_);
        return stream_->wait();
    }
    Result<void> sync(std::uint64_t file_bytes) override {
        if (failure_) return std::unexpected(*failure_);
        if (const int code = plan_->next()) {
            failure_ = Error(ErrorCode::io, "sync of " + path().string() + " failed", code);
            return std::unexpected(*failure_);
        }
        return stream_->sync(file_bytes);
    }
    void prefetch(std::uint64_t file_bytes) noexcept override { stream_->prefetch(file_bytes); }

private:
    std::unique_ptr<platform::StreamFile> stream_;
    std::shared_ptr<FaultPlan> plan_;
    std::optional<Error> failure_;
};

class FaultFileIo final : public FileIo {
public:
    FaultFileIo(std::unique_ptr<FileIo> io, std::shared_ptr<FaultPlan> plan)
        : io_(std::move(io)), plan_(std::move(plan)) {}

    [[nodiscard]] const char* name() const noexcept override { return io_->name(); }
    Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
        if (mode == OpenMode::create) {
            if (auto failed = failure("create " + path.string())) return std::unexpected(std::move(*failed));
        }
        auto file = io_->open(path, mode);
        if (!file) return file;
        return std::make_unique<FaultFile>(std::move(*file), plan_);
    }
    Result<std::unique_ptr<platform::StreamFile>> create_stream(const std::filesystem::path& path) override {
        if (auto failed = failure("create " + path.string())) return std::unexpected(std::move(*failed));
        auto stream = io_->create_stream(path);
        if (!stream) return stream;
        return std::make_unique<FaultStream>(std::move(*stream), plan_);
    }
    [[nodiscard]] platform::StreamMethod stream_method() const override { return io_->stream_method(); }
    Result<std::unique_ptr<File>> create_zeroed(const std::filesystem::path& path, std::uint64_t bytes) override {
        if (auto failed = failure("create " + path.string())) return std::unexpected(std::move(*failed));
        auto file = io_->create_zeroed(path, bytes);
        if (!file) return file;
        return std::make_unique<FaultFile>(std::move(*file), plan_);
    }
    Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        if (auto failed = failure("rename " + from.string())) return std::unexpected(std::move(*failed));
        return io_->rename(from, to);
    }
    Result<void> remove(const std::filesystem::path& path) override {
        if (auto failed = failure("remove " + path.string())) return std::unexpected(std::move(*failed));
        return io_->remove(path);
    }
    Result<void> sync_directory(const std::filesystem::path& directory) override {
        if (auto failed = failure("sync directory " + directory.string())) return std::unexpected(std::move(*failed));
        return io_->sync_directory(directory);
    }
    Result<void> create_directories(const std::filesystem::path& directory) override {
        if (auto failed = failure("create directory " + directory.string())) {
            return std::unexpected(std::move(*failed));
        }
        return io_->create_directories(directory);
    }
    Result<std::vector<std::string>> list(const std::filesystem::path& directory) override {
        return io_->list(directory);
    }
    Result<bool> exists(const std::filesystem::path& path) override { return io_->exists(path); }

private:
    [[nodiscard]] std::optional<Error> failure(const std::string& what) {
        if (const int code = plan_->next()) return platform::os_error(what, code);
        return std::nullopt;
    }

    std::unique_ptr<FileIo> io_;
    std::shared_ptr<FaultPlan> plan_;
};

}  // namespace

std::unique_ptr<FileIo> with_faults(std::unique_ptr<FileIo> io, std::shared_ptr<FaultPlan> plan) {
    return std::make_unique<FaultFileIo>(std::move(io), std::move(plan));
}

}  // namespace zverse::test
