// Reservation: space in a ring and credits in the index, both or neither.
//
// Orders: the announcement is stored with release before the release CAS on the tail (slot.h A1); its length after
// (A2). free_head is acquired, so that stores into reused space come after the last reads of what was there.
#include <hot/tier.h>
#include <platform/prefetch.h>
#include <platform/probes.h>
#include <platform/topology.h>

#include <algorithm>

namespace zverse::hot {

namespace {
constexpr std::uint64_t kLinesAhead = 12;        // of the tail, to fetch for writing
}  // namespace

unsigned Tier::pick_shard(std::uint64_t hash) const noexcept {
    if (options_.sharding == Sharding::by_key) {
        return static_cast<unsigned>((hash & 0xffff'ffff) * rings_.size() >> 32);
    }
    if (group_commits()) return 0;  // one ring takes all writes, so that a group commit is one sync
    const unsigned cpu = platform::current_cpu();
    return cpu < options_.shard_of_cpu.size() ? options_.shard_of_cpu[cpu] : 0;
}

bool Tier::take_credits(WriterSlot& slot, std::int64_t credits) noexcept {
    if (slot.credits >= credits) [[likely]] {
        slot.credits -= credits;
        return true;
    }
    const std::int64_t missing = credits - slot.credits;
    if (index_->take_credits(missing + credit_block_)) {
        slot.credits += missing + credit_block_;
    } else if (index_->take_credits(missing)) {
        slot.credits += missing;
    } else {
        return false;
    }
    slot.credits -= credits;
    return true;
}

/// What a thread keeps is lost to the others while it is idle, so it keeps little.
void Tier::give_back_credits(WriterSlot& slot) noexcept {
    if (slot.credits <= 2 * credit_block_) [[likely]]
        return;
    index_->return_credits(slot.credits - credit_block_);
    slot.credits = credit_block_;
}

bool Tier::take_space(WriterSlot& slot, Ring& ring, std::uint64_t bytes, Reservation& space) noexcept {
    // relaxed: a first guess; the CAS decides.
    std::uint64_t tail = ring.tail.load(std::memory_order_relaxed);
    for (;;) {
        const std::uint64_t until_wrap = ring.bytes() - (tail & (ring.bytes() - 1));
        const std::uint64_t filler = bytes > until_wrap ? until_wrap : 0;
        const std::uint64_t end = tail + filler + bytes;
        // acquire: pairs with the release in move_free_heads().
        if (end > ring.free_head.load(std::memory_order_acquire) + ring.bytes()) {
            // release: a cleared announcement is ordered after what was announced (A4).
            slot.announced.store(0, std::memory_order_release);
            return false;
        }
        // release: seen by whoever reads the tail below (A1).
        slot.announced.store(ring.address_of(tail), std::memory_order_release);
        // release: makes the announcement visible with the new tail; relaxed on failure: only a new guess.
        if (ring.tail.compare_exchange_weak(tail, end, std::memory_order_release, std::memory_order_relaxed)) {
            // release: a walker that reads it re-reads the announcement (A2).
            slot.announced_bytes.store(filler + bytes, std::memory_order_release);
            space = {&ring, tail, tail + filler, bytes};
            slot.paced_bytes += bytes;
            // The next frames' lines: fetched now, they are there when the next write fills them.
            for (std::uint64_t line = 0; line < 3; ++line) {
                platform::prefetch_to_write(ring.at(end + (kLinesAhead + line) * kLineBytes));
            }
            return true;
        }
    }
}

Result<void> Tier::reserve(WriterSlot& slot, std::uint64_t bytes, std::int64_t credits, std::uint64_t hash,
                           Reservation& space) {
    const unsigned shard = pick_shard(hash);
    Ring& ring = rings_[shard];
    if (!take_credits(slot, credits)) return wait_for_space(slot, ring, bytes, credits, space);
    if (ring.queue.empty() && take_space(slot, ring, bytes, space)) [[likely]]
        return {};
    if (options_.sharding == Sharding::by_core) {
        for (const unsigned other : options_.overflow_order[shard]) {
            if (rings_[other].queue.empty() && take_space(slot, rings_[other], bytes, space)) return {};
        }
    }
    slot.credits += credits;
    return wait_for_space(slot, ring, bytes, credits, space);
}

Result<void> Tier::wait_for_space(WriterSlot& slot, Ring& ring, std::uint64_t bytes, std::int64_t credits,
                                  Reservation& space) {
    if (slot.pinned() || slot.callbacks > 0) {
        slot.count(Counter::full_errors);
        return std::unexpected(Error(ErrorCode::full, "no space in ring " + ring.path() + " for a frame of " +
                                                          std::to_string(bytes) +
                                                          " bytes, and a write inside a visit callback never waits"));
    }
    slot.count(Counter::space_waits);
    ZVERSE_PROBE2(ring__stall, ring.shard(), bytes);
    host_.want_space();
    const auto deadline = std::chrono::steady_clock::now() + options_.write_timeout;
    const SpaceQueue::Outcome outcome = ring.queue.wait(deadline, [&] {
        if (!take_credits(slot, credits)) return false;
        if (take_space(slot, ring, bytes, space)) return true;
        slot.credits += credits;
        return false;
    });
    if (outcome == SpaceQueue::Outcome::done) return {};
    if (outcome == SpaceQueue::Outcome::cancelled) {
        return std::unexpected(refusal().value_or(Error(ErrorCode::closed, "the store was closed")));
    }
    slot.count(Counter::full_errors);
    return std::unexpected(full_error(ring));
}

Error Tier::full_error(const Ring& ring) const {
    return Error(ErrorCode::full, "no space in the hot tier (ring " + ring.path() + " of " +
                                      std::to_string(ring.bytes()) + " bytes, " + std::to_string(index_->credits()) +
                                      " of " + std::to_string(index_->capacity()) +
                                      " index entries left) within the write_timeout of " +
                                      std::to_string(options_.write_timeout.count()) + " ms; nothing was applied" +
                                      host_.why_no_space());
}

std::uint64_t Tier::used_bytes_of(const Ring& ring) noexcept {
    // relaxed, both: a figure to decide by. Between the two looks the head may pass where the tail was.
    const std::uint64_t head = ring.free_head.load(std::memory_order_relaxed);
    const std::uint64_t tail = ring.tail.load(std::memory_order_relaxed);
    return tail > head ? tail - head : 0;
}

std::uint64_t Tier::used_bytes() const noexcept {
    std::uint64_t most = 0, all = 0;
    for (const auto& ring : rings_) {
        const std::uint64_t used = used_bytes_of(*ring);
        most = std::max(most, used);
        all += used;
    }
    return options_.sharding == Sharding::by_core ? all / rings_.size() : most;
}

void Tier::hold_back(WriterSlot& slot) {
    const std::uint64_t ring_bytes = rings_[0].bytes(), used = used_bytes();
    if (used >= ring_bytes / 2) host_.want_space();
    const std::chrono::nanoseconds per_mib = delay_per_mib(used, ring_bytes, pace_.flush_time());
    if (per_mib.count() == 0) {
        slot.paced_bytes = 0;
        return;
    }
    slot.admissions = std::min(slot.admissions, Pace::kAdmissions);
    const std::chrono::nanoseconds delay(static_cast<std::int64_t>(static_cast<double>(per_mib.count()) *
                                                                   static_cast<double>(slot.paced_bytes) / (1 << 20)));
    if (delay < Pace::kShortest || slot.pinned() || slot.callbacks > 0) return;
    slot.paced_bytes = 0;
    const std::chrono::nanoseconds held = std::min(delay, Pace::kLongest);
    pace_.hold(held);
}

void Tier::wake_writers() {
    for (const auto& ring : rings_) ring->queue.wake_first();
}

}  // namespace zverse::hot
