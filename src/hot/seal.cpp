// Acting on "everything <= s": seal, sync, settle, heads.
//
// Orders: why a look at the announcements suffices: s is acquired from the clock. A frame with a version <= s took it
// by an increment that s includes, so its announcement, its validity word and everything before are visible here; it is
// either stamped or still pending with its announcement standing. What took no version yet will take one above s.
// Who advances a position reads the tail after the seal, acts on all frames <= s below it, and moves to min(that tail,
// oldest live announcement), read before the work, stored after it succeeded.
#include <hot/tier.h>
#include <hot/walk.h>
#include <platform/probes.h>

#include <algorithm>
#include <chrono>
#include <new>

namespace zverse::hot {

namespace {

std::uint64_t position_of(Address address) noexcept { return unit_of(address) * kUnitBytes; }

/// What call() returns; `io` where there was no memory, which may have been for the words of a failed sync.
template <class Call>
auto without_memory_io(Call&& call) -> decltype(call()) {
    try {
        return call();
    } catch (const std::bad_alloc&) {
        return std::unexpected(Error(ErrorCode::io, "no memory"));  // held by the string itself
    }
}

}  // namespace

void Tier::seal_announced(Ring& ring, std::uint64_t start, Version s) noexcept {
    std::uint64_t position = start;
    if (!ring.valid_at(position)) return;  // not published, so above s
    if (ring.frame_at(position)->kind() == FrameKind::filler) {
        position += ring.frame_at(position)->bytes();  // the slot names the reservation; the frame is behind
        if (!ring.valid_at(position)) return;
    }
    FrameHeader& frame = *ring.frame_at(position);
    std::atomic_ref word(frame.stamp);
    // acquire: pairs with the CAS of whoever stamps.
    Stamp seen{word.load(std::memory_order_acquire)};
    while (seen.is_pending() && seen.number() < s) {
        // acq_rel: a version taken before this can't be installed any more (stamp.h T1, T2).
        if (word.compare_exchange_weak(seen.word, seen.raised(s).word, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
            return;
        }
    }
    // Stamped by a helper whose owner has not come to the check yet (tests/model/sealdur.pml).
    if (!seen.is_pending() && seen.kind() != StampKind::filler && seen.number() <= s) persist_frame(ring, frame, seen);
}

Version Tier::seal(WriterSlot& slot) {
    const PinGuard pin(epochs_, slot);
    const Version s = clock();
    slots_.for_each([&](const WriterSlot& other) {
        // acquire: pairs with the release store before the tail CAS (slot.h A1).
        const Address announced = other.announced.load(std::memory_order_acquire);
        if (announced != 0) seal_announced(rings_[shard_of(announced)], position_of(announced), s);
        return true;
    });
    return s;
}

std::uint64_t Tier::stamped_end(const Ring& ring) const noexcept {
    // acquire: every announcement below this tail is visible (slot.h A1).
    std::uint64_t end = ring.tail.load(std::memory_order_acquire);
    slots_.for_each([&](const WriterSlot& slot) {
        // acquire: a cleared announcement means a stamped frame.
        const Address announced = slot.announced.load(std::memory_order_acquire);
        if (announced != 0 && shard_of(announced) == ring.shard()) end = std::min(end, position_of(announced));
        return true;
    });
    return end;
}

Result<void> Tier::sync_rings(Version s) {
    for (std::size_t i = 0; i < sync_ranges_.size(); ++i) {
        const SyncRange& range = sync_ranges_[i];
        if (auto done = rings_[static_cast<unsigned>(i)].sync(range.begin, range.end); !done) return done;
    }
    if (options_.durability != Durability::process) return {};
    // Only now: the mark promises what the syncs above did.
    return rings_[0].raise_marks({0, 0, s}, Ring::Copies::one);
}

Result<Version> Tier::sync_all() {
    const std::scoped_lock lock(sync_mutex_);
    if (sync_failure_) return std::unexpected(*sync_failure_);
    WriterSlot& slot = slots_.mine();
    sync_ranges_.clear();
    const Version s = seal(slot);
    for (const auto& ring : rings_) {
        // acquire: the tail after the seal covers every frame <= s.
        const std::uint64_t tail = ring->tail.load(std::memory_order_acquire);
        // relaxed: changed under sync_mutex_ only, but for head movements, which the max below allows for.
        const std::uint64_t synced = ring->synced.load(std::memory_order_relaxed);
        const std::uint64_t begin = std::max(synced, tail - ring->bytes());
        sync_ranges_.push_back({begin, tail, std::min(tail, stamped_end(*ring))});
    }
    if (!flush_per_write_) {
        const auto began = std::chrono::steady_clock::now();
        if (auto done = without_memory_io([&] { return sync_rings(s); }); !done) {
            return std::unexpected(fail_sync(std::move(done.error())));
        }
        const auto took = std::chrono::steady_clock::now() - began;
        sync_latencies_.add_shared(static_cast<std::uint64_t>(took / std::chrono::nanoseconds(1)));
        // relaxed: counters under sync_mutex_, read as figures.
        group_commits_.fetch_add(1, std::memory_order_relaxed);
    }
    for (std::size_t i = 0; i < sync_ranges_.size(); ++i) {
        const SyncRange& range = sync_ranges_[i];
        // release: pairs with the acquire in settle_rings().
        rings_[static_cast<unsigned>(i)].synced.store(std::max(range.begin, range.next), std::memory_order_release);
    }
    advance_mark(s);
    return s;
}

Result<void> Tier::spread_mark() {
    if (options_.durability != Durability::process) return {};
    const Version mark = durable_mark();
    for (const auto& ring : rings_) {
        if (auto done = ring->raise_marks({0, 0, mark}, Ring::Copies::both); !done) {
            const std::scoped_lock lock(sync_mutex_);
            return std::unexpected(fail_sync(std::move(done.error())));
        }
    }
    return {};
}

Error Tier::fail_sync(Error error) {
    const int code = error.os_errno();
    ZVERSE_PROBE1(sync__error, code);
    // First what needs no memory, so that nothing is written or synced after a failed sync, whatever happens here.
    sync_failure_ = Error(error.code(), "a sync failed", code);
    refuse_writes(Error(ErrorCode::read_only, "a sync failed", code));
    try {
        sync_failure_ = error;
        explain_refusal(
            Error(ErrorCode::read_only, "the store is read-only since a sync failed (" + error.message() + ")", code));
    } catch (const std::bad_alloc&) {
        // The short reasons stay.
    }
    return error;
}

void Tier::advance_mark(Version mark) noexcept {
    // relaxed: a first guess.
    Version current = mark_.load(std::memory_order_relaxed);
    // release: who reads the mark may rely on what was made durable before.
    while (current < mark &&
           !mark_.compare_exchange_weak(current, mark, std::memory_order_release, std::memory_order_relaxed)) {}
}

Result<void> Tier::wait_for_group(Version version) {
    if (durable_mark() >= version) return {};
    std::unique_lock lock(group_mutex_);
    while (durable_mark() < version) {
        if (group_leader_) {
            group_changed_.wait(lock);
            continue;
        }
        group_leader_ = true;
        lock.unlock();
        // The write that waits is in the ring already: without memory its durability is unknown, as after a failure.
        auto synced = without_memory_io([this] { return sync_all(); });
        lock.lock();
        group_leader_ = false;
        group_changed_.notify_all();
        if (!synced) return std::unexpected(std::move(synced.error()));
    }
    return {};
}

Result<bool> Tier::settle_rings(std::uint64_t least_bytes) {
    bool moved = false;
    for (const auto& ring : rings_) {
        std::uint64_t end = stamped_end(*ring);
        // acquire: pairs with the release in sync_all(). Without a flush per write only synced frames are durable.
        if (!flush_per_write_) end = std::min(end, ring->synced.load(std::memory_order_acquire));
        const RingMarks marks = ring->marks();
        if (end < marks.settled + std::max<std::uint64_t>(least_bytes, 1)) continue;
        if (auto done = without_memory_io([&] { return ring->raise_marks({0, end, 0}, Ring::Copies::both); }); !done) {
            const std::scoped_lock lock(sync_mutex_);
            return std::unexpected(fail_sync(std::move(done.error())));
        }
        moved = true;
    }
    return moved;
}

std::vector<std::uint64_t> Tier::prefix_ends(Version s) const {
    std::vector<std::uint64_t> ends;
    for (const auto& ring : rings_) {
        const std::uint64_t end = stamped_end(*ring);
        // relaxed: the caller is the only one who moves heads.
        std::uint64_t position = ring->dead_head.load(std::memory_order_relaxed);
        while (position < end) {
            FrameHeader& frame = *ring->frame_at(position);
            // acquire: pairs with the CAS that stamped it.
            const Stamp seen{std::atomic_ref(frame.stamp).load(std::memory_order_acquire)};
            if (seen.is_pending() || seen.number() > s) break;
            position += frame.bytes();
        }
        ends.push_back(position);
    }
    return ends;
}

void Tier::move_dead_heads(std::span<const std::uint64_t> positions) noexcept {
    for (std::size_t i = 0; i < positions.size(); ++i) {
        // release: pairs with the acquire in Ring::live().
        rings_[static_cast<unsigned>(i)].dead_head.store(positions[i], std::memory_order_release);
    }
}

Result<void> Tier::move_free_heads(std::span<const std::uint64_t> positions) {
    for (std::size_t i = 0; i < positions.size(); ++i) {
        Ring& ring = rings_[static_cast<unsigned>(i)];
        // relaxed: the caller is the only one who moves heads.
        if (ring.free_head.load(std::memory_order_relaxed) == positions[i]) continue;
        // ring.h R3: the head is on the medium before its space is used again.
        if (auto done = without_memory_io([&] { return ring.raise_marks({positions[i], 0, 0}, Ring::Copies::both); });
            !done) {
            const std::scoped_lock lock(sync_mutex_);
            return std::unexpected(fail_sync(std::move(done.error())));
        }
        // release: pairs with the acquire in take_space().
        ring.free_head.store(positions[i], std::memory_order_release);
    }
    wake_writers();
    return {};
}

void Tier::sweep_index() noexcept {
    index_->sweep();
    wake_writers();
}

}  // namespace zverse::hot
