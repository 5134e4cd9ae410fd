// Order: jobs are handed from thread to thread by the ready set (M1); all else is under mutex_.
#include <platform/answer.h>
#include <platform/probes.h>
#include <warm/flush_job.h>
#include <warm/merge_job.h>
#include <warm/mover.h>
#include <warm/retention_job.h>

#include <algorithm>
#include <utility>

namespace zverse::warm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMergeStepBytes = std::uint64_t{1} << 20;  ///< about; see merge_job.cpp
constexpr auto kGraceWait = 50us;
constexpr auto kRetentionPause = 1s;
constexpr std::chrono::milliseconds kAgain = 100ms, kAgainAtMost = 5s;

constexpr std::uint64_t bit(unsigned place) noexcept { return std::uint64_t{1} << place; }

}  // namespace

void Mover::Tickets::end(std::optional<Error> why) {
    if (why) {
        failed_after = ended;
        failed = running;
    }
    ended = std::max(ended, running);
    failure = std::move(why);
}

std::optional<Result<void>> Mover::Tickets::outcome(std::uint64_t ticket) const {
    if (ended < ticket) return std::nullopt;
    if (failure && ticket > failed_after && ticket <= failed) return std::unexpected(*failure);
    return Result<void>();
}

Mover::Mover(Workplace workplace, const MoverOptions& options)
    : at_(std::move(workplace)),
      options_(options),
      rate_(options.bytes_per_second),
      scrubber_(at_.cold, at_.io, at_.wall_clock_nanoseconds()),
      next_scrub_(Clock::now() + options.scrub_begins) {}
Mover::~Mover() = default;

// ---- Deciding.

FlushState Mover::flush_state(Clock::time_point now) {
    FlushState state;
    state.ring_bytes = at_.tier.rings()[0].bytes();
    for (const auto& ring : at_.tier.rings()) {
        // relaxed, all: figures to decide by.
        const std::uint64_t end = at_.tier.stamped_end(*ring);
        // Not the dead head: what a flush buried and found no space to free, the next one frees.
        const std::uint64_t head = ring->free_head.load(std::memory_order_relaxed);
        state.flushable_bytes = std::max(state.flushable_bytes, end > head ? end - head : 0);
        state.used_bytes = std::max(state.used_bytes, at_.tier.used_bytes_of(*ring));
        state.writers_wait = state.writers_wait || !ring->queue.empty();
    }
    state.index_capacity = static_cast<std::uint64_t>(at_.tier.index().capacity());
    state.index_entries = state.index_capacity - static_cast<std::uint64_t>(at_.tier.index().credits());
    if (state.flushable_bytes == 0) {
        unsettled_since_.reset();
    } else if (!unsettled_since_) {
        unsettled_since_ = now;
    } else {
        state.age = std::chrono::duration_cast<std::chrono::milliseconds>(now - *unsettled_since_);
    }
    state.run_bytes_max = options_.run_bytes_max;
    if (options_.run_bytes_max > 0) state.run_bytes = run_bytes();
    state.age_max = options_.flush_age;
    state.wanted = flushes_.open();
    const auto tree = at_.cold.tree();
    state.stripes = static_cast<std::uint64_t>(std::ranges::count_if(tree->live(), [this](const auto& component) {
        return component->level() == 0 && !running_.inputs.contains(component->id());
    }));
    state.merging = merging();
    return state;
}

std::uint64_t Mover::run_bytes() const {
    const hot::PinGuard pin(at_.tier.epochs(), at_.tier.slots().mine());
    std::uint64_t bytes = 0;
    for (const auto& run : at_.views.current().runs) bytes += run->bytes();
    return bytes;
}

/// One merge may always be of stripes: flushes wait for those.
bool Mover::has_memory(std::uint32_t level) const noexcept {
    const std::size_t merges = running_.levels.size();
    const std::size_t of_others = merges - (running_.levels.contains(1) ? 1 : 0);
    return merges < options_.merges_max && (level == 1 || of_others + 1 < options_.merges_max);
}

void Mover::begin(unsigned place, std::unique_ptr<Job> job, Clock::time_point now) {
    places_[place].job = std::move(job);
    places_[place].began = now;
    // relaxed, both: under mutex_, or handed over by the ready set.
    places_[place].not_before.store(0, std::memory_order_relaxed);
    occupied_.fetch_or(bit(place), std::memory_order_relaxed);
    ready_.post(place);
    alarm_.ring();
}

