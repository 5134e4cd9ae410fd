// RingSet: the rings of a store, and what links between their frames mean.
//
// Orders: links are relaxed; they are stored before the release that publishes their operation, and read after the
// acquire that reached it. Stamps are acquired.
#pragma once

#include <hot/layout.h>
#include <hot/ring.h>
#include <hot/stamp.h>
#include <platform/prefetch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::hot {

/// An operation in a ring together with its frame. `op == nullptr`: nothing there. Valid while pinned.
struct OperationRef {
    OperationHeader* op = nullptr;
    FrameHeader* frame = nullptr;
    Ring* ring = nullptr;
    std::uint64_t position = 0;  ///< of the operation

    explicit operator bool() const noexcept { return op != nullptr; }
    [[nodiscard]] Address address() const noexcept { return ring->address_of(position); }
    [[nodiscard]] std::uint64_t frame_position() const noexcept {
        return position - std::uint64_t{op->back_units} * kUnitBytes;
    }
    [[nodiscard]] std::string_view key() const noexcept { return op->key(); }
    [[nodiscard]] std::string_view value() const noexcept { return op->value(); }
    [[nodiscard]] bool has_key(std::string_view key) const noexcept { return op->has_key(key); }
    [[nodiscard]] bool tombstone() const noexcept { return op->tombstone != 0; }
    [[nodiscard]] Stamp stamp() const noexcept {
        // acquire: pairs with the release of whoever stamped it; a committed frame's operations are all published.
        return {std::atomic_ref(frame->stamp).load(std::memory_order_acquire)};
    }
};

/// A jump link: how to skip over the middle of a long chain.
///
/// Every 16th operation of a chain is an anchor. The others lead to the last anchor below them, which costs nothing to
/// know: the operation below says it. Anchors form a skew-binary random-access list (E. W. Myers, "An applicative
/// random-access stack", 1983): `rank` is the size class of an anchor's own tree, `next_rank` that of the tree its jump
/// leads to. So a write reads an older operation's links only once in 16 times, and a read as of an old version takes
/// about 16 + log(n) steps. Links are only hints: a dead or missing target means "go by previous".
///
/// A put need not wait for the line of the operation below: it publishes its operation with an unknown jump, and one of
/// the thread's next puts completes it. Whoever must know it earlier does so instead; what is below never changes.
///
///   bit 63 anchor | bits 58..62 rank, or for others the distance to the anchor | 53..57 next rank | 43..52 shard |
///   bits 0..42 low bits of the target's position / 8
struct JumpLink {
    static constexpr unsigned kUnitBits = 43;
    static constexpr std::uint64_t kUnitMask = (std::uint64_t{1} << kUnitBits) - 1;
    static constexpr unsigned kDistanceMax = 15;
    static constexpr unsigned kRankMax = 31;

    std::uint64_t word = 0;

    [[nodiscard]] static JumpLink make(bool anchor, unsigned rank, unsigned next_rank, unsigned shard,
                                       std::uint64_t unit) noexcept {
        return {(std::uint64_t{anchor} << 63) | (std::uint64_t{rank} << 58) | (std::uint64_t{next_rank} << 53) |
                (std::uint64_t{shard} << kUnitBits) | (unit & kUnitMask)};
    }
    /// An anchor, or the bottom of a chain, which counts as one.
    [[nodiscard]] bool anchor() const noexcept { return word == 0 || word >> 63 != 0; }
    /// Not completed yet: no anchor, and at no distance from one.
    [[nodiscard]] static constexpr JumpLink unknown() noexcept { return {1}; }
    [[nodiscard]] bool is_unknown() const noexcept { return word == unknown().word; }
    [[nodiscard]] unsigned rank() const noexcept { return static_cast<unsigned>(word >> 58) & 31; }
    [[nodiscard]] unsigned distance() const noexcept { return rank(); }
    [[nodiscard]] unsigned next_rank() const noexcept { return static_cast<unsigned>(word >> 53) & 31; }
    [[nodiscard]] unsigned shard() const noexcept { return static_cast<unsigned>(word >> kUnitBits) & 1023; }
    [[nodiscard]] std::uint64_t unit() const noexcept { return word & kUnitMask; }
};

class RingSet {
public:
    explicit RingSet(std::vector<std::unique_ptr<Ring>> rings) noexcept : rings_(std::move(rings)) {}

    [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(rings_.size()); }
    [[nodiscard]] Ring& operator[](unsigned shard) const noexcept { return *rings_[shard]; }
    [[nodiscard]] auto begin() const noexcept { return rings_.begin(); }
    [[nodiscard]] auto end() const noexcept { return rings_.end(); }
    [[nodiscard]] std::uint64_t total_bytes() const noexcept {
        std::uint64_t bytes = 0;
        for (const auto& ring : rings_) bytes += ring->bytes();
        return bytes;
    }

