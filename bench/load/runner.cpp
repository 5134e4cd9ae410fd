#include <bench/load/runner.h>

#include <bench/load/operation_block.h>
#include <platform/tick_clock.h>
#include <support/threads.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

namespace zverse::bench {

namespace {

using platform::TickClock;

/// Long enough that the clock and the drawing cost little, short enough to end in time.
constexpr double kBlockNanoseconds = 2e6;
constexpr std::size_t kBlockMin = 16, kBlockMax = 4096;

/// What all threads of a run share.
struct Shared {
    const Plan& plan;
    const Interrupted& interrupted;
    std::atomic<bool> stop{false};
};

struct ThreadOutcome {
    std::uint64_t operations = 0, warmup_operations = 0;
    std::uint64_t ticks = 0;
    std::uint64_t rated_operations = 0, rated_ticks = 0;  ///< of blocks that make the rate
    LatencyHistogram latency;
    std::uint64_t inserted = 0;
};

std::uint64_t records_per_operation(const Workload& workload) noexcept {
    const bool groups = std::ranges::any_of(workload.mix, [](const Workload::Share& share) {
        return share.kind == OperationKind::insert_batch || share.kind == OperationKind::multi_read;
    });
    return groups ? workload.group : 1;
}

class Worker {
public:
    Worker(Shared& shared, OperationDraw& draw, const OperationBlock::Setting& setting, double rate)
        : shared_(shared),
          draw_(draw),
          block_(setting),
          rate_(rate),
          records_(records_per_operation(setting.workload)) {}

