// FileIo: every file operation of the engine, behind one virtual interface, because it waits anyway. Three
// implementations: io_uring, pread/pwrite, and the simulator of the tests (which forgets, tears and fails).
// Nothing else in the engine opens, writes, syncs, renames or removes a file.
//
// Errors name the operation, the path, the offset and the length, and carry errno. ENOSPC and EDQUOT are
// ErrorCode::full, everything else is ErrorCode::io. EINTR is retried. A short read at the end of the file is
// not an error of read_some(); for read_exact() it is `corrupt` ("file ends at ...").
//
// Threads: a FileIo and its Files may be used from any thread, one call per File at a time.
#pragma once

#include <platform/stream_file.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::platform {

enum class OpenMode : std::uint8_t {
    read,        ///< must exist
    read_write,  ///< must exist
    create,      ///< read and write; must not exist
};

/// How an open file is going to be read. Advice: what the system does not take is ignored.
enum class Advice : std::uint8_t {
    in_order,  ///< from front to back: it reads far ahead
    once,      ///< not again soon: what others read has more right to memory
    unneeded,  ///< not soon: what memory holds of it may go; what is not written yet stays
};

class File {
public:
    virtual ~File() = default;
    /// Reads up to data.size() bytes; returns how many there were before the end of the file.
    [[nodiscard]] virtual Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) = 0;
    /// Writes all of it, or fails.
    [[nodiscard]] virtual Result<void> write(std::span<const std::byte> data, std::uint64_t offset) = 0;
    /// fdatasync: data and the size needed to read it survive power loss. Never retry after a failure.
    [[nodiscard]] virtual Result<void> sync() = 0;
    [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
    [[nodiscard]] virtual Result<void> truncate(std::uint64_t bytes) = 0;
    /// Sets space aside for the file's first `bytes`, also behind its end; size() stays. False: the system did not.
    virtual bool reserve(std::uint64_t) noexcept { return false; }
    virtual void advise(Advice) noexcept {}
    /// The descriptor, for mmap, flock and libpmem2; -1 in the simulator.
    [[nodiscard]] virtual int descriptor() const noexcept = 0;
    [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;

    [[nodiscard]] Result<void> read_exact(std::span<std::byte> data, std::uint64_t offset);
};

class FileIo {
public:
    virtual ~FileIo() = default;
    /// "uring" or "posix".
    [[nodiscard]] virtual const char* name() const noexcept = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) = 0;
    /// Creates `path` with `bytes` of really written zeros, synced. On failure nothing is left behind.
    [[nodiscard]] virtual Result<std::unique_ptr<File>> create_zeroed(const std::filesystem::path& path,
                                                                      std::uint64_t bytes) = 0;
    /// Creates `path`, which must not exist, to be written in large pieces. On failure nothing is left behind.
    [[nodiscard]] virtual Result<std::unique_ptr<StreamFile>> create_stream(const std::filesystem::path& path) = 0;
    [[nodiscard]] virtual StreamMethod stream_method() const = 0;
    [[nodiscard]] virtual Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    /// Another name for the same file; `to` must not exist. EXDEV, EPERM, EMLINK: there can't be one.
    [[nodiscard]] virtual Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    [[nodiscard]] virtual Result<void> remove(const std::filesystem::path& path) = 0;
    /// Makes creations, links, renames and removals in `directory` survive power loss.
    [[nodiscard]] virtual Result<void> sync_directory(const std::filesystem::path& directory) = 0;
    /// The directory and its parents, each new one synced into its parent.
    [[nodiscard]] virtual Result<void> create_directories(const std::filesystem::path& directory) = 0;
    /// File names in it, sorted; empty when the directory does not exist.
    [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
    [[nodiscard]] virtual Result<bool> exists(const std::filesystem::path& path) = 0;
};

/// Whether something that is no directory has this name. Errors: io.
[[nodiscard]] Result<bool> names_no_directory(const std::filesystem::path& path);

/// Something in a directory that is neither called `but` nor an empty directory; nothing when there is no such thing,
/// or no such directory. Errors: io.
[[nodiscard]] Result<std::optional<std::string>> find_content(const std::filesystem::path& directory,
                                                              std::string_view but);

/// What became of io_uring: the reason is for the capability table.
struct FileIoChoice {
    std::unique_ptr<FileIo> io;
    std::string why_not;  ///< why it is not io_uring; empty when it is
};

/// io_uring where set-up and a probe with the flags really used succeed, else pread/pwrite. `force`: "", "uring",
/// "posix"; an unavailable "uring" and an unknown name are invalid_argument.
[[nodiscard]] Result<FileIoChoice> make_file_io(const std::string& force);
[[nodiscard]] std::unique_ptr<FileIo> make_posix_file_io();

}  // namespace zverse::platform
