// Closing: refuse new calls, wait for those inside, make everything durable and settled, let go.
//
// Orders: `closed_` is exchanged before the grace period whose fence makes every call see it or be seen (engine.h).
#include <engine/engine.h>
#include <platform/answer.h>

#include <thread>
#include <utility>

namespace zverse::engine {

Engine::~Engine() {
    if (!closed()) (void)close();
}

Error Engine::closed_error() { return Error(ErrorCode::closed, "the store was closed"); }

/// Calls that wait for a mover return; each worker ends after its step.
void Engine::stop_movers() noexcept {
    if (mover_ == nullptr) return;
    mover_->stop(std::move(stopping_));
    workers_.reset();
}

/// Waits until no call is active and no reader is pinned. `closed_` is set; the fence makes sure that every call either
/// sees it or is seen.
void Engine::wait_for_calls() {
    const std::uint64_t grace = tier_->epochs().begin_grace();
    while (!tier_->epochs().passed(grace)) std::this_thread::yield();
    tier_->slots().for_each([](const hot::WriterSlot& slot) {
        // seq_cst: the other half of ActiveCall where there is no membarrier; acquire: the call's work is done.
        while (slot.active.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
        return true;
    });
}

void Engine::release_memory() noexcept {
    if (cold_ != nullptr) cold_->stop_removing();
    mappings_.clear();
    superblock_.reset();
    stat_page_.reset();
    lock_ = {};
}

/// Everything durable and settled, and so recorded.
Result<void> Engine::leave_clean() {
    if (options_.read_only) return {};
    if (auto synced = tier_->sync_all(); !synced) return std::unexpected(std::move(synced.error()));
    if (auto settled = tier_->settle_rings(1); !settled) return std::unexpected(std::move(settled.error()));
    if (auto spread = tier_->spread_mark(); !spread) return std::unexpected(std::move(spread.error()));
    // With the limit at the clock the next open goes on right behind the last version.
    SuperblockFields fields = superblock_->fields();
    fields.clock_limit = tier_->clock();
    return superblock_->write(fields);
}

Result<void> Engine::close() {
    const hot::WriterSlot* slot = tier_ != nullptr ? tier_->slots().find_mine() : nullptr;
    if (slot != nullptr && slot->callbacks > 0) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "close() inside a visit callback"));
    }
    // acq_rel: one closer; what it closes is complete.
    if (closed_.exchange(true, std::memory_order_acq_rel)) return std::unexpected(closed_error());
    if (tier_ == nullptr) return {};
    // Without memory for it, or with full rings, the latest time is up to a second older, as after a kill.
    static_cast<void>(platform::answer("noting the time", [this] { return note_last_time(); }));
    std::optional<Error> refusal;
    static_cast<void>(platform::answer("noting the last event", [&]() -> Result<void> {
        refusal = tier_->refusal();
        return {};
    }));
    tier_->refuse_writes(std::move(closing_));
    {
        const std::scoped_lock lock(newer_mutex_);
        newer_.notify_all();
    }
    upkeep_.reset();
    stop_movers();
    wait_for_calls();
    tell_events(std::move(refusal));
    mover_.reset();
    // Nobody reads any more: of files that were replaced only those that cursors hold stay.
    for (int round = 0; round < 3 && !views_->free_old_trees();) ++round;
    // Without memory for it the store is left as a crash would leave it: nothing acknowledged is lost.
    Result<void> result = platform::answer("closing the store", [this] { return leave_clean(); });
    publish_figures(true);
    release_memory();
    return result;
}

void Engine::abandon() noexcept {
    // acq_rel: as in close().
    if (closed_.exchange(true, std::memory_order_acq_rel)) return;
    tier_->refuse_writes(std::move(closing_));
    {
        const std::scoped_lock lock(newer_mutex_);
        newer_.notify_all();
    }
    upkeep_.reset();
    stop_movers();
    wait_for_calls();
    mover_.reset();
    release_memory();
}

}  // namespace zverse::engine
