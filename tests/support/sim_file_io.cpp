#include <support/sim_file_io.h>

#include <platform/os_error.h>
#include <support/random.h>
#include <support/sim_inode.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include <malloc.h>

namespace zverse::test {

using platform::describe_access;
using platform::File;
using platform::OpenMode;
using platform::os_error;
using platform::StreamFile;

namespace {

using Path = std::filesystem::path;
using Inode = std::shared_ptr<SimInode>;

/// One spelling for each name: no trailing slash, no dots.
Path normal(const Path& path) {
    Path result = path.lexically_normal();
    if (!result.has_filename() && result.has_relative_path()) result = result.parent_path();
    return result;
}

Path parent_of(const Path& path) {
    const Path parent = path.parent_path();
    return parent.empty() ? Path(".") : parent;
}

/// A change of names that no sync_directory() has made durable.
struct NameChange {
    Path gone;         ///< removed, or renamed from; empty: none
    Path made;         ///< created, or renamed to; empty: none
    Inode file;        ///< what `made` names; null for a directory
};

struct Names {
    std::map<Path, Inode> files;
    std::set<Path> directories{"/", "."};

    void apply(const NameChange& change) {
        if (!change.gone.empty()) files.erase(change.gone);
        if (change.made.empty()) return;
        if (change.file) {
            files[change.made] = change.file;
        } else {
            directories.insert(change.made);
        }
    }
    [[nodiscard]] bool reachable(const Path& path) const {
        for (Path parent = parent_of(path);; parent = parent_of(parent)) {
            if (!directories.contains(parent)) return false;
            if (parent == "/" || parent == ".") return true;
        }
    }
};

}  // namespace

struct SimFileIo::Disk {
    mutable std::mutex mutex;
    Names live, durable;
    std::vector<NameChange> changes;  ///< in order

    std::uint64_t calls = 0, failures = 0;
    std::uint64_t fail_at = 0;  ///< 0: never
    int fail_errno = 0;
    bool fail_for_ever = false;
    bool no_new_files = false;

    /// Counts a call; the errno it is to fail with, or 0.
    int count_call() {
        ++calls;
        if (fail_at == 0 || calls < fail_at || (calls > fail_at && !fail_for_ever)) return 0;
        ++failures;
        return fail_errno;
    }
    void change(const NameChange& change) {
        live.apply(change);
        changes.push_back(change);
    }
    void sync_names(const Path& directory) {
        const auto touches = [&](const NameChange& change) {
            return (!change.gone.empty() && parent_of(change.gone) == directory) ||
                   (!change.made.empty() && parent_of(change.made) == directory);
        };
        for (const NameChange& change : changes) {
            if (touches(change)) durable.apply(change);
        }
        std::erase_if(changes, touches);
    }
    /// 0, or why `path` can't be made: ENOENT, ENOTDIR.
    [[nodiscard]] int parent_trouble(const Path& path) const {
        for (Path parent = parent_of(path);; parent = parent_of(parent)) {
            if (live.files.contains(parent)) return ENOTDIR;
            if (parent == "/" || parent == ".") break;
        }
        return live.directories.contains(parent_of(path)) ? 0 : ENOENT;
    }
    /// Every file that a crash may leave, by whatever name.
    [[nodiscard]] std::set<Inode> inodes() const {
        std::set<Inode> all;
        for (const auto& [path, inode] : durable.files) all.insert(inode);
        for (const NameChange& change : changes) {
            if (change.file) all.insert(change.file);
        }
        return all;
    }
};

namespace {

/// Up to the sector border before the middle: how far a write comes that fails.
std::size_t half_of(std::size_t bytes, std::uint64_t offset) {
    const std::uint64_t middle = (offset + bytes / 2) / SimFileIo::kSectorBytes * SimFileIo::kSectorBytes;
    return middle > offset ? middle - offset : 0;
}

class SimFile final : public File {
public:
    SimFile(std::shared_ptr<SimFileIo::Disk> disk, Inode inode, Path path, bool writable)
        : disk_(std::move(disk)), inode_(std::move(inode)), path_(std::move(path)), writable_(writable) {}