void Mover::decide_flush(Clock::time_point now) {
    Place& place = places_[kFlushPlace];
    if (place.job != nullptr) return;
    const bool wanted = flushes_.open();
    if (!wanted && (!options_.by_itself || now < place.begin_again)) return;
    if (!flush_due(flush_state(now))) return;
    // What is to be forgotten must not come back as a merge's output.
    if (forget_wanted_ && merging()) return;
    begin(kFlushPlace, std::make_unique<FlushJob>(at_, !forget_wanted_), now);
    flushes_.begin();
    forgetting_ = std::exchange(forget_wanted_, false);
}

void Mover::begin_merge(MergeChoice choice, Clock::time_point now) {
    const unsigned place = choice.of_history ? kHistoryPlace : choice.level;
    MergesRunning running = running_;
    for (const auto& input : choice.inputs) running.inputs.insert(input->id());
    running.levels.insert(choice.level);
    auto job = std::make_unique<MergeJob>(at_, choice);
    // From here on nothing needs memory.
    std::swap(running_, running);
    places_[place].choice = std::move(choice);
    begin(place, std::move(job), now);
}

void Mover::end_compaction(std::optional<Error> failure) {
    compaction_.reset();
    compactions_.end(std::move(failure));
    ended_.notify_all();
}

/// One merge of everything up to the cut of its beginning; then histories into few, and what is expired in the others.
void Mover::decide_compaction(const cold::Tree& tree, Clock::time_point now) {
    if (!compaction_) {
        // What retention allows to be forgotten is known first: compact() asks for it.
        if (!compactions_.open() || merging() || places_[kRetentionPlace].job != nullptr) return;
        // What a merge has begun must come to its end first; where that fails, so does the compaction.
        if (std::ranges::any_of(tree.live(), [](const auto& component) { return !component->begin().empty(); })) {
            if (!merge_failure_) return;
            compactions_.begin();
            end_compaction(std::exchange(merge_failure_, std::nullopt));
            return;
        }
        compactions_.begin();
        compaction_ = Compaction{.upto = at_.cold.state()->cut, .last = at_.cold.next_id()};
    }
    if (compaction_->merging) return;
    auto choice = choose_compaction(tree, compaction_->upto);
    // Stripes that came meanwhile may be in a merge; of histories those take none.
    if (choice && merging()) return;
    if (!choice) choice = choose_history_merge(tree, compaction_->upto, running_);
    if (!choice) {
        choice = choose_expired(tree, at_.cold.state()->floor, compaction_->looked_at, compaction_->last, running_);
    }
    // One that goes on has its level already.
    if (choice && running_.levels.contains(choice->level)) return;
    if (choice && choice->level > kMergePlaces) {
        end_compaction(Error(ErrorCode::full, "the store has " + std::to_string(kMergePlaces) +
                                                  " levels, and a compaction would make another"));
    } else if (choice) {
        if (choice->if_expired) compaction_->looked_at = choice->inputs.front()->id();
        begin_merge(std::move(*choice), now);
        compaction_->merging = true;
    } else {
        end_compaction(std::nullopt);
    }
}

void Mover::decide_merges(Clock::time_point now) {
    if (forget_wanted_ || forgetting_) return;
    const auto tree = at_.cold.tree();
    const bool compacting = compactions_.open() || compaction_.has_value();
    if (!compacting && looked_at_.lock() == tree) return;
    bool all_looked_at = true;
    // Before a compaction has its inputs only what has begun goes on.
    const bool only_begun = compacting && !(compaction_ && compaction_->merging);
    MergesRunning passed_over = running_;
    while (auto choice = choose_merge(*tree, options_.fan_in, passed_over)) {
        if (!has_memory(choice->level)) {
            passed_over.levels.insert(choice->level);  // what ends makes room, and then all is looked at again
            continue;
        }
        // While a large merge is waited for, stripes merge on, or flushes would wait, and writers for them.
        const bool stripes = choice->inputs.front()->level() == 0 && merging() && *running_.levels.rbegin() > 1;
        if (only_begun && choice->range_begin.empty() && !stripes) break;
        if (choice->level > kMergePlaces || now < places_[choice->level].begin_again) {
            all_looked_at = false;
            break;
        }
        begin_merge(std::move(*choice), now);
        passed_over.inputs = running_.inputs;
        passed_over.levels.insert(running_.levels.begin(), running_.levels.end());
    }
    if (compacting) {
        decide_compaction(*tree, now);
    } else {
        all_looked_at = decide_pack(*tree, now) && all_looked_at;
    }
    if (all_looked_at) looked_at_ = tree;
}

