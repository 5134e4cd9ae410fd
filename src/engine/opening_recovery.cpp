// Opening, from rings as they were left to a tier that answers: what recovery decides, and in which order it lasts.
// docs/durability.md tells why it may be killed at any point.
#include <engine/opening.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace zverse::engine {

namespace {

/// Adds the time it runs to a figure.
class Stopwatch {
public:
    explicit Stopwatch(double& seconds) noexcept : seconds_(seconds) { resume(); }
    ~Stopwatch() { pause(); }
    void resume() noexcept { since_ = std::chrono::steady_clock::now(); }
    void pause() noexcept {
        seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
    }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

private:
    double& seconds_;
    std::chrono::steady_clock::time_point since_;
};

}  // namespace

/// A read-only open changes no byte, but what it shows must survive: lines that a dead process left in the cache are
/// flushed, pages it left dirty are synced, before the private copies are repaired. Not so the manifest: of what its
/// last edit settled the rings still have all, but a pin or a floor may be shown that a power cut takes.
Result<void> Opening::keep_private_rings_durable() {
    for (std::size_t i = 0; i < rings_.size(); ++i) {
        const hot::Ring& ring = *rings_[i];
        if (ring.domain().granularity() == platform::Granularity::page) {
            if (auto synced = ring_files_[i]->sync(); !synced) return synced;
        } else {
            ring.flush(ring.marks().settled, judgement_.rings[i].tail);
            ring.domain().drain();
        }
    }
    return {};
}

/// Before anything is removed: what the manifest does not name may be what its lost edits named.
Result<void> Opening::check_manifest() const {
    const Version cut = engine_.cold_->state()->cut;
    if (cut >= fields_.settled) return {};
    return std::unexpected(
        Error(ErrorCode::corrupt, "MANIFEST-* in " + dir_.string() + " is damaged or missing: it ends with version " +
                                      std::to_string(cut) + ", and everything up to " +
                                      std::to_string(fields_.settled) + " had left the rings for the segments"));
}

Result<void> Opening::recover() {
    Stopwatch watch(engine_.recovery_seconds_);
    if (auto whole = check_manifest(); !whole) return whole;
    const platform::BootId boot = engine_.internals_.boot_id.value_or(platform::current_boot_id());
    hot::RecoveryOptions recovery;
    recovery.secret = fields_.secret;
    recovery.cut = engine_.cold_->state()->cut;
    // A machine that does not tell its boots apart may have lost power every time.
    const bool same_boot = boot == fields_.boot && boot != platform::BootId{};
    recovery.stop_at_mark = !same_boot && fields_.durability == Durability::process;
    recovery.threads = hardware_threads();
    auto judgement = hot::judge(rings_, recovery);
    if (!judgement) {
        return std::unexpected(std::move(judgement.error()).during("opening " + dir_.string()));
    }
    judgement_ = std::move(*judgement);
    if (judgement_.newest > fields_.clock_limit) {
        return std::unexpected(Error(ErrorCode::corrupt, "a ring holds version " + std::to_string(judgement_.newest) +
                                                             " above the superblock's clock limit " +
                                                             std::to_string(fields_.clock_limit) + " in " +
                                                             dir_.string()));
    }
    if (options_.read_only) {
        if (auto kept = keep_private_rings_durable(); !kept) return kept;
    } else {
        if (auto started = engine_.cold_->start_writing(); !started) return started;
    }
    if (auto placed = place_parts(); !placed) return placed;
    if (!options_.read_only) {
        engine_.spills_ = std::make_unique<cold::SpillSpace>(io(), engine_.cold_->directory());
    }
    if (auto repaired = hot::repair(rings_, judgement_, fields_.secret); !repaired) return repaired;
    watch.pause();  // the superblock's syncs cost the same however much there is to recover

    const Version clock = start_clock(recovery.stop_at_mark);
    fields_.settled = engine_.cold_->state()->cut;
    fields_.boot = boot;
    fields_.durability = options_.durability;
    if (!options_.read_only) {
        fields_.clock_limit = std::min(clock + engine_.internals_.clock_block, kVersionMax);
        if (auto written = engine_.superblock_->write(fields_); !written) return written;
    }
    engine_.lost_ = fields_.lost;
    engine_.leaps_ = fields_.leaps;

    watch.resume();
    auto tier = hot::Tier::create(std::move(rings_), tier_options(), engine_, clock);
    if (!tier) return std::unexpected(std::move(tier.error()));
    engine_.tier_ = std::move(*tier);
    if (auto linked = hot::rebuild_index(*engine_.tier_, judgement_, hardware_threads()); !linked) return linked;
    engine_.tier_->raise_limit(fields_.clock_limit);
    // From here on everything up to the clock is called durable. Not before the superblock was written: until then the
    // mark decides what is lost.
    if (!options_.read_only && engine_.tier_->rings()[0].marks().durable < clock) {
        if (auto spread = engine_.tier_->spread_mark(); !spread) return spread;
    }
    engine_.recovered_records_ = judgement_.operations();
    return {};
}

Version Opening::start_clock(bool stop_at_mark) {
    // Of a load the versions up to the limit were shown to nobody else, and get the same records again (load.cpp).
    if (fields_.load_base) {
        engine_.resumed_load_ = fields_.load_base;
        return std::max({*fields_.load_base, judgement_.newest, judgement_.mark});
    }
    // The clock starts at the limit: nothing above it was ever handed out. What a power cut took may reach up to it;
    // then the clock starts behind, so that the latest version is a known one.
    Version clock = fields_.clock_limit;
    if (stop_at_mark && judgement_.mark < clock) {
        clock = std::min(clock + 1, kVersionMax);
        fields_.add_lost({judgement_.mark, clock - 1});
    }
    const std::shared_ptr<const cold::ManifestState> settled = engine_.cold_->state();
    fields_.add_leap({std::max(judgement_.newest, settled->cut), clock - std::min<Version>(clock, 1)}, settled->floor);
    if (engine_.internals_.load != Load::none) fields_.load_base = clock;
    return clock;
}

hot::TierOptions Opening::tier_options() const {
    hot::TierOptions tier;
    tier.secret = fields_.secret;
    tier.durability = options_.durability;
    tier.sharding = options_.sharding;
    tier.write_timeout = options_.write_timeout;
    tier.clock_margin = engine_.internals_.clock_margin;
    tier.index_address_bits = engine_.internals_.index_address_bits;
    // 7 entries for each 512 bytes of ring: more than frames of common sizes need, and at most an eighth of the ring.
    tier.index_bytes = engine_.memory_.index_table_bytes;
    tier.shard_of_cpu = placement_.shard_of_cpu;
    tier.overflow_order = placement_.overflow_order;
    return tier;
}

}  // namespace zverse::engine