    /// The operation behind an address, or nothing when it is below its ring's dead head.
    [[nodiscard]] OperationRef resolve(Address address) const noexcept {
        if (address == 0) return {};
        return follow(*rings_[shard_of(address)], unit_of(address), kUnitMask);
    }
    /// Whether the frame of an operation is known to be stamped, without a look at it; or there is none.
    [[nodiscard]] bool known_stamped(Address address) const noexcept {
        if (address == 0) return true;
        const Ring& ring = *rings_[shard_of(address)];
        const Ring::Live live = ring.live(unit_of(address), kUnitMask);
        return !live.alive || ring.known_stamped(live.position);
    }
    /// The next older operation of the chain.
    [[nodiscard]] OperationRef previous(const OperationHeader& op) const noexcept {
        // relaxed: written before the operation was published; reaching it acquired that.
        return resolve(std::atomic_ref(const_cast<Address&>(op.previous)).load(std::memory_order_relaxed));
    }
    [[nodiscard]] OperationRef previous(const OperationRef& ref) const noexcept { return previous(*ref.op); }
    void prefetch_previous(const OperationRef& ref) const noexcept {
        // relaxed: as in previous(); only a place to prefetch.
        const Address address = std::atomic_ref(ref.op->previous).load(std::memory_order_relaxed);
        platform::prefetch(rings_[shard_of(address)]->at(unit_of(address) * kUnitBytes));
    }
    [[nodiscard]] OperationRef jump_target(JumpLink link) const noexcept {
        if (link.word == 0 || link.is_unknown()) return {};
        return follow(*rings_[link.shard()], link.unit(), JumpLink::kUnitMask);
    }
    [[nodiscard]] static JumpLink jump_of(const OperationRef& ref) noexcept {
        // relaxed: as in previous().
        return {std::atomic_ref(ref.op->jump).load(std::memory_order_relaxed)};
    }

    /// The links of an operation that stands on `below` (which may be nothing).
    [[nodiscard]] Links links_above(const OperationRef& below) const noexcept {
        if (!below) return {};
        complete_jump(below);
        return {below.address(), jump_above(below).word};
    }
    /// Sets both links of an operation not published yet.
    static void link(OperationHeader& op, const Links& links) noexcept {
        // relaxed: the release CAS that publishes the operation publishes its links.
        std::atomic_ref(op.previous).store(links.previous, std::memory_order_relaxed);
        std::atomic_ref(op.jump).store(links.jump, std::memory_order_relaxed);  // relaxed: the same
    }
    void link(OperationHeader& op, const OperationRef& below) const noexcept { link(op, links_above(below)); }
    /// Replaces an unknown jump, if it is one. Pinned.
    void complete_jump(const OperationRef& ref) const noexcept {
        if (!jump_of(ref).is_unknown()) return;
        const OperationRef below = previous(ref);
        if (!below || !jump_of(below).is_unknown()) return set_jump(ref, below);
        complete_jumps_down_from(ref);
    }

    /// The operation behind the low bits of a link, or nothing when it is below the ring's dead head.
    [[nodiscard]] static OperationRef follow(Ring& ring, std::uint64_t unit, std::uint64_t unit_mask) noexcept {
        const Ring::Live live = ring.live(unit, unit_mask);
        if (!live.alive) [[unlikely]]
            return {};
        // The place needs the low bits only; who asks for nothing else does not wait for the full position.
        return make_ref(ring, ring.at(unit * kUnitBytes), live.position);
    }
    [[nodiscard]] static OperationRef operation_at(Ring& ring, std::uint64_t position) noexcept {
        return make_ref(ring, ring.at(position), position);
    }

private:
    [[nodiscard]] static OperationRef make_ref(Ring& ring, std::byte* place, std::uint64_t position) noexcept {
        auto* op = reinterpret_cast<OperationHeader*>(place);
        auto* frame = reinterpret_cast<FrameHeader*>(place - std::size_t{op->back_units} * kUnitBytes);
        return {op, frame, &ring, position};
    }

    void set_jump(const OperationRef& ref, const OperationRef& below) const noexcept {
        // relaxed: a hint; everybody who completes it stores one that leads down the same chain.
        std::atomic_ref(ref.op->jump).store(below ? jump_above(below).word : 0, std::memory_order_relaxed);
    }
    /// From the deepest unknown one upwards, as many at a time as `last` holds: each rests on the one below.
    void complete_jumps_down_from(const OperationRef& ref) const noexcept {
        std::array<OperationRef, 64> last;
        while (jump_of(ref).is_unknown()) {
            std::size_t seen = 0;
            OperationRef below = ref;
            for (; below && jump_of(below).is_unknown(); below = previous(below)) last[seen++ % last.size()] = below;
            for (std::size_t left = std::min(seen, last.size()); left > 0; --left) {
                const OperationRef& deepest = last[--seen % last.size()];
                set_jump(deepest, below);
                below = deepest;
            }
        }
    }

    [[nodiscard]] JumpLink jump_above(const OperationRef& below) const noexcept {
        const JumpLink link = jump_of(below);
        if (link.anchor()) {
            return JumpLink::make(false, 1, 0, below.ring->shard(), below.position / kUnitBytes);
        }
        if (link.distance() < JumpLink::kDistanceMax) {
            return JumpLink::make(false, link.distance() + 1, 0, link.shard(), link.unit());
        }
        return anchor_above(link);
    }

    /// The jump of a new anchor; `link` leads to the last one.
    [[nodiscard]] JumpLink anchor_above(JumpLink link) const noexcept {
        const OperationRef last = jump_target(link);
        if (!last) return {};
        const JumpLink own = jump_of(last);
        if (own.word != 0 && own.rank() == own.next_rank() && own.rank() < JumpLink::kRankMax) {
            // Two trees of one size below: the new anchor becomes the root of both.
            if (const OperationRef next = jump_target(own)) {
                const JumpLink far = jump_of(next);
                if (far.word != 0 && !far.is_unknown()) {  // or its completion has not reached us yet
                    return JumpLink::make(true, own.rank() + 1, far.next_rank(), far.shard(), far.unit());
                }
            }
        }
        return JumpLink::make(true, 0, own.word != 0 ? own.rank() : JumpLink::kRankMax, link.shard(), link.unit());
    }

    std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace zverse::hot
