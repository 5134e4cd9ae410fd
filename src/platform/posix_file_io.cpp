#include <platform/os_error.h>
#include <platform/posix_file_io.h>
#include <platform/posix_stream.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace zverse::platform {

namespace {

// One page a call: the page cache keeps what a call writes in one piece, and each sync would write that piece whole.
constexpr std::array<std::byte, 4096> kZeros{};

/// Runs a system call again while signals interrupt it.
template <class Call>
auto retry_interrupted(Call&& call) {
    while (true) {
        const auto result = call();
        if (result >= 0 || errno != EINTR) return result;
    }
}

std::unexpected<Error> failed(const char* operation, const std::filesystem::path& path) {
    const int number = errno;  // before anything here may change it
    return std::unexpected(os_error(std::string(operation) + " " + path.string(), number));
}

int open_flags(OpenMode mode) noexcept {
    switch (mode) {
        // A pipe by that name must not wait for a writer.
        case OpenMode::read: return O_RDONLY | O_NONBLOCK;
        case OpenMode::read_write: return O_RDWR;
        case OpenMode::create: return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

Result<UniqueDescriptor> open_descriptor(const std::filesystem::path& path, OpenMode mode) {
    constexpr mode_t kPermissions = 0644;
    const int flags = open_flags(mode) | O_CLOEXEC;
    UniqueDescriptor descriptor(retry_interrupted([&] { return ::open(path.c_str(), flags, kPermissions); }));
    if (!descriptor.valid()) return failed(mode == OpenMode::create ? "creation of" : "opening", path);
    // Only the opening must not wait. Of a file that stays so, io_uring answers EAGAIN where the device can't say
    // without waiting (persistent memory is one), again and again.
    if ((flags & O_NONBLOCK) != 0 && ::fcntl(descriptor.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
        return failed("opening", path);
    }
    return descriptor;
}

/// Takes a new, empty file out of copy-on-write: there, writing to a synced place allocates, and may find no space.
/// File systems that know nothing of it refuse, which is fine.
void avoid_copy_on_write(int descriptor) noexcept {
    int flags = 0;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) != 0) return;
    flags |= FS_NOCOW_FL;
    static_cast<void>(ioctl(descriptor, FS_IOC_SETFLAGS, &flags));
}

/// Asks for all the space at once: one extent where possible, and a full disk is known before it is filled up.
Result<void> reserve_space(const File& file, std::uint64_t bytes) {
    const auto allocate = [&] { return fallocate(file.descriptor(), 0, 0, static_cast<off_t>(bytes)); };
    if (bytes == 0 || retry_interrupted(allocate) == 0 || errno == EOPNOTSUPP) return {};
    return std::unexpected(os_error(describe_access("allocation", file.path(), bytes, 0), errno));
}

Result<void> fill_with_zeros(File& file, std::uint64_t bytes) {
    if (auto reserved = reserve_space(file, bytes); !reserved) return reserved;
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t part = std::min<std::uint64_t>(bytes - done, kZeros.size());
        if (auto written = file.write(std::span(kZeros).first(part), done); !written) return written;
        done += part;
    }
    return file.sync();
}

/// Calls visit(name, whether it is a directory) for what is in a directory; for nothing when there is none. By
/// readdir(): without memory libstdc++'s directory_iterator ends the process.
template <class Visit>
Result<void> for_each_entry(const std::filesystem::path& directory, Visit&& visit) {
    const auto close = [](DIR* open) { ::closedir(open); };
    const std::unique_ptr<DIR, decltype(close)> open(::opendir(directory.c_str()));
    if (open == nullptr) {
        if (errno == ENOENT) return {};
        return failed("listing of", directory);
    }
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(open.get());
        if (entry == nullptr) break;
        const std::string_view name = entry->d_name;
        struct stat status = {};
        // An entry that vanished meanwhile is no directory.
        const bool known = ::fstatat(::dirfd(open.get()), entry->d_name, &status, 0) == 0;
        if (name != "." && name != "..") visit(name, known && S_ISDIR(status.st_mode));
    }
    if (errno != 0) return failed("listing of", directory);
    return {};
}

