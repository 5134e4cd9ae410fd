// Mover: decides what is to be moved between the tiers, and does it one step at a time.
//
// Nouns: a job is a flush, a merge, what retention asks for, or a step of the scrub; its place in the ready set is how
// urgent it is: the flush first, then merges from the smallest level up, the scrub last. decide() fills free places,
// work() does one step of the most urgent job that nobody works on. Workers loop over work(); without workers, as in a
// test, whoever asks for a flush does the steps itself.
//
// Invariant M1: a place has one job at most, and a job one thread at a time (ready_set.h W1). Places are filled and
// freed under mutex_.
//
// Workers survive without memory: a decision that finds none changes nothing, and what ends a job needs none.
//
// A job that fails is over, and its place stays free for a while that doubles. What has been committed is not given
// up: that step is tried again.
#pragma once

#include <platform/alarm.h>
#include <platform/ready_set.h>
#include <warm/byte_rate.h>
#include <warm/history_choice.h>
#include <warm/job.h>
#include <warm/schedule.h>
#include <warm/scrubber.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace zverse::warm {

struct MoverOptions {
    std::size_t fan_in = 4;
    std::chrono::milliseconds flush_age{0};  ///< 0: age alone is no reason to flush
    std::uint64_t bytes_per_second = 0;  ///< that merges read, all together, and so write about; 0: as many as they can
    std::size_t merges_max = 60;  ///< side by side, at least 2: memory for so many
    std::uint64_t run_bytes_max = 0;  ///< see FlushState
    std::optional<ScrubRate> scrub;  ///< without it there is none
    std::chrono::milliseconds scrub_begins{0};  ///< so long after the mover
    bool by_itself = true;  ///< flushes and merges without being asked
    bool has_workers = true;  ///< somebody else calls work()
};

/// Figures of all jobs so far.
struct MoverFigures {
    std::uint64_t flushes = 0, merges = 0, packs = 0, failures = 0;
    std::uint64_t settled_bytes = 0;  ///< of keys and values that flushes moved
    std::uint64_t flushed_bytes = 0, merged_bytes = 0;  ///< written to segments
    std::uint64_t merging = 0;  ///< merges at work
    std::uint64_t memory_bytes = 0;  ///< that jobs hold now
};

class Mover {
public:
    Mover(Workplace workplace, const MoverOptions& options);
    ~Mover();

    enum class Worked : std::uint8_t { yes, waiting, no };
    /// Decides, and does one step. Any thread.
    Worked work();
    /// Rung when there is something to do.
    [[nodiscard]] platform::Alarm& alarm() noexcept { return alarm_; }

    /// Moves everything that was written before the call; waits. `keep`: else it is forgotten, and all that settled.
    [[nodiscard]] Result<void> flush(bool keep);
    /// Merges all live components into one, and histories into few; waits.
    [[nodiscard]] Result<void> compact();
    /// Writers wait for space, or soon will.
    void urge() noexcept;
    /// Whoever waits gets `reason`; no job begins any more. Before workers are joined.
    void stop(Error reason) noexcept;

    [[nodiscard]] MoverFigures figures() const;
    [[nodiscard]] const Scrubber& scrubber() const noexcept { return scrubber_; }
    /// Why the last flush failed, when it did.
    [[nodiscard]] std::optional<Error> flush_failure() const;

private:
    using Clock = std::chrono::steady_clock;
    static constexpr unsigned kFlushPlace = 0;  ///< merges: by the level of their output, 1 ..
    static constexpr unsigned kRetentionPlace = 61, kHistoryPlace = 62, kScrubPlace = 63;
    static constexpr unsigned kMergePlaces = 60;

    struct Place {
        std::unique_ptr<Job> job;
        MergeChoice choice;  ///< of a merge
        std::atomic<Clock::rep> not_before{0};  ///< its next step
        std::atomic<std::uint64_t> memory{0};  ///< of the job, after its last step
        Clock::time_point began{};
        Clock::time_point begin_again{};  ///< after a failure
        unsigned failures = 0;
    };

    /// Calls that wait for a job that begins after them.
    struct Tickets {
        std::uint64_t wanted = 0;  ///< the last one drawn
        std::uint64_t running = 0;  ///< the job at work serves up to it
        std::uint64_t ended = 0;
        std::uint64_t failed_after = 0, failed = 0;  ///< what the last job failed for: tickets in between
        std::optional<Error> failure;  ///< of the last job
        [[nodiscard]] bool open() const noexcept { return wanted > ended; }
        void begin() noexcept { running = wanted; }
        void end(std::optional<Error> why);
        /// Null while ticket is open.
        [[nodiscard]] std::optional<Result<void>> outcome(std::uint64_t ticket) const;
    };

    void decide();
    void decide_flush(Clock::time_point now);
    void decide_merges(Clock::time_point now);
    [[nodiscard]] bool decide_pack(const cold::Tree& tree, Clock::time_point now);
    void begin_merge(MergeChoice choice, Clock::time_point now);
    void end_compaction(std::optional<Error> failure);
    void decide_compaction(const cold::Tree& tree, Clock::time_point now);
    void decide_retention(Clock::time_point now);
    void decide_scrub(Clock::time_point now);
    [[nodiscard]] FlushState flush_state(Clock::time_point now);
    [[nodiscard]] std::uint64_t run_bytes() const;
    [[nodiscard]] bool has_memory(std::uint32_t level) const noexcept;
    void begin(unsigned place, std::unique_ptr<Job> job, Clock::time_point now);
    [[nodiscard]] std::uint64_t steppable() const noexcept;
    [[nodiscard]] bool merging() const noexcept { return !running_.levels.empty(); }
    [[nodiscard]] std::uint64_t occupied() const noexcept {
        // relaxed: changed under mutex_; elsewhere a hint.
        return occupied_.load(std::memory_order_relaxed);
    }
    void go_on(unsigned place, Progress progress);
    void end(unsigned place, Result<Progress> result);
    void end_background(unsigned place, std::optional<Error> failure);
    void note_flush(const Place& place);
    /// Draws a ticket and waits until it was served, or does the steps itself.
    [[nodiscard]] Result<void> wait_for(Tickets& tickets, const char* what);

    const Workplace at_;
    const MoverOptions options_;
    platform::ReadySet ready_;
    platform::Alarm alarm_;
    ByteRate rate_;  ///< of all merges together
    Scrubber scrubber_;  ///< its steps are a job's, one at a time

    mutable std::mutex mutex_;  ///< guards what follows
    std::condition_variable ended_;
    std::array<Place, platform::ReadySet::kPlaces> places_;
    std::atomic<std::uint64_t> occupied_{0};
    MergesRunning running_;
    Tickets flushes_, compactions_;
    bool forget_wanted_ = false;
    bool forgetting_ = false;  ///< the flush at work forgets
    /// A compaction at work: what it compacts up to; whether one of its merges is; which histories it has asked whether
    /// something is expired, up to the last one there was at its beginning.
    struct Compaction {
        Version upto;
        bool merging = false;
        std::uint64_t looked_at = 0, last;
    };
    std::optional<Compaction> compaction_;
    Clock::time_point next_retention_{}, next_scrub_{};
    std::optional<Error> merge_failure_;  ///< of the last merge, when it failed
    std::optional<Error> stopped_;
    std::optional<Clock::time_point> unsettled_since_;
    std::weak_ptr<const cold::Tree> looked_at_;  ///< in it there was nothing to merge
    MoverFigures figures_;
};

}  // namespace zverse::warm