    void warm_up(double seconds) {
        if (seconds <= 0) return;
        measure(seconds, 0);
        result_ = {.warmup_operations = result_.operations};
    }
    /// Until so many seconds were measured, or so many operations when that is not 0.
    void measure(double seconds, std::uint64_t operations) {
        const std::uint64_t ticks_max =
            operations != 0 ? std::numeric_limits<std::uint64_t>::max() : clock_.ticks(seconds * 1e9);
        // relaxed: a wish, looked at again soon.
        while (result_.ticks < ticks_max && !shared_.stop.load(std::memory_order_relaxed)) {
            std::size_t count = block_operations_;
            if (operations != 0) {
                if (result_.operations >= operations) break;
                const std::uint64_t left = operations - result_.operations;
                count = static_cast<std::size_t>(std::min<std::uint64_t>(count, (left + records_ - 1) / records_));
            }
            block_.prepare(draw_, count);
            rate_ > 0 ? perform_at_rate() : perform();
            if (shared_.interrupted && shared_.interrupted()) shared_.stop.store(true, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] ThreadOutcome take() {
        result_.inserted = draw_.inserted();
        return std::move(result_);
    }

private:
    /// Reading the clock between two short operations keeps the CPU from overlapping them. So most blocks of short
    /// operations are timed as a whole, and make the rate; the others make the latencies.
    void perform() {
        constexpr double kShortNanoseconds = 2000;
        constexpr unsigned kBlocksPerTimed = 8;
        // So that no stall is overlooked: the time of so many is one operation's at most.
        constexpr std::size_t kStallOperations = 16;
        const bool each = nanoseconds_each_ > kShortNanoseconds || blocks_++ % kBlocksPerTimed == 0;
        const std::uint64_t operations_before = result_.operations;
        const std::uint64_t begin = clock_.now();
        std::uint64_t before = begin;
        for (std::size_t i = 0; i < block_.size(); ++i) {
            result_.operations += block_.perform(i);
            if (!each && i % kStallOperations != kStallOperations - 1) continue;
            const std::uint64_t after = clock_.now();
            each ? note(after - before) : result_.latency.raise_max(in_nanoseconds(after - before));
            before = after;
        }
        const std::uint64_t ticks = clock_.now() - begin;
        result_.ticks += ticks;
        if (!each || nanoseconds_each_ > kShortNanoseconds) {
            result_.rated_ticks += ticks;
            result_.rated_operations += result_.operations - operations_before;
        }
        nanoseconds_each_ = clock_.nanoseconds(ticks) / static_cast<double>(block_.size());
        block_operations_ = std::clamp(static_cast<std::size_t>(kBlockNanoseconds / std::max(nanoseconds_each_, 1.0)),
                                       kBlockMin, kBlockMax);
    }

    /// The schedule goes on where it was, with what it was behind; it only stands still while a block is drawn.
    void perform_at_rate() {
        const std::uint64_t step = clock_.ticks(1e9 / rate_);
        const std::uint64_t begin = clock_.now();
        const std::uint64_t operations_before = result_.operations;
        intended_ += begin - block_end_;
        for (std::size_t i = 0; i < block_.size(); ++i, intended_ += step) {
            wait_until(intended_);
            result_.operations += block_.perform(i);
            note(clock_.now() - intended_);
        }
        block_end_ = clock_.now();
        result_.ticks += block_end_ - begin;
        result_.rated_ticks += block_end_ - begin;
        result_.rated_operations += result_.operations - operations_before;
        block_operations_ =
            std::clamp(static_cast<std::size_t>(kBlockNanoseconds * rate_ / 1e9), std::size_t{1}, kBlockMax);
    }

    void wait_until(std::uint64_t moment) const {
        constexpr double kSleepNanoseconds = 200'000;  // a sleep may end 100 us late
        for (;;) {
            const std::uint64_t now = clock_.now();
            if (now >= moment) return;
            const double left = clock_.nanoseconds(moment - now);
            if (left > kSleepNanoseconds) {
                std::this_thread::sleep_for(
                    std::chrono::nanoseconds(static_cast<std::int64_t>(left - kSleepNanoseconds)));
            }
        }
    }

    [[nodiscard]] std::uint64_t in_nanoseconds(std::uint64_t ticks) const noexcept {
        return static_cast<std::uint64_t>(clock_.nanoseconds(ticks));
    }
    void note(std::uint64_t ticks) noexcept { result_.latency.add(in_nanoseconds(ticks)); }

    Shared& shared_;
    OperationDraw& draw_;
    OperationBlock block_;
    const double rate_;
    const std::uint64_t records_;  ///< of an operation
    const TickClock& clock_ = TickClock::instance();
    std::size_t block_operations_ = kBlockMin;
    double nanoseconds_each_ = 0;
    unsigned blocks_ = 0;
    std::uint64_t intended_ = 0, block_end_ = 0;  ///< equal at first: the schedule begins with the first block
    ThreadOutcome result_;
};

Outcome add_up(const std::vector<ThreadOutcome>& threads) {
    const TickClock& clock = TickClock::instance();
    Outcome all;
    for (const ThreadOutcome& each : threads) {
        const double seconds = clock.nanoseconds(each.ticks) * 1e-9;
        all.operations += each.operations;
        all.warmup_operations += each.warmup_operations;
        all.seconds = std::max(all.seconds, seconds);
        // A run of a block or two may have none that makes the rate.
        const bool rated = each.rated_ticks > 0;
        const double rate_seconds = rated ? clock.nanoseconds(each.rated_ticks) * 1e-9 : seconds;
        const std::uint64_t rate_operations = rated ? each.rated_operations : each.operations;
        if (rate_seconds > 0) all.per_second += static_cast<double>(rate_operations) / rate_seconds;
        all.latency.add(each.latency);
        all.inserted.push_back(each.inserted);
    }
    return all;
}

}  // namespace

Outcome run(Engine& engine, const Dataset& dataset, const Workload& workload, RecordNumbers numbers, const ZipfLaw* law,
            const Plan& plan, const Interrupted& interrupted) {
    Shared shared{plan, interrupted};
    std::vector<ThreadOutcome> outcomes(plan.threads);
    const Workload updates{.mix = {{OperationKind::update, 100}}};
    const unsigned beside = workload.writers_beside;
    std::atomic<unsigned> measured = plan.threads;
    test::run_threads(plan.threads + beside, [&](std::size_t index) {
        const auto thread = static_cast<unsigned>(index);
        const bool writes_beside = thread >= plan.threads;
        const Workload& own = writes_beside ? updates : workload;
        const auto session = engine.session();
        OperationDraw draw(own, law, numbers, writes_beside ? thread - plan.threads : thread,
                           writes_beside ? beside : plan.threads, test::mix(plan.seed, writes_beside ? 2 : 1));
        const OperationBlock::Setting setting{engine, *session, dataset, own, numbers, plan.threads, plan.moments};
        Worker worker(shared, draw, setting, writes_beside ? 0 : plan.rate / plan.threads);
        try {
            if (writes_beside) {
                worker.measure(1e9, 0);
                return;
            }
            worker.warm_up(plan.warmup_seconds);
            worker.measure(plan.seconds, (plan.operations + plan.threads - 1) / plan.threads);
            outcomes[thread] = worker.take();
        } catch (...) {
            // relaxed: a wish, looked at again soon.
            shared.stop.store(true, std::memory_order_relaxed);
            throw;
        }
        // acq_rel: the last one ends the writers beside.
        if (measured.fetch_sub(1, std::memory_order_acq_rel) == 1 && beside > 0) {
            shared.stop.store(true, std::memory_order_relaxed);
        }
    });
    return add_up(outcomes);
}

}  // namespace zverse::bench