std::filesystem::path parent_of(const std::filesystem::path& path) {
    const std::filesystem::path parent = path.parent_path();
    return parent.empty() ? std::filesystem::path(".") : parent;
}

}  // namespace

Result<std::size_t> PosixFile::read_some(std::span<std::byte> data, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < data.size()) {
        const ssize_t got = retry_interrupted([&] {
            return pread(descriptor(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
        });
        if (got < 0) return std::unexpected(os_error(describe_access("read", path_, data.size(), offset), errno));
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

Result<void> PosixFile::write(std::span<const std::byte> data, std::uint64_t offset) {
    for (std::size_t done = 0; done < data.size();) {
        const ssize_t put = retry_interrupted([&] {
            return pwrite(descriptor(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
        });
        // Zero bytes for a non-empty write is no progress; taking it for an error beats turning for ever.
        if (put <= 0) {
            const int number = put < 0 ? errno : EIO;
            return std::unexpected(os_error(describe_access("write", path_, data.size(), offset), number));
        }
        done += static_cast<std::size_t>(put);
    }
    return {};
}

Result<void> PosixFile::sync() {
    if (retry_interrupted([&] { return fdatasync(descriptor()); }) == 0) return {};
    const int number = errno;
    // Never `full`, not even for ENOSPC of a delayed allocation: what was written before is now in doubt.
    return std::unexpected(
        Error(ErrorCode::io, "fdatasync of " + path_.string() + " failed: " + describe_errno(number), number));
}

Result<std::uint64_t> PosixFile::size() {
    struct stat status = {};
    if (fstat(descriptor(), &status) != 0) return failed("stat of", path_);
    return static_cast<std::uint64_t>(status.st_size);
}

Result<void> PosixFile::truncate(std::uint64_t bytes) {
    if (retry_interrupted([&] { return ftruncate(descriptor(), static_cast<off_t>(bytes)); }) == 0) return {};
    const int number = errno;
    return std::unexpected(os_error("truncation to " + std::to_string(bytes) + " bytes of " + path_.string(), number));
}

bool PosixFile::reserve(std::uint64_t bytes) noexcept {
    const auto length = static_cast<off_t>(bytes);
    return retry_interrupted([&] { return fallocate(descriptor(), FALLOC_FL_KEEP_SIZE, 0, length); }) == 0;
}

void PosixFile::advise(Advice advice) noexcept {
    int taken = POSIX_FADV_SEQUENTIAL;
    if (advice == Advice::once) taken = POSIX_FADV_NOREUSE;
    if (advice == Advice::unneeded) taken = POSIX_FADV_DONTNEED;
    static_cast<void>(posix_fadvise(descriptor(), 0, 0, taken));
}

std::unique_ptr<File> PosixFileIo::wrap(UniqueDescriptor descriptor, const std::filesystem::path& path) {
    return std::make_unique<PosixFile>(std::move(descriptor), path);
}

Result<std::unique_ptr<File>> PosixFileIo::open(const std::filesystem::path& path, OpenMode mode) {
    auto descriptor = open_descriptor(path, mode);
    if (!descriptor) return std::unexpected(std::move(descriptor.error()));
    return wrap(std::move(*descriptor), path);
}

Result<std::unique_ptr<StreamFile>> PosixFileIo::wrap_stream(std::unique_ptr<PosixFile> file) {
    return PosixStream::create(std::move(file));
}

Result<std::unique_ptr<StreamFile>> PosixFileIo::create_stream(const std::filesystem::path& path) {
    auto descriptor = open_descriptor(path, OpenMode::create);
    if (!descriptor) return std::unexpected(std::move(descriptor.error()));
    auto stream = wrap_stream(std::make_unique<PosixFile>(std::move(*descriptor), path));
    if (stream) return stream;
    ::unlink(path.c_str());
    return std::unexpected(std::move(stream.error()).during("creating " + path.string()));
}

StreamMethod PosixFileIo::stream_method() const { return {"pwrite", "files are not written through io_uring"}; }

Result<std::unique_ptr<File>> PosixFileIo::create_zeroed(const std::filesystem::path& path, std::uint64_t bytes) {
    auto file = open(path, OpenMode::create);
    if (!file) return file;
    avoid_copy_on_write((*file)->descriptor());
    if (auto filled = fill_with_zeros(**file, bytes); !filled) {
        ::unlink(path.c_str());
        return std::unexpected(std::move(filled.error()).during("creating " + path.string()));
    }
    return file;
}

Result<void> PosixFileIo::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    const int number = errno;
    return std::unexpected(os_error("renaming " + from.string() + " to " + to.string(), number));
}

Result<void> PosixFileIo::link(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    const int number = errno;
    return std::unexpected(os_error("linking " + from.string() + " as " + to.string(), number));
}

Result<void> PosixFileIo::remove(const std::filesystem::path& path) {
    if (::unlink(path.c_str()) == 0) return {};
    return failed("removal of", path);
}

Result<void> PosixFileIo::sync_directory(const std::filesystem::path& directory) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    const UniqueDescriptor descriptor(retry_interrupted([&] { return ::open(directory.c_str(), flags); }));
    if (!descriptor.valid()) return failed("opening directory", directory);
    if (retry_interrupted([&] { return fsync(descriptor.get()); }) == 0) return {};
    const int number = errno;
    return std::unexpected(Error(
        ErrorCode::io, "fsync of directory " + directory.string() + " failed: " + describe_errno(number), number));
}

Result<void> PosixFileIo::create_directories(const std::filesystem::path& directory) {
    struct stat status = {};
    if (::stat(directory.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) return {};
        errno = ENOTDIR;
        return failed("creation of directory", directory);
    }
    if (errno != ENOENT) return failed("creation of directory", directory);

    // A trailing slash would make the path its own parent's child twice.
    if (!directory.has_filename() && directory.has_relative_path()) return create_directories(directory.parent_path());
    const std::filesystem::path parent = parent_of(directory);
    if (parent != directory) {
        if (auto made = create_directories(parent); !made) return made;
    }
    constexpr mode_t kPermissions = 0755;
    // Another process may have been faster; what counts is that the entry is there and synced.
    if (::mkdir(directory.c_str(), kPermissions) != 0 && errno != EEXIST) {
        return failed("creation of directory", directory);
    }
    return sync_directory(parent);
}

Result<std::vector<std::string>> PosixFileIo::list(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    auto listed = for_each_entry(directory, [&](std::string_view name, bool is_directory) {
        if (!is_directory) names.emplace_back(name);
    });
    if (!listed) return std::unexpected(std::move(listed.error()));
    std::ranges::sort(names);
    return names;
}

Result<bool> PosixFileIo::exists(const std::filesystem::path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("stat of", path);
}

std::unique_ptr<FileIo> make_posix_file_io() { return std::make_unique<PosixFileIo>(); }

Result<bool> names_no_directory(const std::filesystem::path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) == 0) return !S_ISDIR(status.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("stat of", path);
}

Result<std::optional<std::string>> find_content(const std::filesystem::path& directory, std::string_view but) {
    std::vector<std::string> directories;
    std::optional<std::string> found;
    auto listed = for_each_entry(directory, [&](std::string_view name, bool is_directory) {
        if (is_directory) {
            directories.emplace_back(name);
        } else if (name != but) {
            found = name;
        }
    });
    for (std::size_t i = 0; listed && !found && i < directories.size(); ++i) {
        listed = for_each_entry(directory / directories[i], [&](std::string_view, bool) { found = directories[i]; });
    }
    if (!listed) return std::unexpected(std::move(listed.error()));
    return found;
}

}  // namespace zverse::platform
