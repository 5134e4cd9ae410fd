// Walking a ring over frames that may still be in the making. Pinned.
//
// A frame not valid yet can't have a version <= any s that was read before the walk, so a walker never waits for it:
// it steps over it by the length its writer confirmed, else line by line to the next valid frame (slot.h A2).
#pragma once

#include <hot/ring.h>
#include <hot/slot.h>

#include <cstdint>

namespace zverse::hot {

/// The confirmed length of an unfinished reservation that starts at `position`, or 0.
[[nodiscard]] inline std::uint64_t announced_length(const WriterSlots& slots, const Ring& ring,
                                                    std::uint64_t position) noexcept {
    const Address wanted = ring.address_of(position);
    std::uint64_t length = 0;
    slots.for_each([&](const WriterSlot& slot) {
        // acquire, thrice: announcement, length, announcement again; see slot.h A2.
        if (slot.announced.load(std::memory_order_acquire) != wanted) return true;
        const std::uint64_t bytes = slot.announced_bytes.load(std::memory_order_acquire);
        if (slot.announced.load(std::memory_order_acquire) != wanted) return true;
        length = bytes;
        return length == 0;
    });
    return length;
}

/// Calls visit(position, FrameHeader&) for every valid frame in [begin, end), fillers too; `begin` is a frame's start.
template <class Visit>
void walk_frames(const WriterSlots& slots, const Ring& ring, std::uint64_t begin, std::uint64_t end, Visit&& visit) {
    std::uint64_t position = begin;
    while (position < end) {
        if (ring.valid_at(position)) {
            FrameHeader& frame = *ring.frame_at(position);
            const std::uint64_t bytes = frame.bytes();
            visit(position, frame);
            position += bytes;
            continue;
        }
        const std::uint64_t length = announced_length(slots, ring, position);
        position += length != 0 ? length : kLineBytes;
    }
}

}  // namespace zverse::hot
