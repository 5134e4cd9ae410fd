// FailingFileIo: the real files of a store, whose calls can be told to fail, one or all from one on.
//
// Threads: any.
#pragma once

#include <platform/file_io.h>
#include <platform/os_error.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace zverse::test {

/// What is to fail: shared between the test and the store's FileIo.
struct Failures {
    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint64_t> failed{0};   ///< of them, because they were told to
    std::atomic<std::uint64_t> fail_at{0};  ///< 0: none
    std::atomic<int> os_errno{EIO};
    std::atomic<bool> for_ever{false};
    std::atomic<bool> links_fail{false};  ///< with EXDEV, as between file systems
    std::atomic<bool> removes_fail{true};  ///< as other calls do
    std::atomic<bool> fail_reads{false};  ///< all of them, of files that are open
    /// Of `bytes` from `offset` on: whether the medium does not give them. Set before the calls begin.
    std::function<bool(const std::filesystem::path&, std::uint64_t offset, std::uint64_t bytes)> is_bad;
    std::function<void(const std::filesystem::path&)> before_call;  ///< set before the calls begin
    std::string only;  ///< calls on other paths than those with it don't count; fixed before the first one

    /// The `nth` call from now (1: the next).
    void fail_call(std::uint64_t nth, int number, bool always) {
        os_errno = number;
        for_ever = always;
        fail_at = calls + nth;
    }
    void fail_no_more() { fail_at = 0; }
    [[nodiscard]] Result<void> count(const std::filesystem::path& path) {
        if (!only.empty() && path.string().find(only) == std::string::npos) return {};
        const std::uint64_t call = ++calls;
        if (before_call) before_call(path);
        const std::uint64_t at = fail_at;
        if (at == 0 || call < at || (call > at && !for_ever)) return {};
        ++failed;
        return std::unexpected(platform::os_error("call " + std::to_string(call) + " on " + path.string(), os_errno));
    }
};

class FailingFile final : public platform::File {
public:
    FailingFile(std::unique_ptr<File> file, std::shared_ptr<Failures> failures)
        : file_(std::move(file)), failures_(std::move(failures)) {}
    Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) override {
        if (auto failed = failures_->count(path()); !failed) return std::unexpected(failed.error());
        const bool bad = failures_->is_bad && failures_->is_bad(path(), offset, data.size());
        if (bad || failures_->fail_reads)
            return std::unexpected(platform::os_error("a read of " + path().string(), EIO));
        return file_->read_some(data, offset);
    }
    Result<void> write(std::span<const std::byte> data, std::uint64_t offset) override {
        if (auto failed = failures_->count(path()); !failed) {
            static_cast<void>(file_->write(data.first(data.size() / 2), offset));  // as disks may
            return failed;
        }
        return file_->write(data, offset);
    }
    Result<void> sync() override {
        if (auto failed = failures_->count(path()); !failed) return failed;
        return file_->sync();
    }
    Result<std::uint64_t> size() override {
        if (auto failed = failures_->count(path()); !failed) return std::unexpected(failed.error());
        return file_->size();
    }
    Result<void> truncate(std::uint64_t bytes) override {
        if (auto failed = failures_->count(path()); !failed) return failed;
        return file_->truncate(bytes);
    }
    bool reserve(std::uint64_t bytes) noexcept override { return file_->reserve(bytes); }
    void advise(platform::Advice advice) noexcept override { file_->advise(advice); }
    [[nodiscard]] int descriptor() const noexcept override { return file_->descriptor(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return file_->path(); }

private:
    std::unique_ptr<File> file_;
    std::shared_ptr<Failures> failures_;
};

