// Order: see frame.h.
#include <hot/frame.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>

namespace zverse::hot {

namespace {

std::uint64_t checksum_seed(const Secret& secret, std::uint64_t validity, std::uint32_t lines,
                            std::uint32_t count_kind) noexcept {
    return fold_multiply(validity ^ secret.b, ((std::uint64_t{lines} << 32) | count_kind) ^ secret.a);
}

/// Folds one operation into the running checksum; each step seeds the next.
std::uint64_t checksum_operation(std::uint64_t seed, const OperationHeader& op, const void* key,
                                 const void* value) noexcept {
    const std::uint64_t sizes = (std::uint64_t{op.back_units} << 32) | op.value_bytes;
    const std::uint64_t rest = (std::uint64_t{op.key_bytes} << 48) | (std::uint64_t{op.tombstone} << 32) | op.reserved;
    seed = fold_multiply(seed ^ sizes, rest ^ 0xa0761d6478bd642f);
    seed = XXH3_64bits_withSeed(key, op.key_bytes, seed);
    return XXH3_64bits_withSeed(value, op.value_bytes, seed);
}

OperationHeader make_operation(const Operation& operation, std::uint64_t offset, const Links& links) noexcept {
    OperationHeader op{};
    op.previous = links.previous;
    op.jump = links.jump;
    op.back_units = static_cast<std::uint32_t>(offset / kUnitBytes);
    op.value_bytes = static_cast<std::uint32_t>(operation.value.size());
    op.key_bytes = static_cast<std::uint16_t>(operation.key.size());
    op.tombstone = operation.tombstone ? 1 : 0;
    return op;
}

FrameHeader make_frame(FrameKind kind, std::uint32_t count, std::uint64_t bytes, Stamp stamp) noexcept {
    FrameHeader frame{};
    frame.lines = static_cast<std::uint32_t>(bytes / kLineBytes);
    frame.count_kind = count | (static_cast<std::uint32_t>(kind) << 24);
    frame.stamp = stamp.word;
    return frame;
}

void make_valid(FrameHeader& frame, std::uint64_t validity) noexcept {
    // release: pairs with the acquire in Ring::valid_at(); all fields and operations are stored before.
    std::atomic_ref(frame.validity).store(validity, std::memory_order_release);
}

/// Copies bytes into consecutive lines, all but the first past the cache. Pieces that are no lines are put together
/// many lines at a time: to load a line that was stored in pieces a moment ago, the CPU waits for the stores.
class LineStream {
public:
    LineStream(const platform::PersistDomain& domain, std::byte* target, bool flushed) noexcept
        : domain_(domain), target_(target), flushed_(flushed) {}

    void append(const void* data, std::size_t bytes) noexcept {
        const auto* source = static_cast<const std::byte*>(data);
        while (bytes > 0) {
            const std::size_t in_line = used_ % kLineBytes;
            if (in_line == 0 && bytes >= kStageBytes) {
                emit();
                const std::size_t whole = bytes / kLineBytes * kLineBytes;
                copy(source, whole);
                source += whole;
                bytes -= whole;
                continue;
            }
            const std::size_t room = bytes >= kStageBytes ? kLineBytes - in_line : kStageBytes - used_;
            const std::size_t part = std::min(bytes, room);
            std::memcpy(stage_.data() + used_, source, part);
            used_ += part;
            source += part;
            bytes -= part;
            if (used_ == kStageBytes) emit();
        }
    }
    void pad(std::size_t bytes) noexcept {
        static constexpr std::array<std::byte, kLineBytes> kZeros{};
        append(kZeros.data(), bytes);
    }
    void finish() noexcept {
        if (const std::size_t in_line = used_ % kLineBytes; in_line > 0) pad(kLineBytes - in_line);
        emit();
    }

private:
    static constexpr std::size_t kStageBytes = 32 * kLineBytes;

    void emit() noexcept { copy(stage_.data(), std::exchange(used_, 0)); }
    void copy(const std::byte* source, std::size_t bytes) noexcept {
        if (bytes == 0) return;
        const std::size_t cached = !flushed_ ? bytes : first_ ? kLineBytes : 0;
        std::memcpy(target_, source, cached);
        if (cached < bytes) domain_.copy_flushed(target_ + cached, source + cached, bytes - cached);
        target_ += bytes;
        first_ = false;
    }

