// Readers: walk a chain as of a version. They never wait; what is pending is raised out of their way (stamp.h T1).
#include <hot/tier.h>

namespace zverse::hot {

std::optional<Version> Tier::visible(WriterSlot& slot, const OperationRef& ref, Version as_of) {
    Stamp seen = ref.stamp();
    if (seen.is_pending()) seen = raise(slot, ref, as_of);  // perhaps not published yet: never helped
    if (!seen.is_committed() || seen.number() > as_of) return std::nullopt;
    if (seen.dirty()) {
        persist_frame(*ref.ring, *ref.frame, seen);
        slot.count(Counter::reader_persists);
    }
    return seen.number();
}

Found Tier::find_in_chain(WriterSlot& slot, OperationRef ref, std::string_view key, Version as_of, Version cut) {
    while (ref) {
        Stamp seen = ref.stamp();
        if (seen.is_pending()) {
            seen = raise_or_help(slot, ref, as_of);
            if (seen.is_pending()) {
                ref = rings_.previous(ref);
                continue;
            }
        }
        if (seen.number() > as_of) {
            // Everything down to a settled jump target with a version above as_of is above it as well.
            const OperationRef target = rings_.jump_target(RingSet::jump_of(ref));
            const Stamp far = target ? target.stamp() : Stamp{};
            ref = far.is_committed() && far.number() > as_of ? target : rings_.previous(ref);
            continue;
        }
        if (seen.number() <= cut) return {};  // chain order is version order: the rest is the lower tiers'
        if (seen.is_committed() && ref.has_key(key)) {
            if (seen.dirty()) {
                persist_frame(*ref.ring, *ref.frame, seen);
                slot.count(Counter::reader_persists);
            }
            return {ref.op, seen.number()};
        }
        ref = rings_.previous(ref);
    }
    return {};
}

std::uint64_t Tier::counter(Counter counter) const noexcept {
    std::uint64_t sum = 0;
    slots_.for_each([&](const WriterSlot& slot) {
        // relaxed: a statistic.
        sum += slot.counters[std::size_t(counter)].load(std::memory_order_relaxed);
        return true;
    });
    return sum;
}

}  // namespace zverse::hot