/// After a failure every call fails, as stream_file.h F2 has it.
class FailingStream final : public platform::StreamFile {
public:
    FailingStream(std::unique_ptr<StreamFile> stream, std::shared_ptr<Failures> failures)
        : stream_(std::move(stream)), failures_(std::move(failures)) {}
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return stream_->path(); }
    Result<std::span<std::byte>> buffer() override {
        if (!so_far_) return std::unexpected(so_far_.error());
        return stream_->buffer();
    }
    Result<void> send(std::size_t bytes, std::uint64_t offset) override {
        if (so_far_) so_far_ = failures_->count(path());
        return so_far_ ? stream_->send(bytes, offset) : so_far_;
    }
    Result<void> wait() override { return so_far_ ? stream_->wait() : so_far_; }
    Result<void> sync(std::uint64_t file_bytes) override {
        if (so_far_) so_far_ = failures_->count(path());
        return so_far_ ? stream_->sync(file_bytes) : so_far_;
    }
    void prefetch(std::uint64_t file_bytes) noexcept override { stream_->prefetch(file_bytes); }

private:
    std::unique_ptr<StreamFile> stream_;
    std::shared_ptr<Failures> failures_;
    Result<void> so_far_;
};

class FailingFileIo final : public platform::FileIo {
public:
    using Path = std::filesystem::path;
    FailingFileIo(std::unique_ptr<FileIo> io, std::shared_ptr<Failures> failures)
        : io_(std::move(io)), failures_(std::move(failures)) {}

    [[nodiscard]] const char* name() const noexcept override { return io_->name(); }
    Result<std::unique_ptr<platform::File>> open(const Path& path, platform::OpenMode mode) override {
        if (auto failed = failures_->count(path); !failed) return std::unexpected(failed.error());
        return wrap(io_->open(path, mode));
    }
    Result<std::unique_ptr<platform::StreamFile>> create_stream(const Path& path) override {
        if (auto failed = failures_->count(path); !failed) return std::unexpected(failed.error());
        auto stream = io_->create_stream(path);
        if (!stream) return stream;
        return std::make_unique<FailingStream>(std::move(*stream), failures_);
    }
    [[nodiscard]] platform::StreamMethod stream_method() const override { return io_->stream_method(); }
    Result<std::unique_ptr<platform::File>> create_zeroed(const Path& path, std::uint64_t bytes) override {
        if (auto failed = failures_->count(path); !failed) return std::unexpected(failed.error());
        return wrap(io_->create_zeroed(path, bytes));
    }
    Result<void> rename(const Path& from, const Path& to) override {
        if (auto failed = failures_->count(from); !failed) return failed;
        return io_->rename(from, to);
    }
    Result<void> link(const Path& from, const Path& to) override {
        if (auto failed = failures_->count(from); !failed) return failed;
        if (failures_->links_fail) return std::unexpected(platform::os_error("linking " + from.string(), EXDEV));
        return io_->link(from, to);
    }
    Result<void> remove(const Path& path) override {
        if (auto failed = failures_->count(path); !failed && failures_->removes_fail) return failed;
        return io_->remove(path);
    }
    Result<void> sync_directory(const Path& directory) override {
        if (auto failed = failures_->count(directory); !failed) return failed;
        return io_->sync_directory(directory);
    }
    Result<void> create_directories(const Path& directory) override {
        if (auto failed = failures_->count(directory); !failed) return failed;
        return io_->create_directories(directory);
    }
    Result<std::vector<std::string>> list(const Path& directory) override {
        if (auto failed = failures_->count(directory); !failed) return std::unexpected(failed.error());
        return io_->list(directory);
    }
    Result<bool> exists(const Path& path) override {
        if (auto failed = failures_->count(path); !failed) return std::unexpected(failed.error());
        return io_->exists(path);
    }

private:
    Result<std::unique_ptr<platform::File>> wrap(Result<std::unique_ptr<platform::File>> file) {
        if (!file) return file;
        return std::make_unique<FailingFile>(std::move(*file), failures_);
    }

    std::unique_ptr<FileIo> io_;
    std::shared_ptr<Failures> failures_;
};

/// For engine::Internals::wrap_io.
inline auto failing_io(std::shared_ptr<Failures> failures) {
    return [failures = std::move(failures)](std::unique_ptr<platform::FileIo> io) -> std::unique_ptr<platform::FileIo> {
        return std::make_unique<FailingFileIo>(std::move(io), failures);
    };
}

}  // namespace zverse::test
