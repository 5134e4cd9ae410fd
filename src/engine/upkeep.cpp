#include <engine/upkeep.h>
#include <platform/answer.h>

#include <algorithm>

namespace zverse::engine {

UpkeepTask decide_durability(const UpkeepState& state) noexcept {
    using namespace std::chrono_literals;
    const bool publishes = state.publishes && state.now - state.last_publication >= 1s;
    const bool tells = state.tells && state.now - state.last_telling >= 1s;
    const UpkeepTask least = publishes ? UpkeepTask::publish : tells ? UpkeepTask::tell : UpkeepTask::none;
    if (state.stopped_by_error) return least;
    // A full disk is not to keep syncs waiting for a longer limit.
    const bool limit_due = state.versions_left < state.limit_block / 2;
    if (limit_due && state.now - state.last_failed_limit >= 100ms) return UpkeepTask::extend_limit;
    if (state.process_class && state.unsynced_versions > 0) {
        const bool due = state.sync_every.count() > 0 && state.now - state.last_sync >= state.sync_every;
        const bool many = state.sync_every_writes > 0 && state.unsynced_versions >= state.sync_every_writes;
        if (due || many) return UpkeepTask::sync;
    }
    if (state.new_versions && state.now - state.last_time_frame >= 1s) return UpkeepTask::time_frame;
    if (state.unsettled && state.now - state.last_settle >= 1s) return UpkeepTask::settle;
    return least;
}

UpkeepTask decide_runs(const UpkeepState& state) noexcept {
    if (state.uncovered_bytes >= state.extend_bytes) return UpkeepTask::extend_runs;
    return state.mergeable ? UpkeepTask::merge_runs : UpkeepTask::none;
}

UpkeepTask decide(const UpkeepState& state) noexcept {
    const UpkeepTask urgent = decide_durability(state);
    return urgent != UpkeepTask::none ? urgent : decide_runs(state);
}

Upkeep::Upkeep(UpkeepWork& work, std::chrono::milliseconds tick, ThreadHome home) : work_(work) {
    const auto start = [this, home](std::thread& thread, Result<void>& moved_in, const char* name, auto decide_next,
                                    std::chrono::milliseconds pause) {
        thread = std::thread([this, home, &moved_in, name, decide_next, pause] {
            moved_in = platform::answer("binding a thread of the store", [&] { return home.move_in(name); });
            moving_in_.count_down();
            loop(decide_next, pause);
        });
    };
    struct StopUnlessStarted {
        Upkeep* upkeep;
        ~StopUnlessStarted() {
            if (upkeep != nullptr) upkeep->stop();
        }
    } guard{this};
    start(durability_, durability_moved_in_, "zverse-sync", decide_durability, tick);
    start(runs_, runs_moved_in_, "zverse-runs", decide_runs, std::chrono::milliseconds(10));
    guard.upkeep = nullptr;
    moving_in_.wait();
}

Upkeep::~Upkeep() { stop(); }

void Upkeep::stop() noexcept {
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    stop_changed_.notify_all();
    if (durability_.joinable()) durability_.join();
    if (runs_.joinable()) runs_.join();
}

void Upkeep::loop(UpkeepTask (*decide_next)(const UpkeepState&), std::chrono::milliseconds tick) {
    // An idle store is looked at ever more rarely, at most a second apart, so that it lets the machine sleep; the
    // durability thread keeps its tick, because syncs are promised at intervals.
    constexpr std::chrono::milliseconds kRarest{200};
    const bool keeps_tick = decide_next == decide_durability;
    std::chrono::milliseconds pause = tick;
    std::unique_lock lock(mutex_);
    while (!stop_) {
        lock.unlock();
        // A failed sync has turned the store read-only, and its reason is kept there; what lacks memory is tried again.
        const auto done = platform::answer("the upkeep of the store", [&]() -> Result<bool> {
            const UpkeepTask task = decide_next(work_.upkeep_state());
            return task == UpkeepTask::none ? Result<bool>(false) : work_.do_upkeep(task);
        });
        const bool worked = done && *done;
        lock.lock();
        if (worked) {
            pause = tick;
            continue;
        }
        stop_changed_.wait_for(lock, pause, [this] { return stop_; });
        if (!keeps_tick) pause = std::min(pause * 2, kRarest);
    }
}

}  // namespace zverse::engine
