// A walk over a ring as it lies on its medium: every frame that begins in a stretch, whole or broken. What recovery and
// the tools that look at damaged stores have in common: no length is believed before check_frame().
#pragma once

#include <hot/frame.h>

#include <cstdint>

namespace zverse::hot {

/// Frames that begin in [begin, end); they may reach up to `limit`.
struct WalkedStretch {
    std::uint64_t begin, end, limit;
};

/// Calls for each line where a frame claims to begin
///   visitor.whole(position, const FrameHeader&, const FrameCheck&)    it is one; the walk goes on behind it
///   visitor.broken(position, problem)    it is none; the walk goes on with the next line
/// and before it looks at bytes visitor.need(position, bytes), so that they are there. Returns where it ended: `end`,
/// or behind the last frame.
template <class Visitor>
std::uint64_t walk_frames(const Ring& ring, const WalkedStretch& stretch, const Secret& secret, Visitor& visitor) {
    std::uint64_t position = stretch.begin;
    while (position < stretch.end) {
        visitor.need(position, kLineBytes);
        const FrameHeader& frame = *ring.frame_at(position);
        if (frame.validity == 0 || frame.validity != ring.validity_at(position)) {
            position += kLineBytes;
            continue;
        }
        visitor.need(position, frame.bytes());
        const FrameCheck check = check_frame(ring, position, stretch.limit, secret);
        if (!check.acceptable) {
            visitor.broken(position, check.problem);
            position += kLineBytes;
            continue;
        }
        visitor.whole(position, frame, check);
        position += check.bytes;
    }
    return position;
}

}  // namespace zverse::hot