    [[nodiscard]] Result<std::size_t> read_some(std::span<std::byte> data, std::uint64_t offset) override {
        const std::lock_guard lock(disk_->mutex);
        if (const int number = disk_->count_call(); number != 0) return failed("read", data.size(), offset, number);
        if (!fits(data.size(), offset)) return failed("read", data.size(), offset, EINVAL);
        return inode_->read(data, offset);
    }

    [[nodiscard]] Result<void> write(std::span<const std::byte> data, std::uint64_t offset) override {
        const std::lock_guard lock(disk_->mutex);
        const int number = disk_->count_call();
        if (!writable_) return failed("write", data.size(), offset, EBADF);
        if (!fits(data.size(), offset)) return failed("write", data.size(), offset, EINVAL);
        if (number == 0) {
            inode_->write(data, offset);
            return {};
        }
        inode_->write(data.first(half_of(data.size(), offset)), offset);
        return failed("write", data.size(), offset, number);
    }

    [[nodiscard]] Result<void> sync() override {
        const std::lock_guard lock(disk_->mutex);
        if (const int number = disk_->count_call(); number != 0) {
            inode_->fail_sync();
            const Error error = os_error("fdatasync of " + path_.string(), number);
            return std::unexpected(Error(ErrorCode::io, error.message(), number));
        }
        inode_->sync();
        return {};
    }

    [[nodiscard]] Result<std::uint64_t> size() override {
        const std::lock_guard lock(disk_->mutex);
        if (const int number = disk_->count_call(); number != 0) {
            return std::unexpected(os_error("stat of " + path_.string(), number));
        }
        return inode_->size();
    }

    [[nodiscard]] Result<void> truncate(std::uint64_t bytes) override {
        const std::lock_guard lock(disk_->mutex);
        int number = disk_->count_call();
        if (number == 0 && !writable_) number = EINVAL;
        if (number != 0) return std::unexpected(os_error("truncation of " + path_.string(), number));
        inode_->truncate(bytes);
        return {};
    }

    [[nodiscard]] int descriptor() const noexcept override { return -1; }
    [[nodiscard]] const Path& path() const noexcept override { return path_; }

private:
    [[nodiscard]] std::unexpected<Error> failed(const char* operation, std::size_t bytes, std::uint64_t offset,
                                                int number) const {
        return std::unexpected(os_error(describe_access(operation, path_, bytes, offset), number));
    }
    static bool fits(std::size_t bytes, std::uint64_t offset) {
        constexpr auto kEnd = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        return offset <= kEnd && bytes <= kEnd - offset;
    }

    std::shared_ptr<SimFileIo::Disk> disk_;
    Inode inode_;
    Path path_;
    bool writable_;
};

class SimStream final : public StreamFile {
public:
    SimStream(std::shared_ptr<SimFileIo::Disk> disk, Inode inode, Path path)
        : disk_(std::move(disk)), inode_(std::move(inode)), path_(std::move(path)) {}
    ~SimStream() override { static_cast<void>(wait()); }

    [[nodiscard]] const Path& path() const noexcept override { return path_; }

    [[nodiscard]] Result<std::span<std::byte>> buffer() override {
        const std::lock_guard lock(disk_->mutex);
        if (in_flight_.size() == kInFlight) end_newest();
        if (failure_) return std::unexpected(*failure_);
        // What an earlier piece left there is nothing to rely on.
        std::ranges::fill(buffer_, std::byte{0xee});
        return std::span(buffer_);
    }

    [[nodiscard]] Result<void> send(std::size_t bytes, std::uint64_t offset) override {
        const std::lock_guard lock(disk_->mutex);
        if (failure_) return std::unexpected(*failure_);
        Sent sent{.offset = offset, .asked = bytes, .bytes = buffer_.size(), .number = disk_->count_call()};
        if (offset % platform::kStreamBlockBytes != 0) sent.number = EINVAL;
        if (sent.number != 0) sent.bytes = half_of(sent.bytes, offset);
        inode_->begin_write(std::span(buffer_).first(sent.bytes), offset);
        in_flight_.push_back(sent);
        return {};
    }

