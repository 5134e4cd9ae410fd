// Tier: construction and state. The protocol is in commit.cpp, chain.cpp, read.cpp, reserve.cpp and seal.cpp.
#include <hot/tier.h>

#include <algorithm>
#include <utility>

namespace zverse::hot {

namespace {

/// The weakest medium decides for all: a store on mixed media promises what every ring can keep.
platform::Granularity weakest(const RingSet& rings) noexcept {
    platform::Granularity granularity = platform::Granularity::byte;
    for (const auto& ring : rings) {
        if (ring->domain().granularity() > granularity) granularity = ring->domain().granularity();
    }
    return granularity;
}

std::uint64_t smallest_ring(const RingSet& rings) noexcept {
    std::uint64_t bytes = rings[0].bytes();
    for (const auto& ring : rings) bytes = std::min(bytes, ring->bytes());
    return bytes;
}

}  // namespace

Tier::Tier(std::vector<std::unique_ptr<Ring>> rings, TierOptions options, Host& host, Version clock)
    : options_(std::move(options)),
      host_(host),
      rings_(std::move(rings)),
      granularity_(weakest(rings_)),
      flush_per_write_(options_.durability == Durability::power && granularity_ != platform::Granularity::page),
      reads_stop_at_mark_(options_.durability == Durability::power && granularity_ == platform::Granularity::page),
      frame_bytes_max_(smallest_ring(rings_) / 4),
      epochs_(slots_),
      clock_(clock),
      limit_(clock),
      mark_(clock),
      latest_(reads_stop_at_mark_ ? mark_ : clock_) {
    sync_ranges_.reserve(rings_.size());
    if (options_.shard_of_cpu.empty()) options_.shard_of_cpu.assign(1, 0);
    if (options_.overflow_order.empty()) {
        options_.overflow_order.resize(rings_.size());
        for (unsigned shard = 0; shard < rings_.size(); ++shard) {
            for (unsigned other = 0; other < rings_.size(); ++other) {
                if (other != shard) options_.overflow_order[shard].push_back(other);
            }
        }
    }
}

Result<std::unique_ptr<Tier>> Tier::create(std::vector<std::unique_ptr<Ring>> rings, TierOptions options, Host& host,
                                           Version clock) {
    std::unique_ptr<Tier> tier(new Tier(std::move(rings), std::move(options), host, clock));
    auto index = Index::create(tier->rings_, {tier->options_.index_bytes, tier->options_.index_address_bits});
    if (!index) return std::unexpected(std::move(index.error()));
    tier->index_ = std::move(*index);
    tier->credit_block_ = std::clamp<std::int64_t>(tier->index_->capacity() / 4096, 1, 256);
    return tier;
}

void Tier::raise_limit(Version limit) noexcept {
    // relaxed: a first guess.
    Version current = limit_.load(std::memory_order_relaxed);
    // release: pairs with the acquire in limit(); the limit is persisted before it is raised here.
    while (current < limit &&
           !limit_.compare_exchange_weak(current, limit, std::memory_order_release, std::memory_order_relaxed)) {}
}

void Tier::skip_to(Version upto) noexcept {
    // relaxed: a first guess.
    Version current = clock_.load(std::memory_order_relaxed);
    // acq_rel: the clock only moves by read-modify-write (tier.h).
    while (current < upto &&
           !clock_.compare_exchange_weak(current, upto, std::memory_order_acq_rel, std::memory_order_relaxed)) {}
}

void Tier::refuse_writes(Error reason) {
    {
        const std::scoped_lock lock(refusal_mutex_);
        // A closed store says closed, whatever else was wrong before.
        if (!refusal_ || reason.code() == ErrorCode::closed) refusal_ = std::move(reason);
        // release: refusal() is set for whoever sees it.
        refusing_.store(true, std::memory_order_release);
        pace_.release();
    }
    for (const auto& ring : rings_) ring->queue.cancel_all();
}

void Tier::explain_refusal(Error reason) {
    const std::scoped_lock lock(refusal_mutex_);
    if (refusal_ && refusal_->code() == reason.code() && refusal_->message() == "a sync failed") {
        refusal_ = std::move(reason);
    }
}

std::optional<Error> Tier::refusal() const {
    const std::scoped_lock lock(refusal_mutex_);
    return refusal_;
}

bool Tier::announcements_clear() const noexcept {
    return slots_.for_each([](const WriterSlot& slot) {
        // acquire: the announced write is complete.
        return slot.announced.load(std::memory_order_acquire) == 0;
    });
}

}  // namespace zverse::hot
