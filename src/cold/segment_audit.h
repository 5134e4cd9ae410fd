// Checks a segment's file, all of it that means something: both headers, sections, every page of the index, every
// block, record and outside value; and that they agree with each other.
#pragma once

#include <cold/segment.h>
#include <platform/audit.h>

#include <cstdint>
#include <memory>

namespace zverse::cold {

enum class AuditDepth : std::uint8_t {
    blocks,  ///< everything but the bytes of values outside of blocks
    values,  ///< those too
};

/// Reads the file through FileIo; of the open segment it believes the header alone, which was checked when it was
/// opened. Memory: the index, the keys, the zones and the dictionary, one block and what it decompresses to, a MiB of
/// an outside value.
void audit_segment(platform::FileIo& io, const Segment& segment, const std::uint64_t (&store)[2],
                   platform::Audit& audit, AuditDepth depth = AuditDepth::values);

class SegmentAudit;

/// The same, step by step.
class SegmentCheck {
public:
    /// All of them must stay until it goes.
    SegmentCheck(platform::FileIo& io, const Segment& segment, const std::uint64_t (&store)[2], platform::Audit& audit);
    ~SegmentCheck();
    SegmentCheck(const SegmentCheck&) = delete;
    SegmentCheck& operator=(const SegmentCheck&) = delete;

    /// Everything but the blocks first, and then blocks of about `bytes`. False when that was the last of it.
    [[nodiscard]] bool step(std::uint64_t bytes);
    /// About.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept;

private:
    std::unique_ptr<SegmentAudit> audit_;
};

}  // namespace zverse::cold