    [[nodiscard]] Result<void> wait() override {
        const std::lock_guard lock(disk_->mutex);
        while (!in_flight_.empty()) end_newest();
        return kept();
    }

    [[nodiscard]] Result<void> sync(std::uint64_t file_bytes) override {
        if (auto waited = wait(); !waited) return waited;
        const std::lock_guard lock(disk_->mutex);
        if (inode_->size() > file_bytes) {
            if (const int number = disk_->count_call(); number != 0) {
                failure_ = os_error("truncation of " + path_.string(), number);
                return kept();
            }
            inode_->truncate(file_bytes);
        }
        if (const int number = disk_->count_call(); number != 0) {
            inode_->fail_sync();
            const Error error = os_error("fdatasync of " + path_.string(), number);
            failure_ = Error(ErrorCode::io, error.message(), number);
            return kept();
        }
        inode_->sync();
        return {};
    }

    void prefetch(std::uint64_t) noexcept override {}

private:
    static constexpr std::size_t kInFlight = 3;
    struct Sent {
        std::uint64_t offset;
        std::size_t asked, bytes;
        int number;  ///< errno it will fail with, or 0
    };

    void end_newest() {
        const Sent sent = in_flight_.back();
        in_flight_.pop_back();
        inode_->end_write(sent.bytes, sent.offset);
        if (sent.number == 0 || failure_) return;
        failure_ = os_error(describe_access("write", path_, sent.asked, sent.offset), sent.number);
    }
    [[nodiscard]] Result<void> kept() const {
        if (failure_) return std::unexpected(*failure_);
        return {};
    }

    std::shared_ptr<SimFileIo::Disk> disk_;
    Inode inode_;
    Path path_;
    std::array<std::byte, platform::kStreamBlockBytes> buffer_{};
    std::vector<Sent> in_flight_;
    std::optional<Error> failure_;
};

std::unexpected<Error> failed(const char* operation, const Path& path, int number) {
    return std::unexpected(os_error(std::string(operation) + " " + path.string(), number));
}

}  // namespace

namespace {

/// A disk is made and thrown away for each crash state: its memory must not go back to the system each time, which took
/// two thirds of a state.
void keep_memory() {
    [[maybe_unused]] static const bool kept = [] {
        ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
        ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
        return true;
    }();
}

}  // namespace

SimFileIo::SimFileIo() : disk_((keep_memory(), std::make_shared<Disk>())) {}
SimFileIo::~SimFileIo() = default;

std::uint64_t SimFileIo::calls() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->calls;
}

void SimFileIo::refuse_new_files(bool refuse) {
    const std::lock_guard lock(disk_->mutex);
    disk_->no_new_files = refuse;
}

std::uint64_t SimFileIo::failures() const {
    const std::lock_guard lock(disk_->mutex);
    return disk_->failures;
}

void SimFileIo::fail_call(std::uint64_t nth, int os_errno, bool for_ever) {
    const std::lock_guard lock(disk_->mutex);
    disk_->fail_at = disk_->calls + nth;
    disk_->fail_errno = os_errno;
    disk_->fail_for_ever = for_ever;
}

void SimFileIo::fail_no_more() {
    const std::lock_guard lock(disk_->mutex);
    disk_->fail_at = 0;
}

std::size_t SimFileIo::doubts() const {
    const std::lock_guard lock(disk_->mutex);
    std::size_t count = disk_->changes.size();
    for (const Inode& inode : disk_->inodes()) count += inode->doubts();
    return count;
}