    const platform::PersistDomain& domain_;
    std::byte* target_;
    const bool flushed_;
    bool first_ = true;
    std::size_t used_ = 0;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what was appended is read, and nothing else
    alignas(kLineBytes) std::array<std::byte, kStageBytes> stage_;
};

/// The short way: one small operation, written in place.
std::uint64_t fill_in_place(Ring& ring, std::uint64_t position, std::uint64_t bytes, const Operation& operation,
                            const Links& links, std::uint64_t seed) noexcept {
    const OperationHeader op = make_operation(operation, sizeof(FrameHeader), links);
    std::byte* place = ring.at(position) + sizeof(FrameHeader);
    std::memcpy(place, &op, sizeof op);
    place += sizeof op;
    // A time frame has no key, and memcpy() takes no null pointer, not even for nothing.
    if (!operation.key.empty()) std::memcpy(place, operation.key.data(), operation.key.size());
    place += operation.key.size();
    if (!operation.value.empty()) std::memcpy(place, operation.value.data(), operation.value.size());
    place += operation.value.size();
    std::byte* end = ring.at(position) + bytes;
    std::memset(place, 0, static_cast<std::size_t>(end - place));
    return checksum_operation(seed, op, operation.key.data(), operation.value.data());
}

std::uint64_t fill_streamed(Ring& ring, std::uint64_t position, std::span<const Operation> operations,
                            const FrameHeader& frame, std::uint64_t seed, bool flushed,
                            std::span<const Links> links) noexcept {
    LineStream stream(ring.domain(), ring.at(position), flushed);
    stream.append(&frame, sizeof frame);
    std::uint64_t offset = sizeof(FrameHeader);
    for (std::size_t i = 0; i < operations.size(); ++i) {
        const Operation& operation = operations[i];
        const OperationHeader op = make_operation(operation, offset, links.empty() ? Links{} : links[i]);
        stream.append(&op, sizeof op);
        stream.append(operation.key.data(), operation.key.size());
        stream.append(operation.value.data(), operation.value.size());
        const std::uint64_t length = operation_bytes(operation.key.size(), operation.value.size());
        stream.pad(length - sizeof op - operation.key.size() - operation.value.size());
        seed = checksum_operation(seed, op, operation.key.data(), operation.value.data());
        offset += length;
    }
    stream.finish();
    return seed;
}

}  // namespace

std::uint64_t frame_bytes_of(std::span<const Operation> operations) noexcept {
    std::uint64_t bytes = 0;
    for (const Operation& operation : operations) {
        bytes += operation_bytes(operation.key.size(), operation.value.size());
    }
    return frame_bytes(bytes);
}

void fill_frame(Ring& ring, std::uint64_t position, std::uint64_t bytes, FrameKind kind,
                std::span<const Operation> operations, const Secret& secret, bool ready, bool persist_body,
                std::span<const Links> links) noexcept {
    const std::uint64_t validity = ring.validity_at(position);
    FrameHeader header =
        make_frame(kind, static_cast<std::uint32_t>(operations.size()), bytes, Stamp::pending(0, ready));
    const std::uint64_t seed = checksum_seed(secret, validity, header.lines, header.count_kind);
    FrameHeader& frame = *ring.frame_at(position);
    if (!body_first(header)) {
        header.checksum = fill_in_place(ring, position, bytes, operations[0], links.empty() ? Links{} : links[0], seed);
        std::memcpy(&frame, &header, sizeof header);
    } else {
        frame.checksum = fill_streamed(ring, position, operations, header, seed, persist_body, links);
        if (persist_body) ring.domain().drain();
    }
    make_valid(frame, validity);
}

void fill_filler(Ring& ring, std::uint64_t position, std::uint64_t bytes, const Secret& secret) noexcept {
    const std::uint64_t validity = ring.validity_at(position);
    FrameHeader header = make_frame(FrameKind::filler, 0, bytes, Stamp::stamped(StampKind::filler, 0, false));
    header.checksum = checksum_seed(secret, validity, header.lines, header.count_kind);
    header.stamp_check = stamp_check_of(secret, validity, Stamp{header.stamp}.kind_number());
    FrameHeader& frame = *ring.frame_at(position);
    std::memcpy(&frame, &header, sizeof header);
    make_valid(frame, validity);
}

void store_stamp_check(FrameHeader& frame, const Secret& secret, Stamp stamp) noexcept {
    // relaxed: everybody stores the same value; who clears `dirty` afterwards releases it.
    std::atomic_ref(frame.stamp_check)
        .store(stamp_check_of(secret, frame.validity, stamp.kind_number()), std::memory_order_relaxed);
}

std::uint64_t frame_checksum(const FrameHeader& frame, const Secret& secret) noexcept {
    std::uint64_t seed = checksum_seed(secret, frame.validity, frame.lines, frame.count_kind);
    const auto* place = reinterpret_cast<const std::byte*>(&frame) + sizeof(FrameHeader);
    for (std::uint32_t i = 0; i < frame.count(); ++i) {
        const auto& op = *reinterpret_cast<const OperationHeader*>(place);
        const std::byte* key = place + sizeof op;
        seed = checksum_operation(seed, op, key, key + op.key_bytes);
        place += operation_bytes(op.key_bytes, op.value_bytes);
    }
    return seed;
}

namespace {

/// Every operation lies inside the frame and points back to it; otherwise what is wrong.
const char* check_operations(const FrameHeader& frame) noexcept {
    std::uint64_t offset = sizeof(FrameHeader);
    const auto* start = reinterpret_cast<const std::byte*>(&frame);
    for (std::uint32_t i = 0; i < frame.count(); ++i) {
        if (offset + sizeof(OperationHeader) > frame.bytes()) return "operation beyond the end of its frame";
        // Not all of it: readers of a live ring may be changing its links.
        const auto& op = *reinterpret_cast<const OperationHeader*>(start + offset);
        const std::uint64_t length = operation_bytes(op.key_bytes, op.value_bytes);
        if (length > frame.bytes() - offset) return "key or value beyond the end of its frame";
        if (op.back_units != offset / kUnitBytes) return "operation that names another frame";
        if (op.tombstone > 1 || op.reserved != 0) return "operation with unknown flags";
        offset += length;
    }
    return nullptr;
}

}  // namespace

FrameCheck check_frame(const Ring& ring, std::uint64_t position, std::uint64_t limit, const Secret& secret) noexcept {
    FrameHeader& frame = *ring.frame_at(position);
    FrameCheck check;
    // relaxed, both: in a live ring somebody may clear `dirty` or store the same check again, no more.
    check.stamp = {std::atomic_ref(frame.stamp).load(std::memory_order_relaxed)};
    const std::uint64_t stamp_check = std::atomic_ref(frame.stamp_check).load(std::memory_order_relaxed);
    check.bytes = frame.bytes();
    const std::uint64_t until_wrap = ring.bytes() - (position & (ring.bytes() - 1));
    if (frame.lines == 0 || check.bytes > limit - position || check.bytes > until_wrap) {
        check.problem = "frame length out of bounds";
    } else if (frame.kind() == FrameKind::filler) {
        if (frame.count() != 0 || check.stamp.kind() != StampKind::filler || check.stamp.number() != 0) {
            check.problem = "filler with operations or a version";
        }
    } else if (frame.kind() != FrameKind::data && frame.kind() != FrameKind::time) {
        check.problem = "unknown kind of frame";
    } else if (check.stamp.kind() != StampKind::committed && check.stamp.kind() != StampKind::aborted) {
        check.problem = "frame without a version";
    } else {
        check.problem = check_operations(frame);
    }
    if (check.problem == nullptr && stamp_check != stamp_check_of(secret, frame.validity, check.stamp.kind_number())) {
        check.problem = "stamp check mismatch";
    }
    if (check.problem == nullptr && frame.checksum != frame_checksum(frame, secret)) {
        check.problem = "frame checksum mismatch";
    }
    check.acceptable = check.problem == nullptr;
    return check;
}

}  // namespace zverse::hot
