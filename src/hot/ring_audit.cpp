// Orders: everything below stamped_end() is stamped and has its check, and whoever made it so cleared its announcement
// with release (seal.cpp). While pinned nothing from the dead head on is reused (ring.h R1).
#include <hot/ring_audit.h>

#include <algorithm>

namespace zverse::hot {

namespace {

namespace codes = platform::codes;
constexpr std::uint64_t kPinnedBytes = std::uint64_t{64} << 10;  // looked at under one pin

void audit_headers(const Ring& ring, platform::FileIo& io, platform::Audit& audit) {
    const auto file = audit.open(io, ring.path(), kHeaderAreaBytes + ring.bytes(), codes::kRingSize);
    if (file == nullptr) return;
    auto copies = ring.check_headers(*file);
    if (!copies) {
        audit.find(copies.error(), ring.path(), 0);
        return;
    }
    audit.count_bytes(copies->size() * sizeof(RingHeader));
    for (std::size_t copy = 0; copy < copies->size(); ++copy) {
        const auto& problem = (*copies)[copy];
        if (problem) audit.find(codes::kRingHeader, ring.path(), copy * kHeaderCopyBytes, problem->message());
    }
}

class FrameAudit {
public:
    FrameAudit(Tier& tier, const Ring& ring, platform::Audit& audit) : tier_(tier), ring_(ring), audit_(audit) {}

    void run() {
        WriterSlot& slot = tier_.slots().mine();
        {
            const PinGuard pin(tier_.epochs(), slot);
            end_ = tier_.stamped_end(ring_);
        }
        do {
            const PinGuard pin(tier_.epochs(), slot);
            // acquire: pairs with the release in move_dead_heads(). A frame begins there.
            const std::uint64_t head = ring_.dead_head.load(std::memory_order_acquire);
            if (position_ < head) position_ = head, searching_ = false;
            const std::uint64_t until = std::min(end_, position_ + kPinnedBytes);
            while (position_ < until) step();
        } while (position_ < end_ && !audit_.stopped());
    }

private:
    /// One frame, or a line of what should be one.
    void step() {
        if (!ring_.valid_at(position_)) {
            lose(codes::kFrameMissing, "no frame begins where one must");
            return;
        }
        const FrameCheck check = check_frame(ring_, position_, end_, tier_.secret());
        if (!check.acceptable) {
            lose(codes::kFrameDamaged, check.problem);
            return;
        }
        searching_ = false;
        const FrameHeader& frame = *ring_.frame_at(position_);
        if (const Version clock = tier_.clock(); check.stamp.number() > clock) {
            audit_.find(codes::kFrameVersion, ring_.path(), ring_.file_offset(position_),
                        "a frame has version " + std::to_string(check.stamp.number()) + ", above the newest one " +
                            std::to_string(clock));
        }
        if (check.stamp.is_committed() && frame.kind() == FrameKind::data) audit_.count_records(frame.count());
        audit_.count_bytes(check.bytes);
        position_ += check.bytes;
    }
    /// A damaged frame's length is not trusted: line by line to where the next one begins. Found once.
    void lose(std::string_view code, const char* what) {
        if (!searching_) audit_.find(code, ring_.path(), ring_.file_offset(position_), what);
        searching_ = true;
        position_ += kLineBytes;
    }

    Tier& tier_;
    const Ring& ring_;
    platform::Audit& audit_;
    std::uint64_t position_ = 0, end_ = 0;
    bool searching_ = false;
};

}  // namespace

void audit_ring(Tier& tier, const Ring& ring, platform::FileIo& io, platform::Audit& audit) {
    audit_headers(ring, io, audit);
    FrameAudit(tier, ring, audit).run();
}

}  // namespace zverse::hot
