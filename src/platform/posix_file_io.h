// FileIo over pread, pwrite and friends. Opening, names and directories are the same for every implementation on a
// real file system, so the io_uring one inherits them and replaces only the File.
#pragma once

#include <platform/file_io.h>
#include <platform/unique_descriptor.h>

namespace zverse::platform {

class PosixFile : public File {
public:
    PosixFile(UniqueDescriptor descriptor, std::filesystem::path path)
        : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

    [[nodiscard]] Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) override;
    [[nodiscard]] Result<void> write(std::span<const std::byte> data, std::uint64_t offset) override;
    [[nodiscard]] Result<void> sync() override;
    [[nodiscard]] Result<std::uint64_t> size() override;
    [[nodiscard]] Result<void> truncate(std::uint64_t bytes) override;
    bool reserve(std::uint64_t bytes) noexcept override;
    void advise(Advice advice) noexcept override;
    [[nodiscard]] int descriptor() const noexcept override { return descriptor_.get(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return path_; }

private:
    UniqueDescriptor descriptor_;
    std::filesystem::path path_;
};

class PosixFileIo : public FileIo {
public:
    [[nodiscard]] const char* name() const noexcept override { return "posix"; }
    [[nodiscard]] Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
    [[nodiscard]] Result<std::unique_ptr<File>> create_zeroed(const std::filesystem::path& path,
                                                              std::uint64_t bytes) override;
    [[nodiscard]] Result<std::unique_ptr<StreamFile>> create_stream(const std::filesystem::path& path) override;
    [[nodiscard]] StreamMethod stream_method() const override;
    [[nodiscard]] Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
    [[nodiscard]] Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
    [[nodiscard]] Result<void> remove(const std::filesystem::path& path) override;
    [[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory) override;
    [[nodiscard]] Result<void> create_directories(const std::filesystem::path& directory) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
    [[nodiscard]] Result<bool> exists(const std::filesystem::path& path) override;

private:
    /// The File that reads, writes and syncs an open descriptor.
    [[nodiscard]] virtual std::unique_ptr<File> wrap(UniqueDescriptor descriptor, const std::filesystem::path& path);
    /// The stream that writes a new, empty file.
    [[nodiscard]] virtual Result<std::unique_ptr<StreamFile>> wrap_stream(std::unique_ptr<PosixFile> file);
};

}  // namespace zverse::platform
