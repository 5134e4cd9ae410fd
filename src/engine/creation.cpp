// Order and invariants: see creation.h.
#include <engine/creation.h>

#include <hot/ring.h>
#include <platform/mapping.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

namespace zverse::engine {

namespace {

namespace fs = std::filesystem;

constexpr const char* kHotName = "hot";
constexpr const char* kRingPrefix = "ring-";

/// A ring in the directory where a store keeps them unless told otherwise.
Result<std::optional<fs::path>> find_own_ring(platform::FileIo& io, const fs::path& dir) {
    auto names = io.list(dir / kHotName);
    if (!names) return std::unexpected(std::move(names.error()));
    for (const std::string& name : *names) {
        if (name.starts_with(kRingPrefix)) return dir / kHotName / name;
    }
    return std::nullopt;
}

Error orphaned_ring(const fs::path& ring, const fs::path& dir) {
    return Error(ErrorCode::corrupt, "ring file " + ring.string() +
                                         " but no superblock: " + (dir / kSuperblockName).string() + " is missing");
}

hot::RingIdentity identity_of(const SuperblockFields& fields, unsigned shard, const fs::path& path) {
    return {{fields.store[0], fields.store[1]}, shard, path.string()};
}

/// Whether the file holds nothing but what an unfinished creation leaves: zeros, and any bytes of its fresh headers.
Result<bool> is_unfinished(platform::FileIo& io, const fs::path& path, const SuperblockFields& fields, unsigned shard) {
    constexpr std::uint64_t kPartBytes = std::uint64_t{1} << 20;
    static_assert(kPartBytes >= hot::kHeaderAreaBytes);
    auto file = io.open(path, platform::OpenMode::read);
    if (!file) return std::unexpected(std::move(file.error()));
    auto size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    if (*size > hot::kHeaderAreaBytes + fields.ring_bytes) return false;

    const hot::HeaderArea fresh = hot::fresh_headers(identity_of(fields, shard, path), fields.ring_bytes);
    std::vector<std::byte> part(std::min(*size, kPartBytes));
    for (std::uint64_t offset = 0; offset < *size; offset += part.size()) {
        part.resize(std::min<std::uint64_t>(part.size(), *size - offset));
        if (auto read = (*file)->read_exact(part, offset); !read) return std::unexpected(std::move(read.error()));
        const std::size_t headers = offset == 0 ? std::min<std::size_t>(part.size(), fresh.size()) : 0;
        for (std::size_t i = 0; i < headers; ++i) {
            if (part[i] != std::byte{0} && part[i] != fresh[i]) return false;
        }
        const auto is_zero = [](std::byte each) { return each == std::byte{0}; };
        if (!std::all_of(part.begin() + static_cast<std::ptrdiff_t>(headers), part.end(), is_zero)) return false;
    }
    return true;
}

}  // namespace

std::vector<fs::path> ring_directories(const fs::path& dir, const std::vector<fs::path>& hot_paths) {
    return hot_paths.empty() ? std::vector<fs::path>{dir / kHotName} : hot_paths;
}

fs::path ring_path(const fs::path& dir, const std::vector<fs::path>& hot_paths, unsigned shard) {
    const fs::path& directory = hot_paths.empty() ? dir / kHotName : hot_paths[shard % hot_paths.size()];
    return directory / (kRingPrefix + std::to_string(shard));
}

Result<void> Creation::check_directory(platform::FileIo& io, const fs::path& dir) {
    auto names = io.list(dir);
    if (!names) return std::unexpected(std::move(names.error()));
    const bool hot_is_file = std::ranges::find(*names, kHotName) != names->end();
    auto ring = hot_is_file ? Result<std::optional<fs::path>>(std::nullopt) : find_own_ring(io, dir);
    if (!ring) return std::unexpected(std::move(ring.error()));
    // Nobody holds the lock: another process may be creating the store right now. Its SUPERBLOCK.creating is older
    // than its rings, and stays until there is a superblock.
    auto unfinished = io.exists(dir / kCreatingName);
    if (!unfinished) return std::unexpected(std::move(unfinished.error()));
    auto finished = io.exists(dir / kSuperblockName);
    if (!finished) return std::unexpected(std::move(finished.error()));
    const bool manifest = std::ranges::any_of(*names, [](const auto& name) { return name.starts_with("MANIFEST-"); });
    if (*unfinished && !*finished && manifest) {
        return std::unexpected(Error(ErrorCode::not_found, "no store in " + dir.string() +
                                                               ": a checkpoint into it was not finished; remove what "
                                                               "is there to try again"));
    }
    if (*unfinished || *finished) return {};
    if (*ring) return std::unexpected(orphaned_ring(**ring, dir));
    for (const std::string& name : *names) {
        if (name == kLockName) continue;
        return std::unexpected(Error(ErrorCode::not_found, "no store in " + dir.string() +
                                                               ", and no store is created there because it holds "
                                                               "other files (" +
                                                               name + ")"));
    }
    return {};
}

Result<void> Creation::remove_rings(const std::vector<fs::path>& rings) {
    std::set<fs::path> directories;
    for (const fs::path& ring : rings) {
        if (auto removed = io_.remove(ring); !removed) return removed;
        directories.insert(ring.parent_path());
    }
    for (const fs::path& directory : directories) {
        if (auto synced = io_.sync_directory(directory); !synced) return synced;
    }
    return {};
}

Result<void> Creation::remove_unfinished() {
    auto exists = io_.exists(creating());
    if (!exists) return std::unexpected(std::move(exists.error()));
    if (!*exists) return {};
    auto old = Superblock::open(io_, creating(), platform::OpenMode::read);
    if (!old) {
        if (old.error().code() != ErrorCode::corrupt) return std::unexpected(std::move(old.error()));
        // It was not finished, so no ring was begun: those that are there are others'.
        if (auto free = check_ring_paths(); !free) return free;
    }
    std::vector<fs::path> rings;
    for (unsigned shard = 0; old && shard < old->fields().shards; ++shard) {
        const fs::path ring = ring_path(dir_, old->fields().hot_paths, shard);
        auto there = io_.exists(ring);
        if (!there) return std::unexpected(std::move(there.error()));
        if (!*there) continue;
        auto ours = is_unfinished(io_, ring, old->fields(), shard);
        if (!ours) return std::unexpected(std::move(ours.error()));
        if (!*ours) {
            return std::unexpected(
                Error(ErrorCode::corrupt, "ring file " + ring.string() +
                                              " is not what the unfinished creation of the store in " + dir_.string() +
                                              " left; nothing was removed"));
        }
        rings.push_back(ring);
    }
    if (auto removed = remove_rings(rings); !removed) return removed;
    if (auto removed = io_.remove(creating()); !removed) return removed;
    return io_.sync_directory(dir_);
}

Result<void> Creation::check_ring_paths() {
    auto own = find_own_ring(io_, dir_);
    if (!own) return std::unexpected(std::move(own.error()));
    if (*own) return std::unexpected(orphaned_ring(**own, dir_));
    for (unsigned shard = 0; shard < fields_.shards; ++shard) {
        const fs::path ring = ring_path(dir_, fields_.hot_paths, shard);
        auto there = io_.exists(ring);
        if (!there) return std::unexpected(std::move(there.error()));
        if (!*there) continue;
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "options.hot_paths: there is a ring file " + ring.string() +
                                                   " already, of another store or of one whose superblock is gone"));
    }
    return {};
}

