// A load: commits under versions that another store gave. See docs/decisions/0023-loads-keep-versions.md.
//
// Invariants
//   L1  From the opening to end_load() the superblock says that a load is under way and with which version it began;
//       meanwhile the store opens for writing only to go on with it.
//   L2  One thread loads, and nothing else takes a version, or a look at a pending frame that makes its writer take
//       another one: no upkeep, no workers, no time frames. So the version after the clock is the one a write gets.
//   L3  The clock is persisted ahead, as always. After a crash a load goes on behind what is there all the same: what
//       it may have handed out since gets the same records again, and only who reads half a load saw any of it.
#include <engine/engine.h>

#include <algorithm>
#include <string>
#include <utility>

namespace zverse::engine {

Result<void> Engine::check_loading() const {
    if (closed()) return std::unexpected(closed_error());
    if (internals_.load != Load::none) return {};
    return std::unexpected(Error(ErrorCode::invalid_argument, "the store was not opened to be loaded"));
}

/// A leap of many versions is what the source's clock did when it was not closed, and is remembered as there.
Result<void> Engine::skip_versions(Version upto) {
    const Version from = tier_->clock();
    if (upto <= from) return {};
    if (upto > kVersionMax) {
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "version " + std::to_string(upto) + " is above the largest, 2^58 - 1"));
    }
    if (upto - from > tier_->limit() - from || tier_->limit() - upto <= internals_.clock_margin) {
        const std::scoped_lock lock(superblock_mutex_);
        SuperblockFields fields = superblock_->fields();
        if (upto - from > internals_.clock_margin) fields.add_leap({from, upto}, cold_->state()->floor);
        fields.clock_limit = std::min(upto + internals_.clock_block, kVersionMax);
        if (auto written = write_superblock(fields, "extending the clock limit"); !written) return written;
        tier_->raise_limit(fields.clock_limit);
    }
    tier_->skip_to(upto);
    return {};
}

Result<void> Engine::load_at(const WriteBatch& batch, Version version) {
    const hot::ActiveCall call(*tier_);
    if (auto loading = check_loading(); !loading) return loading;
    if (version <= tier_->clock()) {
        return std::unexpected(Error(
            ErrorCode::invalid_argument,
            "version " + std::to_string(version) + " was taken: the newest is " + std::to_string(tier_->clock())));
    }
    // What is refused for what it is must not have moved the clock.
    if (auto good = check_batch(batch); !good) return good;
    if (auto skipped = skip_versions(version - 1); !skipped) return skipped;
    auto written = write(batch);
    if (!written) return std::unexpected(std::move(written.error()));
    if (*written == version) return {};
    return std::unexpected(Error(ErrorCode::conflict,
                                 "a commit for version " + std::to_string(version) + " got " +
                                     std::to_string(*written) + ": somebody else writes",
                                 0, *written));
}

Result<void> Engine::settle_load(Version upto, Version floor) {
    const hot::ActiveCall call(*tier_);
    if (auto loading = check_loading(); !loading) return loading;
    if (auto skipped = skip_versions(upto); !skipped) return skipped;
    // Up to the floor only the newest records were loaded, and the rings forget nothing.
    if (auto flushed = mover_->flush(true); !flushed) return flushed;
    if (floor <= cold_->state()->floor) return {};
    cold::TreeChange change;
    change.floor = pins_.raise_floor(std::min(floor, cold_->state()->cut));
    if (auto done = cold_->commit(change); !done)
        return std::unexpected(std::move(done.error()).during("raising the floor"));
    runs_->show([this] { return cold_->settled(); });
    return {};
}

Result<void> Engine::end_load() {
    const hot::ActiveCall call(*tier_);
    if (auto loading = check_loading(); !loading) return loading;
    if (auto synced = tier_->sync_all(); !synced) return std::unexpected(std::move(synced.error()));
    const std::scoped_lock lock(superblock_mutex_);
    SuperblockFields fields = superblock_->fields();
    // A crash from here on is not to cost the versions up to the limit: the next load goes on at this one.
    fields.clock_limit = tier_->clock();
    fields.load_base.reset();
    if (auto written = write_superblock(fields, "ending the load"); !written) return written;
    tier_->refuse_writes(Error(ErrorCode::read_only, "the load has ended"));
    return {};
}

Result<Store> StoreAccess::open_to_load(const std::filesystem::path& dir, const Options& options, Load load) {
    Internals internals;
    internals.load = load;
    internals.stepped_worker = true;
    return open(dir, options, internals);
}
std::optional<Version> StoreAccess::resumed_load(const Store& store) noexcept { return store.engine_->resumed_load(); }
Result<void> StoreAccess::load_at(Store& store, const WriteBatch& batch, Version version) {
    return store.engine_->load_at(batch, version);
}
Result<void> StoreAccess::settle_load(Store& store, Version upto, Version floor) {
    return store.engine_->settle_load(upto, floor);
}
Result<void> StoreAccess::end_load(Store& store) { return store.engine_->end_load(); }

}  // namespace zverse::engine
