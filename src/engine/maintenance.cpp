// The engine's side of upkeep.
//
// Orders: whether figures are published is read with acquire; see opening_start.cpp.
#include <engine/engine.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace zverse::engine {

Result<void> Engine::extend_limit(Version wanted) {
    const std::scoped_lock lock(superblock_mutex_);
    if (tier_->limit() >= wanted) return {};  // somebody was faster
    SuperblockFields fields = superblock_->fields();
    if (fields.clock_limit == kVersionMax) {
        return std::unexpected(Error(ErrorCode::full, "the store has used all of its 2^58 - 1 versions"));
    }
    fields.clock_limit = std::min(std::max(wanted, tier_->clock() + internals_.clock_block), kVersionMax);
    if (auto written = write_superblock(fields, "extending the clock limit"); !written) return written;
    tier_->raise_limit(fields.clock_limit);
    return {};
}

/// Under superblock_mutex_. Without space or memory the last one stands and this one can be written later; after any
/// other failure nothing is written any more.
Result<void> Engine::write_superblock(const SuperblockFields& fields, const char* what) {
    auto written = superblock_->write(fields);
    if (written) return {};
    Error error = std::move(written.error()).during(what);
    if (error.code() == ErrorCode::full) return std::unexpected(std::move(error));
    tier_->refuse_writes(
        Error(ErrorCode::read_only,
              "the store is read-only since its superblock could not be written (" + error.message() + ")",
              error.os_errno()));
    return std::unexpected(std::move(error));
}

Result<void> Engine::note_settled(Version cut) {
    const std::scoped_lock lock(superblock_mutex_);
    SuperblockFields fields = superblock_->fields();
    if (fields.settled >= cut) return {};
    fields.settled = cut;
    return write_superblock(fields, "noting what has settled");
}

Result<Version> Engine::note_time() {
    const std::int64_t now = wall_clock_nanoseconds();
    auto version = tier_->write_time(now);
    if (!version) return version;
    after_write();
    times_.add(now, *version);
    const std::scoped_lock lock(upkeep_mutex_);
    last_time_version_ = *version;
    return version;
}

Result<void> Engine::note_last_time() {
    {
        const std::scoped_lock lock(upkeep_mutex_);
        if (options_.read_only || internals_.load != Load::none || tier_->clock() == last_time_version_) return {};
    }
    if (auto noted = note_time(); !noted) return std::unexpected(std::move(noted.error()));
    return {};
}

UpkeepState Engine::upkeep_state() {
    const std::scoped_lock lock(upkeep_mutex_);
    UpkeepState state;
    state.now = UpkeepState::Clock::now();
    state.last_sync = last_sync_;
    state.last_time_frame = last_time_frame_;
    state.last_settle = last_settle_;
    state.last_failed_limit = last_failed_limit_;
    state.last_publication = last_publication_;
    state.last_telling = last_telling_;
    state.tells = events_.has_listener();
    // acquire: pairs with begin_publishing(): what the figures are made of is complete.
    state.publishes = publishing_.load(std::memory_order_acquire);
    const Version clock = tier_->clock();
    state.versions_left = tier_->limit() - clock;
    state.limit_block = internals_.clock_block;
    state.process_class = options_.durability == Durability::process;
    state.sync_every = options_.sync.every;
    state.sync_every_writes = options_.sync.every_writes;
    state.unsynced_versions = clock - std::min(clock, tier_->durable_mark());
    // A time frame would take a version that the load gives to something else.
    state.new_versions = clock != last_time_version_ && internals_.load == Load::none;
    state.uncovered_bytes = runs_->uncovered_bytes();
    state.extend_bytes = std::clamp<std::uint64_t>(tier_->rings().total_bytes() / 16, 64 << 10, 4 << 20);
    state.mergeable = runs_->mergeable();
    state.unsettled = clock != last_settled_version_;
    state.stopped_by_error = tier_->refusal().has_value();
    return state;
}

Result<bool> Engine::do_upkeep(UpkeepTask task) {
    const auto note = [this](UpkeepState::Clock::time_point& last) {
        const std::scoped_lock lock(upkeep_mutex_);
        last = UpkeepState::Clock::now();
    };
    switch (task) {
        case UpkeepTask::none: return false;
        case UpkeepTask::extend_limit: {
            auto extended = extend_limit(tier_->clock() + internals_.clock_block);
            if (extended) return true;
            note(last_failed_limit_);
            return std::unexpected(std::move(extended.error()));
        }
        case UpkeepTask::sync: {
            note(last_sync_);
            auto synced = tier_->sync_all();
            after_write();
            if (!synced) return std::unexpected(std::move(synced.error()));
            return true;
        }
        case UpkeepTask::time_frame: {
            note(last_time_frame_);
            return note_time().has_value();  // full rings: the next second will do
        }
        case UpkeepTask::extend_runs: return runs_->extend(1);
        case UpkeepTask::merge_runs: return runs_->merge_step();
        case UpkeepTask::settle: {
            note(last_settle_);
            const Version clock = tier_->clock();
            // Settling saves recovery work; a header write for less than a 64th of the rings would not.
            auto settled = tier_->settle_rings(tier_->rings()[0].bytes() / 64);
            if (!settled) return std::unexpected(std::move(settled.error()));
            const std::scoped_lock lock(upkeep_mutex_);
            last_settled_version_ = clock;
            return *settled;
        }
        case UpkeepTask::publish: {
            note(last_publication_);
            publish_figures(false);
            return true;
        }
        case UpkeepTask::tell: {
            note(last_telling_);
            tell_events(tier_->refusal());
            return true;
        }
    }
    return false;
}

/// What happened since the last time.
void Engine::tell_events(std::optional<Error> refusal) noexcept {
    if (!events_.has_listener() || mover_ == nullptr) return;
    static_cast<void>(platform::answer("telling events", [&]() -> Result<void> {
        EventFigures figures;
        if (refusal && refusal->code() != ErrorCode::closed) figures.refusal = std::move(refusal);
        figures.moves = mover_->figures();
        figures.move_failure = mover_->flush_failure();
        figures.findings = mover_->scrubber().figures().findings;
        figures.delayed_nanoseconds = tier_->pace().delayed_nanoseconds();
        events_.tell(figures);
        return {};
    }));
}

Result<bool> Engine::step() {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    auto kept_up = do_upkeep(decide(upkeep_state()));
    if (!kept_up || *kept_up || options_.read_only) return kept_up;
    return mover_->work() == warm::Mover::Worked::yes;
}

Result<Store> StoreAccess::open(const std::filesystem::path& dir, const Options& options, const Internals& internals) {
    auto engine = Engine::open(dir, options, internals);
    if (!engine) return std::unexpected(std::move(engine.error()));
    return Store(std::move(*engine));
}
Result<bool> StoreAccess::step(Store& store) { return store.engine_->step(); }
Result<Version> StoreAccess::drain(Store& store) { return store.engine_->drain(); }
Version StoreAccess::raise_floor(Store& store, Version wanted) { return store.engine_->pins().raise_floor(wanted); }
std::vector<cold::CurveChoice> StoreAccess::curve_choices(const Store& store) {
    return store.engine_->curves().recent();
}
void StoreAccess::abandon(Store& store) noexcept { store.engine_->abandon(); }

}  // namespace zverse::engine
