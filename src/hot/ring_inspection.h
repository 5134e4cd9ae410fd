// A look at the file of a ring whose store is closed: both copies of the header, and every frame, read through FileIo.
// For tools that must live with damage: what can't be read is a finding, and the look goes on behind it.
//
// Frames below the header's `settled` were complete and durable, so whatever is wrong there is damage. Above it a crash
// may have left anything; what is whole there is what the next opening recovers.
#pragma once

#include <hot/frame_walk.h>
#include <platform/audit.h>
#include <zverse/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace zverse::hot {

struct InspectedRing {
    RingIdentity identity;
    std::uint64_t bytes = 0;  ///< of the circular area; checked by the caller: a power of two
    Secret secret;
    Version clock_limit = 0;  ///< no version above it was ever handed out
    std::function<void(std::uint64_t)> progress = {};  ///< how many bytes of the area were looked at
};

/// Bytes of the file below `settled` that belong to no whole frame.
struct LostStretch {
    std::uint64_t offset, bytes;
};

struct RingContents {
    std::optional<RingMarks> marks;  ///< of the header copy that counts; without one no frame can be told
    std::uint64_t frames = 0;  ///< whole ones, fillers too
    std::uint64_t records = 0;  ///< of committed frames
    std::uint64_t unsettled = 0;  ///< whole frames above `settled`
    std::uint64_t torn = 0;  ///< frames that a crash cut short, above it
    std::vector<LostStretch> lost;  ///< at most Audit::kFindingsMax
    Version newest = 0;
};

/// A whole committed or aborted frame. The header and its operations are in memory until the call returns.
using FrameVisit = std::function<void(const Ring&, std::uint64_t position, const FrameHeader&, Version)>;

/// Memory: the largest frame, and a few MiB. `visit` (may be empty) sees every whole frame but fillers.
[[nodiscard]] RingContents inspect_ring(platform::FileIo& io, const InspectedRing& ring, const FrameVisit& visit,
                                        platform::Audit& audit);

}  // namespace zverse::hot
