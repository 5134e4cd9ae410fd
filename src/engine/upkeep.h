// Upkeep: the engine's background work, one decision at a time.
//
// decide() is pure: from a state to the most urgent task, or none. The threads of Upkeep only loop over it; a test
// steps it instead. Order of urgency: clock limit, sync, time frame, settling, figures, events, runs, merges. Extending
// the clock limit is never queued behind anything: a writer that needs it does it itself. Syncs have a thread of their
// own, so that a slow medium delays no run and a large merge no sync.
#pragma once

#include <engine/thread_home.h>
#include <zverse/error.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <latch>
#include <mutex>
#include <thread>

namespace zverse::engine {

enum class UpkeepTask : std::uint8_t {
    none,
    extend_limit,
    sync,
    time_frame,
    extend_runs,
    merge_runs,
    settle,
    publish,
    tell
};

struct UpkeepState {
    using Clock = std::chrono::steady_clock;
    Clock::time_point now{};
    Clock::time_point last_sync{}, last_time_frame{}, last_settle{}, last_publication{}, last_telling{};
    Clock::time_point last_failed_limit{};  ///< when the limit was to be extended last and was not, for want of space
    std::uint64_t versions_left = 0;  ///< of the clock limit
    std::uint64_t limit_block = 1;
    bool process_class = false;
    std::chrono::milliseconds sync_every{0};
    std::uint64_t sync_every_writes = 0;
    std::uint64_t unsynced_versions = 0;  ///< class process: taken since the durable mark
    bool new_versions = false;  ///< since the last time frame
    std::uint64_t uncovered_bytes = 0;  ///< of frames in no run
    std::uint64_t extend_bytes = 1;  ///< how many of them are worth a run
    bool mergeable = false;  ///< a size class of runs is full
    bool unsettled = false;  ///< a ring moved since the last settling
    bool publishes = false;  ///< figures, for other processes
    bool tells = false;  ///< events, to a listener
    bool stopped_by_error = false;  ///< read-only: only runs are kept up, figures published, and events told
};

[[nodiscard]] UpkeepTask decide(const UpkeepState& state) noexcept;
/// Only what the sync thread does: limit, sync, time frames, settling, figures, events.
[[nodiscard]] UpkeepTask decide_durability(const UpkeepState& state) noexcept;
/// Only what the run thread does.
[[nodiscard]] UpkeepTask decide_runs(const UpkeepState& state) noexcept;

/// What Upkeep works on: the engine.
class UpkeepWork {
public:
    virtual ~UpkeepWork() = default;
    [[nodiscard]] virtual UpkeepState upkeep_state() = 0;
    /// False when there turned out to be nothing to do.
    [[nodiscard]] virtual Result<bool> do_upkeep(UpkeepTask task) = 0;
};

class Upkeep {
public:
    /// Starts the threads and waits until they live where they should; `tick`: how long an idle one sleeps at most.
    /// Throws what std::thread throws where one can't be started; then none runs.
    Upkeep(UpkeepWork& work, std::chrono::milliseconds tick, ThreadHome home);
    /// Stops and joins them.
    ~Upkeep();

    /// An error if one of the threads could not be bound to its node. It works anyway.
    [[nodiscard]] const Result<void>& moved_in() const noexcept {
        return durability_moved_in_ ? runs_moved_in_ : durability_moved_in_;
    }

private:
    void stop() noexcept;
    void loop(UpkeepTask (*decide_next)(const UpkeepState&), std::chrono::milliseconds tick);

    UpkeepWork& work_;
    std::latch moving_in_{2};
    Result<void> durability_moved_in_, runs_moved_in_;
    std::mutex mutex_;
    std::condition_variable stop_changed_;
    bool stop_ = false;
    std::thread durability_;
    std::thread runs_;
};

}  // namespace zverse::engine
