// Opening, names and directories come from PosixFileIo; reading, writing and syncing go through one ring that all
// files of this FileIo share. Batches of many operations have their place in UringQueue::run(). A stream has a ring of
// its own.
#include <platform/os_error.h>
#include <platform/posix_file_io.h>
#include <platform/uring_file_io.h>
#include <platform/uring_queue.h>
#include <platform/uring_stream.h>

#include <cerrno>
#include <limits>

namespace zverse::platform {

namespace {

class UringFile final : public PosixFile {
public:
    UringFile(UniqueDescriptor descriptor, std::filesystem::path path, std::shared_ptr<UringQueue> queue)
        : PosixFile(std::move(descriptor), std::move(path)), queue_(std::move(queue)) {}

    [[nodiscard]] Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) override {
        std::size_t done = 0;
        while (done < data.size()) {
            auto got = run({.what = UringOperation::What::read,
                            .target = data.data() + done,
                            .bytes = data.size() - done,
                            .offset = offset + done},
                           describe_access("read", path(), data.size(), offset));
            if (!got) return got;
            if (*got == 0) break;
            done += *got;
        }
        return done;
    }

    [[nodiscard]] Result<void> write(std::span<const std::byte> data, std::uint64_t offset) override {
        for (std::size_t done = 0; done < data.size();) {
            const std::string what = describe_access("write", path(), data.size(), offset);
            auto put = run({.what = UringOperation::What::write,
                            .source = data.data() + done,
                            .bytes = data.size() - done,
                            .offset = offset + done},
                           what);
            if (!put) return std::unexpected(std::move(put.error()));
            // No progress is an error, or this would turn for ever.
            if (*put == 0) return std::unexpected(os_error(what, EIO));
            done += *put;
        }
        return {};
    }

    [[nodiscard]] Result<void> sync() override {
        auto synced = run({.what = UringOperation::What::data_sync}, "fdatasync of " + path().string());
        if (synced) return {};
        // Never `full`: what was written before is now in doubt.
        const Error& error = synced.error();
        return std::unexpected(Error(ErrorCode::io, error.message(), error.os_errno()));
    }

private:
    Result<std::size_t> run(UringOperation operation, const std::string& what) {
        operation.descriptor = descriptor();
        // The kernel takes an offset of -1 for "the current position"; pwrite calls it invalid, and so do we.
        if (operation.offset > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return std::unexpected(os_error(what, EINVAL));
        }
        do {
            if (auto ran = queue_->run({&operation, 1}); !ran) {
                return std::unexpected(std::move(ran.error()).during(what));
            }
        } while (operation.result == -EINTR || operation.result == -EAGAIN);
        if (operation.result < 0) return std::unexpected(os_error(what, -operation.result));
        return static_cast<std::size_t>(operation.result);
    }

    std::shared_ptr<UringQueue> queue_;
};

class UringFileIo final : public PosixFileIo {
public:
    explicit UringFileIo(std::shared_ptr<UringQueue> queue) : queue_(std::move(queue)) {}
    [[nodiscard]] const char* name() const noexcept override { return "uring"; }
    [[nodiscard]] StreamMethod stream_method() const override { return notes_->latest(); }

private:
    [[nodiscard]] std::unique_ptr<File> wrap(UniqueDescriptor descriptor, const std::filesystem::path& path) override {
        return std::make_unique<UringFile>(std::move(descriptor), path, queue_);
    }
    [[nodiscard]] Result<std::unique_ptr<StreamFile>> wrap_stream(std::unique_ptr<PosixFile> file) override {
        return UringStream::create(std::move(file), notes_);
    }

    // Shared: a File or stream may outlive the FileIo that opened it.
    std::shared_ptr<UringQueue> queue_;
    std::shared_ptr<StreamNotes> notes_ = std::make_shared<StreamNotes>();
};

}  // namespace

Result<std::unique_ptr<FileIo>> make_uring_file_io() {
    auto queue = UringQueue::create();
    if (!queue) return std::unexpected(std::move(queue.error()));
    return std::make_unique<UringFileIo>(std::move(*queue));
}

}  // namespace zverse::platform
