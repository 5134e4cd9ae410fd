// Checks a ring while writers use it: both copies of its header, in the file, and every frame that is stamped, where it
// lies in memory.
#pragma once

#include <hot/tier.h>
#include <platform/audit.h>

namespace zverse::hot {

/// Not pinned. Cost: reads the ring's frames once, 64 KiB at a time under an epoch pin.
void audit_ring(Tier& tier, const Ring& ring, platform::FileIo& io, platform::Audit& audit);

}  // namespace zverse::hot
