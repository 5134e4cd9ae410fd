// Order and versions: see checkpoint.h.
#include <engine/checkpoint.h>
#include <engine/creation.h>
#include <engine/engine.h>

#include <cold/cold_copy.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace zverse::engine {

Result<void> Checkpoint::check_vacant() const {
    auto other = platform::names_no_directory(directory_);
    if (!other) return std::unexpected(std::move(other.error()));
    if (*other) return std::unexpected(Error(ErrorCode::exists, directory_.string() + " is not a directory"));
    auto name = platform::find_content(directory_, kLockName);
    if (!name) return std::unexpected(std::move(name.error()));
    if (!*name) return {};
    return std::unexpected(
        Error(ErrorCode::exists, directory_.string() + " is not empty: there is " + **name + " in it"));
}

Result<void> Checkpoint::take_directory() {
    if (directory_.empty()) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "the path of the checkpoint is empty"));
    }
    if (auto vacant = check_vacant(); !vacant) return vacant;
    if (auto made = io_.create_directories(directory_); !made) return made;
    auto lock = platform::LockFile::acquire(directory_ / kLockName, false);
    if (!lock) return std::unexpected(std::move(lock.error()));
    lock_ = std::move(*lock);
    return check_vacant();  // somebody may have been faster
}

Result<void> Checkpoint::write(const cold::ManifestState& settled, SuperblockFields fields,
                               const std::filesystem::path& from, const std::string& force_granularity) {
    cold::ManifestState state = settled;
    // What was pinned since the cut is newer than the copy.
    std::erase_if(state.pins, [&](const auto& pin) { return pin.second > state.cut; });
    const Version clock = std::min(fields.clock_limit + 1, kVersionMax);
    fields.add_lost({state.cut, clock - 1});
    fields.settled = state.cut;
    fields.clock_limit = clock;
    fields.durability = Durability::power;  // all of it is on the medium
    fields.hot_paths.clear();
    const unsigned shards = fields.shards;
    auto done = cold::copy_cold(io_, state, fields.store, from, directory_);
    if (done) done = Creation(io_, directory_, std::move(fields), force_granularity).run();
    if (!done) undo(state, shards);
    return done;
}

/// The superblock goes first and for good: what is half removed must not be taken for a store.
void Checkpoint::undo(const cold::ManifestState& state, unsigned shards) {
    bool removed = false;  // anything since the last sync
    const auto remove = [&](const std::filesystem::path& path) {
        auto there = io_.exists(path);
        if (!there || (*there && !io_.remove(path))) return false;
        removed = removed || *there;
        return true;
    };
    const auto sync = [&](const std::filesystem::path& path) {
        return !std::exchange(removed, false) || io_.sync_directory(path).has_value();
    };
    if (!remove(directory_ / kSuperblockName)) return;
    if (!sync(directory_)) return;
    // Creation says why the rings go before SUPERBLOCK.creating.
    for (unsigned shard = 0; shard < shards; ++shard) {
        if (!remove(ring_path(directory_, {}, shard))) return;
    }
    if (!sync(ring_directories(directory_, {}).front())) return;
    (void)remove(directory_ / kCreatingName);
    cold::remove_cold_copy(io_, state, directory_);
}

namespace {

/// What lies in the store would be in its own way.
Result<void> check_outside_store(const std::filesystem::path& directory, const std::filesystem::path& store) {
    std::error_code error;
    const auto outer = std::filesystem::weakly_canonical(store, error);
    const auto inner = error ? std::filesystem::path() : std::filesystem::weakly_canonical(directory, error);
    if (error) return {};  // whatever is wrong with it is found by who uses it
    const auto [end, below] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
    if (end != outer.end() || below == inner.end()) return {};
    return std::unexpected(Error(ErrorCode::invalid_argument, "it lies in the store " + outer.string()));
}

}  // namespace

Result<void> Engine::checkpoint(const std::filesystem::path& directory) {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_maintenance("checkpoint()"); !may) return may;
    if (auto refusal = tier_->refusal()) return std::unexpected(std::move(*refusal));
    const auto write = [&]() -> Result<void> {
        Checkpoint checkpoint(*io_, directory);
        if (auto outside = check_outside_store(directory, cold_->directory().parent_path()); !outside) return outside;
        if (auto taken = checkpoint.take_directory(); !taken) return taken;
        if (auto flushed = mover_->flush(true); !flushed) return flushed;
        // The tree keeps the files of its segments.
        const cold::ColdTier::Moment moment = cold_->moment();
        SuperblockFields fields;
        {
            const std::scoped_lock lock(superblock_mutex_);
            fields = superblock_->fields();
        }
        return checkpoint.write(*moment.state, std::move(fields), cold_->directory(), options_.force_granularity);
    };
    auto written = write();
    if (written) return {};
    return std::unexpected(std::move(written.error()).during("writing a checkpoint to " + directory.string()));
}

}  // namespace zverse::engine
