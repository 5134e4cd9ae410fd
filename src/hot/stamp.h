// The stamp: the one word that decides whether a frame is there, for whom, and whether it lasts.
//
//   bits 62..63  kind     pending, committed, aborted, filler
//   bit  61      ready    pending: everything below is settled, anyone may stamp it
//   bits 59..60  raises   pending: how often readers raised the floor, saturating at 3
//   bit  58      dirty    stamped: its check is not stored or its lines are not durable yet
//   bits  0..57  number   pending: the floor; stamped: the version; filler: 0
//
// Invariants (each broken once by a simpler draft; see tests/model/)
//   T1  pending(f): no version <= f can be installed any more. A floor only rises, a stamped word only loses `dirty`.
//   T2  A version is installed by a CAS from the exact pending word that was read before ++clock; so a reader that
//       raised in between wins, and the version is taken anew.
//   T3  A frame is stamped only after every frame below it in each of its chains: chain order is version order.
//   T4  Aborted frames take a version too, so that heads can pass them.
#pragma once

#include <cstdint>

namespace zverse::hot {

enum class StampKind : std::uint8_t { pending = 0, committed = 1, aborted = 2, filler = 3 };

struct Stamp {
    static constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << 58) - 1;
    static constexpr std::uint64_t kDirty = std::uint64_t{1} << 58;
    static constexpr unsigned kRaisesShift = 59;
    static constexpr std::uint64_t kRaisesMax = 3;
    static constexpr std::uint64_t kReady = std::uint64_t{1} << 61;
    static constexpr unsigned kKindShift = 62;

    std::uint64_t word = 0;

    [[nodiscard]] static constexpr Stamp pending(std::uint64_t floor, bool ready) noexcept {
        return {floor | (ready ? kReady : 0)};
    }
    [[nodiscard]] static constexpr Stamp stamped(StampKind kind, std::uint64_t number, bool dirty) noexcept {
        return {(std::uint64_t(kind) << kKindShift) | (dirty ? kDirty : 0) | number};
    }

    [[nodiscard]] constexpr StampKind kind() const noexcept { return static_cast<StampKind>(word >> kKindShift); }
    [[nodiscard]] constexpr bool is_pending() const noexcept { return kind() == StampKind::pending; }
    [[nodiscard]] constexpr bool is_committed() const noexcept { return kind() == StampKind::committed; }
    [[nodiscard]] constexpr std::uint64_t number() const noexcept { return word & kNumberMask; }
    [[nodiscard]] constexpr bool ready() const noexcept { return (word & kReady) != 0; }
    [[nodiscard]] constexpr bool dirty() const noexcept { return (word & kDirty) != 0; }
    [[nodiscard]] constexpr std::uint64_t raises() const noexcept { return (word >> kRaisesShift) & kRaisesMax; }
    /// What the stamp check covers: kind and number.
    [[nodiscard]] constexpr std::uint64_t kind_number() const noexcept {
        return word & ((std::uint64_t{3} << kKindShift) | kNumberMask);
    }

    /// Committed, clean and `after` < number <= `upto`, which nearly every read meets: pending words are smaller; those
    /// of dirty and aborted frames and of fillers are larger.
    [[nodiscard]] constexpr bool settled_within(std::uint64_t after, std::uint64_t upto) const noexcept {
        return word > stamped(StampKind::committed, after, false).word &&
               word <= stamped(StampKind::committed, upto, false).word;
    }

    /// pending only: the same with the floor at `floor` and one more raise.
    [[nodiscard]] constexpr Stamp raised(std::uint64_t floor) const noexcept {
        const std::uint64_t count = raises() < kRaisesMax ? raises() + 1 : kRaisesMax;
        return {(word & kReady) | (count << kRaisesShift) | floor};
    }
    [[nodiscard]] constexpr Stamp made_ready() const noexcept { return {word | kReady}; }
    [[nodiscard]] constexpr Stamp clean() const noexcept { return {word & ~kDirty}; }
};

}  // namespace zverse::hot