/// Beside merges, one at a time, where none of those has its output. False: it is to be asked again later.
bool Mover::decide_pack(const cold::Tree& tree, Clock::time_point now) {
    const Place& place = places_[kHistoryPlace];
    if (place.job != nullptr) return true;
    if (now < place.begin_again) return false;
    if (auto choice = choose_pack(tree, at_.memory.waiting_bytes, running_); choice && has_memory(choice->level)) {
        begin_merge(std::move(*choice), now);
    }
    return true;
}

void Mover::decide_retention(Clock::time_point now) {
    Place& place = places_[kRetentionPlace];
    if (place.job != nullptr || now < next_retention_ || now < place.begin_again || forget_wanted_) return;
    next_retention_ = now + kRetentionPause;
    const Version wanted = at_.wanted_floor();
    if (wanted <= at_.cold.state()->floor) return;
    begin(kRetentionPlace, std::make_unique<RetentionJob>(at_, wanted), now);
}

/// A step of it is a job, which is there only when it is due.
void Mover::decide_scrub(Clock::time_point now) {
    Place& place = places_[kScrubPlace];
    if (!options_.scrub || place.job != nullptr || now < next_scrub_ || now < place.begin_again) return;
    begin(kScrubPlace, std::make_unique<ScrubJob>(scrubber_, *options_.scrub), now);
}

void Mover::decide() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || stopped_) return;
    const auto now = Clock::now();
    decide_flush(now);
    decide_retention(now);
    decide_merges(now);
    decide_scrub(now);
}

// ---- Working.

std::uint64_t Mover::steppable() const noexcept {
    const Clock::rep now = Clock::now().time_since_epoch().count();
    std::uint64_t places = 0;
    for (std::uint64_t left = occupied(); left != 0; left &= left - 1) {
        const auto place = static_cast<unsigned>(std::countr_zero(left));
        // relaxed: when to try; the job itself is handed over by the ready set.
        if (places_[place].not_before.load(std::memory_order_relaxed) <= now) places |= bit(place);
    }
    return places;
}

Mover::Worked Mover::work() {
    // Without memory nothing is decided; the next look may find some.
    static_cast<void>(platform::answer("deciding what to move", [this]() -> Result<void> {
        decide();
        return {};
    }));
    const auto place = ready_.take(steppable());
    if (!place) {
        const bool all_freed = at_.views.free_old_trees();
        return occupied() != 0 || !all_freed ? Worked::waiting : Worked::no;
    }
    auto progress = platform::answer("the movers of the store", [&] { return places_[*place].job->step(); });
    // relaxed: a figure.
    places_[*place].memory.store(places_[*place].job->memory_bytes(), std::memory_order_relaxed);
    if (progress && *progress != Progress::done) {
        go_on(*place, *progress);
        return *progress == Progress::wait ? Worked::waiting : Worked::yes;
    }
    end(*place, std::move(progress));
    return Worked::yes;
}

void Mover::go_on(unsigned place, Progress progress) {
    auto next = Clock::now();
    if (progress == Progress::wait) next += kGraceWait;
    if (place != kFlushPlace) next = std::max(next, rate_.take(kMergeStepBytes, next));
    // relaxed: see steppable().
    places_[place].not_before.store(next.time_since_epoch().count(), std::memory_order_relaxed);
    ready_.post(place);
}

/// What a flush says about how fast writers may go.
void Mover::note_flush(const Place& place) {
    const auto& flush = static_cast<const FlushJob&>(*place.job);
    ++figures_.flushes;
    figures_.flushed_bytes += flush.bytes_written();
    figures_.settled_bytes += flush.settled_bytes();
    unsettled_since_.reset();
    ZVERSE_PROBE3(flush__done, flush.settled_bytes(), flush.bytes_written(), flush.freed_bytes());
    if (flush.freed_bytes() < (std::uint64_t{64} << 10)) return;
    const double mib = static_cast<double>(flush.freed_bytes()) / (1 << 20);
    const auto taken = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - place.began);
    at_.tier.pace().set_flush_time(
        std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(taken.count()) / mib)));
}

