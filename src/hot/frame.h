// Frames: how operations become bytes in a ring, and how bytes are judged to be a frame.
//
// Order of a frame's life (visibility): fields and operations by plain stores -> validity word (release) -> publish in
// the index (release). Durability: body and header lines, then one drain; the checks in the header make any subset of
// lines that survived either the whole frame or none. No field is trusted on a medium before check_frame().
#pragma once

#include <hot/hash.h>
#include <hot/layout.h>
#include <hot/ring.h>
#include <hot/stamp.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace zverse::hot {

/// One operation on its way into a frame; keys and values are the caller's.
struct Operation {
    std::string_view key;
    std::string_view value;
    std::uint64_t hash = 0;  ///< of the key; see hot/hash.h
    bool tombstone = false;
};

/// Frames above this size, and all batches, have their body persisted before they are published, so that afterwards
/// only the header line is dirty.
inline constexpr std::uint64_t kBodyFirstBytes = 1024;

/// Whether the lines behind the header line are persisted before publication.
[[nodiscard]] inline bool body_first(const FrameHeader& frame) noexcept {
    return frame.count() > 1 || frame.bytes() > kBodyFirstBytes;
}

/// Bytes of the frame that holds `operations`.
[[nodiscard]] std::uint64_t frame_bytes_of(std::span<const Operation> operations) noexcept;

/// Fills reserved space with a data or time frame and makes it valid. `ready`: a single put, which anyone may stamp
/// once it is published. With `persist_body`, a body_first() frame's body is on its way to the medium and drained on
/// return. `links` (may be empty): what each operation's links are to begin with.
void fill_frame(Ring& ring, std::uint64_t position, std::uint64_t bytes, FrameKind kind,
                std::span<const Operation> operations, const Secret& secret, bool ready, bool persist_body,
                std::span<const Links> links) noexcept;

/// Fills [position, position + bytes) with a filler: born stamped.
void fill_filler(Ring& ring, std::uint64_t position, std::uint64_t bytes, const Secret& secret) noexcept;

/// Stores the stamp's check: idempotent, by whoever persists.
void store_stamp_check(FrameHeader& frame, const Secret& secret, Stamp stamp) noexcept;

/// The checksum of the frame's constants and operations. The frame's lengths must be in bounds (check_frame()).
[[nodiscard]] std::uint64_t frame_checksum(const FrameHeader& frame, const Secret& secret) noexcept;

/// What a medium holds at a line whose validity word matches.
struct FrameCheck {
    bool acceptable = false;     ///< complete: bounds, checksum and stamp check agree
    std::uint64_t bytes = 0;     ///< its length, when acceptable
    Stamp stamp;
    const char* problem = nullptr;  ///< what does not agree, for messages
};
/// Judges a frame on a medium; `limit` is the first position it must not reach. Reads nothing beyond it.
[[nodiscard]] FrameCheck check_frame(const Ring& ring, std::uint64_t position, std::uint64_t limit,
                                     const Secret& secret) noexcept;

/// Calls visit(OperationHeader&, position) for each operation of a valid frame.
template <class Visit>
void for_each_operation(const Ring& ring, std::uint64_t frame_position, Visit&& visit) {
    const FrameHeader& frame = *ring.frame_at(frame_position);
    std::uint64_t position = frame_position + sizeof(FrameHeader);
    for (std::uint32_t i = 0; i < frame.count(); ++i) {
        auto& op = *reinterpret_cast<OperationHeader*>(ring.at(position));
        visit(op, position);
        position += operation_bytes(op.key_bytes, op.value_bytes);
    }
}

}  // namespace zverse::hot