std::unique_ptr<SimFileIo> SimFileIo::crash(const Choose& choose) const {
    const std::lock_guard lock(disk_->mutex);
    Names names = disk_->durable;
    for (const NameChange& change : disk_->changes) {
        if (choose(2) == 1) names.apply(change);
    }
    std::erase_if(names.directories,
                  [&](const Path& path) { return path != "/" && path != "." && !names.reachable(path); });
    // In the order of names, and a file with two names once, so that a seed means the same every time.
    std::map<Inode, Inode> survivors;
    auto after = std::make_unique<SimFileIo>();
    Names& left = after->disk_->durable;
    left.directories = names.directories;
    for (const auto& [path, inode] : names.files) {
        if (!names.reachable(path)) continue;
        Inode& survivor = survivors[inode];
        if (!survivor) survivor = inode->crash(choose);
        left.files[path] = survivor;
    }
    after->disk_->live = left;
    return after;
}

std::unique_ptr<SimFileIo> SimFileIo::crash(std::uint64_t seed) const {
    Random random(seed);
    return crash([&](std::size_t options) { return static_cast<std::size_t>(random.below(options)); });
}

Result<std::unique_ptr<StreamFile>> SimFileIo::create_stream(const Path& path) {
    if (auto created = open(path, OpenMode::create); !created) return std::unexpected(std::move(created.error()));
    const std::lock_guard lock(disk_->mutex);
    return std::make_unique<SimStream>(disk_, disk_->live.files.at(normal(path)), path);
}

Result<std::unique_ptr<File>> SimFileIo::open(const Path& path, OpenMode mode) {
    const std::lock_guard lock(disk_->mutex);
    const char* operation = mode == OpenMode::create ? "creation of" : "opening";
    if (const int number = disk_->count_call(); number != 0) return failed(operation, path, number);
    const Path name = normal(path);
    if (const int number = disk_->parent_trouble(name); number != 0) return failed(operation, path, number);
    const bool directory = disk_->live.directories.contains(name);
    const auto found = disk_->live.files.find(name);
    if (mode == OpenMode::create) {
        if (directory || found != disk_->live.files.end()) return failed(operation, path, EEXIST);
        if (disk_->no_new_files) return failed(operation, path, ENOSPC);
        const auto inode = std::make_shared<SimInode>();
        disk_->change({.gone = {}, .made = name, .file = inode});
        return std::make_unique<SimFile>(disk_, inode, path, true);
    }
    if (directory) return failed(operation, path, EISDIR);
    if (found == disk_->live.files.end()) return failed(operation, path, ENOENT);
    return std::make_unique<SimFile>(disk_, found->second, path, mode == OpenMode::read_write);
}

Result<std::unique_ptr<File>> SimFileIo::create_zeroed(const Path& path, std::uint64_t bytes) {
    auto file = open(path, OpenMode::create);
    if (!file) return file;
    const std::vector<std::byte> zeros(bytes);
    auto done = (*file)->write(zeros, 0);
    if (done) done = (*file)->sync();
    if (done) return file;
    const std::lock_guard lock(disk_->mutex);
    disk_->change({.gone = normal(path), .made = {}, .file = nullptr});
    return std::unexpected(std::move(done.error()).during("creating " + path.string()));
}

Result<void> SimFileIo::rename(const Path& from, const Path& to) {
    const std::lock_guard lock(disk_->mutex);
    const std::string what = "renaming " + from.string() + " to " + to.string();
    int number = disk_->count_call();
    const Path old_name = normal(from), new_name = normal(to);
    const auto found = disk_->live.files.find(old_name);
    if (number == 0) number = disk_->parent_trouble(old_name);
    if (number == 0) number = disk_->parent_trouble(new_name);
    if (number == 0 && disk_->live.directories.contains(new_name)) number = EISDIR;
    if (number == 0 && found == disk_->live.files.end()) number = ENOENT;
    if (number != 0) return std::unexpected(os_error(what, number));
    // Two names of one file stay both.
    const auto taken = disk_->live.files.find(new_name);
    const bool same = taken != disk_->live.files.end() && taken->second == found->second;
    if (!same) disk_->change({.gone = old_name, .made = new_name, .file = found->second});
    return {};
}

