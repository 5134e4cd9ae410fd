// Chains: settling, helping, raising and persisting the frames that others left pending or dirty.
//
// Orders: a stamp is changed by acq_rel CAS only (but for clearing `dirty`, a release store of the one value that can
// follow): release publishes what the stamper settled below, acquire lets it rest on what it read. The clock is only
// ever incremented, acq_rel, so its values form one release sequence.
#include <hot/tier.h>

#include <thread>

namespace zverse::hot {

namespace {

Stamp load(const FrameHeader& frame) noexcept {
    // acquire: pairs with the CAS that stamped or raised it.
    return {std::atomic_ref(const_cast<std::uint64_t&>(frame.stamp)).load(std::memory_order_acquire)};
}

bool exchange(FrameHeader& frame, Stamp& expected, Stamp desired) noexcept {
    // acq_rel: see the top of this file.
    return std::atomic_ref(frame.stamp)
        .compare_exchange_strong(expected.word, desired.word, std::memory_order_acq_rel, std::memory_order_acquire);
}

void pause(unsigned& rounds) noexcept {
    if (++rounds < 64) {
#if defined(__x86_64__)
        _mm_pause();
#endif
    } else {
        std::this_thread::yield();
    }
}

}  // namespace

/// Waits for batches in the chain that are published but not ready: the only wait among writers. Batches publish in
/// hash order and so hold chains in one global order; a batch that waits here waits for a chain above all it holds.
/// `own`: the caller's frame, which is never waited for (tests/model/batch.pml, -DDUP).
void Tier::wait_until_ready(const OperationRef& top, const FrameHeader* own) const noexcept {
    unsigned rounds = 0;
    for (OperationRef ref = top; ref;) {
        const Stamp now = ref.stamp();
        if (!now.is_pending()) return;  // everything below is stamped (stamp.h T3)
        if (now.ready() || ref.frame == own) {
            ref = rings_.previous(ref);
            continue;
        }
        pause(rounds);
    }
}

/// Stamps every pending frame from `top` downwards, deepest first; all are ready or `own`.
void Tier::settle_chain(WriterSlot& slot, const OperationRef& top, const FrameHeader* own) {
    for (;;) {
        OperationRef deepest;
        for (OperationRef ref = top; ref; ref = rings_.previous(ref)) {
            if (ref.frame == own) continue;
            if (!ref.stamp().is_pending()) break;
            deepest = ref;
        }
        if (!deepest) return;
        help(slot, *deepest.frame);
    }
}

/// Stamps a ready frame for its writer, which then finds it stamped.
void Tier::help(WriterSlot& slot, FrameHeader& frame) noexcept {
    Stamp seen = load(frame);
    if (!seen.is_pending()) return;
    // acq_rel: see the top of this file.
    const Version version = clock_.fetch_add(1, std::memory_order_acq_rel) + 1;
    if (exchange(frame, seen, Stamp::stamped(StampKind::committed, version, true))) {
        slot.count(Counter::helped_stamps);
    }
}

Stamp Tier::stamp(FrameHeader& frame, StampKind kind) noexcept {
    Stamp seen = load(frame);
    for (;;) {
        if (!seen.is_pending()) return seen;  // a helper was faster
        // acq_rel: after the pending word was read, before the CAS that needs it unchanged (stamp.h T2).
        const Version version = clock_.fetch_add(1, std::memory_order_acq_rel) + 1;
        const Stamp wanted = Stamp::stamped(kind, version, true);
        if (exchange(frame, seen, wanted)) return wanted;
    }
}

void Tier::make_ready(FrameHeader& frame) noexcept {
    Stamp seen = load(frame);
    while (!exchange(frame, seen, seen.made_ready())) {}
}

/// From now on a pending frame is invisible as of `as_of`. Returns its stamp, which may have become final meanwhile.
Stamp Tier::raise(WriterSlot& slot, const OperationRef& ref, Version as_of) noexcept {
    Stamp seen = ref.stamp();
    while (seen.is_pending() && seen.number() < as_of) {
        const Stamp raised = seen.raised(as_of);
        if (exchange(*ref.frame, seen, raised)) {
            slot.count(Counter::raised_floors);
            return raised;
        }
    }
    return seen;
}

/// A reader as of `as_of` meets a pending frame in a chain: it raises it, or, the fourth time, stamps it, so that no
/// writer starves. Only for frames met in a chain: a single put is ready from the start, but before it is published
/// nobody may stamp it, and a walker of rings meets such frames.
Stamp Tier::raise_or_help(WriterSlot& slot, const OperationRef& ref, Version as_of) {
    const Stamp seen = ref.stamp();
    // acquire: a hint whether the clock may move at all; near its limit readers only raise.
    const bool may_tick = limit_.load(std::memory_order_acquire) - clock() > options_.clock_margin / 2;
    if (seen.is_pending() && seen.number() < as_of && seen.ready() && seen.raises() == Stamp::kRaisesMax && may_tick) {
        settle_chain(slot, rings_.previous(ref), nullptr);
        help(slot, *ref.frame);  // its version is above as_of: the clock has reached that already
    }
    return raise(slot, ref, as_of);
}

/// Does everything that clearing `dirty` stands for, in this order: check, lines, fence, clear. Idempotent, by anybody
/// who is pinned. tests/model/durable.pml shows what goes wrong with less.
void Tier::persist_frame(Ring& ring, FrameHeader& frame, Stamp seen) noexcept {
    if (!seen.dirty()) return;
    store_stamp_check(frame, options_.secret, seen);
    if (flush_per_write_) {
        ring.domain().flush(&frame, body_first(frame) ? kLineBytes : frame.bytes());
        ring.domain().drain();
    }
    // release: who sees it clean may rely on the check and, in class power, on the medium. A plain store suffices: a
    // stamped word can only lose `dirty`, and everybody who clears it stores this same value.
    std::atomic_ref(frame.stamp).store(seen.clean().word, std::memory_order_release);
}

}  // namespace zverse::hot