Result<void> Creation::make_ring(unsigned shard) {
    const fs::path path = ring_path(dir_, fields_.hot_paths, shard);
    const std::uint64_t bytes = hot::kHeaderAreaBytes + fields_.ring_bytes;
    auto file = io_.create_zeroed(path, bytes);
    if (!file) return std::unexpected(std::move(file.error()));
    made_.push_back(path);
    auto mapping = platform::Mapping::map({.path = path,
                                           .descriptor = (*file)->descriptor(),
                                           .bytes = bytes,
                                           .force_granularity = force_granularity_,
                                           .prefault = false});
    if (!mapping) return std::unexpected(std::move(mapping.error()));
    return hot::format_ring(mapping->bytes(), identity_of(fields_, shard, path), mapping->domain());
}

Result<void> Creation::make() {
    if (auto made = Superblock::create(io_, creating(), fields_); !made) return made;
    if (auto synced = io_.sync_directory(dir_); !synced) return synced;
    const auto directories = ring_directories(dir_, fields_.hot_paths);
    for (const fs::path& directory : directories) {
        if (auto made = io_.create_directories(directory); !made) return made;
    }
    for (unsigned shard = 0; shard < fields_.shards; ++shard) {
        if (auto made = make_ring(shard); !made) return made;
    }
    for (const fs::path& directory : directories) {
        if (auto synced = io_.sync_directory(directory); !synced) return synced;
    }
    return {};
}

/// Leaves nothing half-made behind. What fails here is started over by the next open: SUPERBLOCK.creating goes last.
void Creation::undo() {
    if (auto removed = remove_rings(made_); !removed) return;
    (void)io_.remove(creating());
}

Result<void> Creation::run() {
    if (auto removed = remove_unfinished(); !removed) return removed;
    if (auto free = check_ring_paths(); !free) return free;
    if (auto made = make(); !made) {
        undo();
        return std::unexpected(std::move(made.error()).during("creating the store in " + dir_.string()));
    }
    if (auto renamed = io_.rename(creating(), dir_ / kSuperblockName); !renamed) return renamed;
    return io_.sync_directory(dir_);
}

}  // namespace zverse::engine