Result<void> SimFileIo::link(const Path& from, const Path& to) {
    const std::lock_guard lock(disk_->mutex);
    int number = disk_->count_call();
    const Path old_name = normal(from), new_name = normal(to);
    const auto found = disk_->live.files.find(old_name);
    const bool directory = disk_->live.directories.contains(old_name);
    if (number == 0) number = disk_->parent_trouble(old_name);
    if (number == 0 && found == disk_->live.files.end() && !directory) number = ENOENT;
    if (number == 0) number = disk_->parent_trouble(new_name);
    const bool taken = disk_->live.directories.contains(new_name) || disk_->live.files.contains(new_name);
    if (number == 0 && taken) number = EEXIST;
    if (number == 0 && directory) number = EPERM;
    if (number != 0) {
        return std::unexpected(os_error("linking " + from.string() + " as " + to.string(), number));
    }
    disk_->change({.gone = {}, .made = new_name, .file = found->second});
    return {};
}

Result<void> SimFileIo::remove(const Path& path) {
    const std::lock_guard lock(disk_->mutex);
    int number = disk_->count_call();
    const Path name = normal(path);
    if (number == 0) number = disk_->parent_trouble(name);
    if (number == 0 && disk_->live.directories.contains(name)) number = EISDIR;
    if (number == 0 && !disk_->live.files.contains(name)) number = ENOENT;
    if (number != 0) return failed("removal of", path, number);
    disk_->change({.gone = name, .made = {}, .file = nullptr});
    return {};
}

Result<void> SimFileIo::sync_directory(const Path& directory) {
    const std::lock_guard lock(disk_->mutex);
    int number = disk_->count_call();
    const Path name = normal(directory);
    if (number == 0 && disk_->live.files.contains(name)) number = ENOTDIR;
    if (number == 0) number = disk_->parent_trouble(name);
    if (number == 0 && !disk_->live.directories.contains(name)) number = ENOENT;
    if (number != 0) return failed("fsync of directory", directory, number);
    disk_->sync_names(name);
    return {};
}

Result<void> SimFileIo::create_directories(const Path& directory) {
    const std::lock_guard lock(disk_->mutex);
    const int number = disk_->count_call();
    std::vector<Path> missing;
    for (Path name = normal(directory); !disk_->live.directories.contains(name); name = parent_of(name)) {
        if (name.empty()) return failed("creation of directory", directory, ENOENT);
        if (disk_->live.files.contains(name)) return failed("creation of directory", directory, ENOTDIR);
        missing.push_back(name);
    }
    for (auto name = missing.rbegin(); name != missing.rend(); ++name) {
        disk_->change({.gone = {}, .made = *name, .file = nullptr});
        // A failure comes after the first was made, and before it is durable.
        if (number != 0) break;
        disk_->sync_names(parent_of(*name));
    }
    if (number != 0) return failed("creation of directory", directory, number);
    return {};
}

Result<std::vector<std::string>> SimFileIo::list(const Path& directory) {
    const std::lock_guard lock(disk_->mutex);
    int number = disk_->count_call();
    const Path wanted = normal(directory);
    const bool below_a_file = disk_->parent_trouble(wanted) == ENOTDIR;
    if (number == 0 && (below_a_file || disk_->live.files.contains(wanted))) number = ENOTDIR;
    if (number != 0) return failed("listing", directory, number);
    std::vector<std::string> names;
    for (const auto& [path, inode] : disk_->live.files) {
        if (parent_of(path) == wanted) names.push_back(path.filename().string());
    }
    std::ranges::sort(names);
    return names;
}

Result<bool> SimFileIo::exists(const Path& path) {
    const std::lock_guard lock(disk_->mutex);
    if (const int number = disk_->count_call(); number != 0) return failed("stat of", path, number);
    const Path name = normal(path);
    return disk_->live.files.contains(name) || disk_->live.directories.contains(name);
}

}  // namespace zverse::test