/// A merge, or what retention asked for, is over.
void Mover::end_background(unsigned number, std::optional<Error> failure) {
    Place& place = places_[number];
    figures_.merged_bytes += place.job->bytes_written();
    ZVERSE_PROBE3(merge__done, number, place.job->bytes_written(), failure ? failure->os_errno() : 0);
    looked_at_.reset();
    if (number == kRetentionPlace) return;
    for (const auto& input : place.choice.inputs) running_.inputs.erase(input->id());
    running_.levels.erase(place.choice.level);
    if (!failure && number != kHistoryPlace) ++figures_.merges;
    if (!failure && place.choice.at_once) ++figures_.packs;
    if (compaction_ && place.choice.compacts) compaction_->merging = false;
    if (compaction_ && place.choice.compacts && failure) {
        end_compaction(std::move(failure));
    } else if (number != kHistoryPlace) {
        merge_failure_ = std::move(failure);
    }
    place.choice = {};
}

void Mover::end(unsigned number, Result<Progress> result) {
    std::unique_ptr<Job> over;  // goes without the lock: it may remove files
    const std::scoped_lock lock(mutex_);
    Place& place = places_[number];
    const auto now = Clock::now();
    if (!result) {
        ++figures_.failures;
        // A store that refuses writes for good has said why, and who waits is told of a lack of space.
        if (place.job->committed() && result.error().code() != ErrorCode::full && !at_.tier.refuses()) {
            // relaxed: see steppable().
            place.not_before.store((now + kAgain).time_since_epoch().count(), std::memory_order_relaxed);
            ready_.post(number);
            return;
        }
        place.begin_again =
            now + std::min<Clock::duration>(kAgain * (1 << std::min(place.failures, 10U)), kAgainAtMost);
        ++place.failures;
    } else {
        place.failures = 0;
        place.begin_again = {};
    }
    std::optional<Error> failure;
    if (!result) failure = std::move(result.error());
    if (number == kFlushPlace) {
        forgetting_ = false;
        if (!failure) note_flush(place);
        flushes_.end(std::move(failure));
    } else if (number == kScrubPlace) {
        // Never at once, or who works until there is nothing to do would not come to an end.
        next_scrub_ = now + std::max<Clock::duration>(static_cast<const ScrubJob&>(*place.job).pause(), 1ms);
    } else {
        end_background(number, std::move(failure));
    }
    over = std::move(place.job);
    place.memory.store(0, std::memory_order_relaxed);  // relaxed: a figure
    occupied_.fetch_and(~bit(number), std::memory_order_relaxed);  // relaxed: under mutex_
    ended_.notify_all();
}

// ---- Asking.

Result<void> Mover::wait_for(Tickets& tickets, const char* what) {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = ++tickets.wanted;
    for (;;) {
        if (auto outcome = tickets.outcome(ticket)) {
            if (!*outcome) return std::unexpected(std::move(outcome->error()).during(what));
            return {};
        }
        if (stopped_) return std::unexpected(*stopped_);
        if (options_.has_workers) {
            alarm_.ring();
            ended_.wait(lock);
            continue;
        }
        lock.unlock();
        const std::uint32_t seen = alarm_.observe();
        if (work() != Worked::yes) alarm_.wait(seen, kGraceWait);
        lock.lock();
    }
}

Result<void> Mover::flush(bool keep) {
    if (!keep) {
        const std::scoped_lock lock(mutex_);
        forget_wanted_ = true;
    }
    if (auto flushed = wait_for(flushes_, "flushing"); !flushed) return flushed;
    // Without workers nobody else would merge.
    while (!options_.has_workers && work() != Worked::no) {}
    return {};
}

Result<void> Mover::compact() {
    if (auto flushed = flush(true); !flushed) return flushed;
    {
        const std::scoped_lock lock(mutex_);
        next_retention_ = {};
    }
    return wait_for(compactions_, "compacting");
}

void Mover::urge() noexcept { alarm_.ring(); }

void Mover::stop(Error reason) noexcept {
    const std::scoped_lock lock(mutex_);
    stopped_ = std::move(reason);
    ended_.notify_all();
    alarm_.ring();
}

MoverFigures Mover::figures() const {
    const std::scoped_lock lock(mutex_);
    MoverFigures figures = figures_;
    figures.merging = running_.levels.size();
    // relaxed: a figure.
    for (const Place& place : places_) figures.memory_bytes += place.memory.load(std::memory_order_relaxed);
    return figures;
}

std::optional<Error> Mover::flush_failure() const {
    const std::scoped_lock lock(mutex_);
    if (!flushes_.failure) return std::nullopt;
    return Error(*flushes_.failure).during("flushing");
}

}  // namespace zverse::warm
