// From the hot tier to the cold one, and merges there: what calls ask of the movers.
//
// Order: mover_to_wake_ is stored with release once the mover is whole, and loaded with acquire by writers.
#include <engine/engine.h>

#include <algorithm>
#include <string>
#include <utility>

namespace zverse::engine {

namespace {

using namespace std::chrono_literals;

/// No store is older, and its nanoseconds fit 64 bits.
constexpr std::chrono::seconds kAgeMax = std::chrono::years(200);

}  // namespace

void Engine::make_mover() {
    warm::Workplace workplace{.tier = *tier_,
                              .views = *views_,
                              .runs = *runs_,
                              .cold = *cold_,
                              .io = *io_,
                              .kernels = *kernels_,
                              .compression = options_.compression,
                              .curve = {.rule = options_.curve, .queries_min = internals_.curve_queries_min},
                              .queries = &queries_,
                              .curves = &curves_,
                              .memory = memory_.job,
                              .add_times =
                                  [this](Version after, Version upto, cold::Edit& edit) {
                                      times_.forget(after);  // the manifest has them
                                      for (const auto& [version, nanoseconds] : times_.between(after, upto)) {
                                          edit.add_time(version, nanoseconds);
                                      }
                                  },
                              .wall_clock_nanoseconds = wall_clock_nanoseconds,
                              .wanted_floor = [this] { return wanted_floor(); },
                              .raise_floor = [this](Version wanted) { return pins_.raise_floor(wanted); },
                              .note_settled = [this](Version cut) { return note_settled(cut); }};
    warm::MoverOptions options;
    options.flush_age = internals_.flush_age;
    options.bytes_per_second = options_.background_bytes_per_second;
    options.merges_max = memory_.merges_max;
    options.run_bytes_max = memory_.of(MemoryPlan::kRuns);
    options.by_itself = !internals_.flush_by_hand;
    if (internals_.scrub_bytes_per_second || !internals_.flush_by_hand) {
        options.scrub = warm::ScrubRate{.average = internals_.scrub_bytes_per_second.value_or(0),
                                        .limit = options_.background_bytes_per_second};
        // A store that is open for moments is left alone.
        options.scrub_begins = internals_.scrub_bytes_per_second ? 0ms : 1min;
    }
    options.has_workers = !internals_.flush_by_hand && !internals_.stepped_worker;
    mover_ = std::make_unique<warm::Mover>(std::move(workplace), options);
    // release: nothing below is needed before; see want_space().
    mover_to_wake_.store(mover_.get(), std::memory_order_release);
}

std::optional<Version> Engine::newest_at(std::int64_t nanoseconds) const {
    // Those that are not settled first: what settles in between is in both.
    const std::optional<Version> recent = times_.at(nanoseconds);
    return std::max(recent, cold_->state()->times.at(nanoseconds));
}

/// What may be forgotten is older than either limit of the policy. At most the cut: the rings forget nothing.
Version Engine::wanted_floor() const {
    const Retention& keep = options_.retention;
    const Version cut = cold_->state()->cut, latest = tier_->latest();
    Version wanted = 0;
    if (keep.max_versions_behind) wanted = version_behind(latest, *keep.max_versions_behind, leaps_);
    if (keep.max_age && *keep.max_age < kAgeMax) {
        const auto age = std::chrono::nanoseconds(*keep.max_age).count();
        wanted = std::max(wanted, newest_at(wall_clock_nanoseconds() - age).value_or(0));
    }
    return std::min(wanted, cut);
}

void Engine::want_space() noexcept {
    // acquire: pairs with make_mover(); writes begin before there is a mover in recovery only.
    warm::Mover* mover = mover_to_wake_.load(std::memory_order_acquire);
    if (mover != nullptr) mover->urge();
}

std::string Engine::why_no_space() const {
    const std::optional<Error> failure = mover_ != nullptr ? mover_->flush_failure() : std::nullopt;
    return failure ? ", and the last flush failed: " + failure->message() : std::string();
}

Result<void> Engine::check_waiting(const char* call) const {
    if (closed()) return std::unexpected(closed_error());
    const hot::WriterSlot* slot = tier_->slots().find_mine();
    if (slot != nullptr && slot->callbacks > 0) {
        return std::unexpected(Error(ErrorCode::invalid_argument, std::string(call) + " inside a visit callback"));
    }
    return {};
}

Result<void> Engine::check_maintenance(const char* call) const {
    if (auto may = check_waiting(call); !may) return may;
    if (options_.read_only) return std::unexpected(*tier_->refusal());
    return {};
}

Result<void> Engine::flush() {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_maintenance("flush()"); !may) return may;
    return mover_->flush(true);
}

Result<void> Engine::compact(const KeyRange& range) {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_maintenance("compact()"); !may) return may;
    if (auto good = check_range(range); !good) return good;
    return mover_->compact();
}

Result<Version> Engine::drain() {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_maintenance("drain()"); !may) return std::unexpected(std::move(may.error()));
    if (auto forgotten = mover_->flush(false); !forgotten) return std::unexpected(std::move(forgotten.error()));
    return cold_->state()->cut;
}

}  // namespace zverse::engine
