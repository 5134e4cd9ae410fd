// What a ring looks like on its medium: the only file, with superblock.h, whose change breaks stores.
//
//   ring file   header copy A (4096 bytes) | header copy B (4096) | circular area of `ring_bytes`
//
// The circular area is addressed by position: a byte offset that only grows; `position % ring_bytes` is the place.
// It holds frames, each on its own whole 64-byte lines. docs/format.md says the same for people.
#pragma once

#include <hot/small_bytes.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace zverse::hot {

inline constexpr std::uint64_t kLineBytes = 64;
inline constexpr std::uint64_t kUnitBytes = 8;
inline constexpr std::uint64_t kHeaderCopyBytes = 4096;
inline constexpr std::uint64_t kHeaderAreaBytes = 2 * kHeaderCopyBytes;
inline constexpr std::uint64_t kRingMagic = 0x3130474e4952565a;  // "ZVRING01", little-endian
inline constexpr unsigned kShardsMax = 1024;

/// One of the two copies of a ring's header. The valid copy with the larger sequence counts.
///
///   offset  size  field
///        0     8  magic      "ZVRING01"; the last two characters are the format version
///        8    16  store      the store's uuid
///       24     8  sequence   grows with every write of a copy
///       32     4  shard      which ring this is
///       36     4  reserved   zero
///       40     8  bytes      size of the circular area
///       48     8  head       position of the oldest frame that may still be needed
///       56     8  settled    every frame in [head, settled) is complete and durable: a bad one is corruption
///       64     8  durable    class process: every version <= this is on the medium
///       72     8  checksum   XXH3-64 of bytes [0, 72)
struct RingHeader {
    std::uint64_t magic;
    std::uint64_t store[2];
    std::uint64_t sequence;
    std::uint32_t shard;
    std::uint32_t reserved;
    std::uint64_t bytes;
    std::uint64_t head;
    std::uint64_t settled;
    std::uint64_t durable;
    std::uint64_t checksum;
};
static_assert(sizeof(RingHeader) == 80);
static_assert(offsetof(RingHeader, checksum) == 72);
static_assert(std::has_unique_object_representations_v<RingHeader>, "no hidden padding");

enum class FrameKind : std::uint8_t {
    data = 1,    ///< a put, an erase, a batch
    filler = 2,  ///< space nobody uses: before the end of the area, or a hole left by a crash
    time = 3,    ///< one operation without key whose value is a wall-clock time; for version_at()
};

/// First bytes of every frame, on a line boundary.
///
///   offset  size  field
///        0     8  validity     mix(secret, own address); stored last, with release
///        8     4  lines        length of the frame in 64-byte lines
///       12     4  count_kind   operations in the low 24 bits, FrameKind in the high 8
///       16     8  checksum     XXH3-64, seeded with secret and address, of lines, count_kind and all operations
///                              but their links
///       24     8  stamp        hot/stamp.h; atomic
///       32     8  stamp_check  mix(secret, address, kind and number of the stamp); atomic
struct FrameHeader {
    std::uint64_t validity;
    std::uint32_t lines;
    std::uint32_t count_kind;
    std::uint64_t checksum;
    std::uint64_t stamp;
    std::uint64_t stamp_check;

    [[nodiscard]] std::uint32_t count() const noexcept { return count_kind & 0xff'ffff; }
    [[nodiscard]] FrameKind kind() const noexcept { return static_cast<FrameKind>(count_kind >> 24); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return lines * kLineBytes; }
};
static_assert(sizeof(FrameHeader) == 40);
static_assert(offsetof(FrameHeader, stamp) == 24);
static_assert(std::has_unique_object_representations_v<FrameHeader>, "no hidden padding");

/// One operation of a frame, on an 8-byte boundary, followed by its key and its value.
///
///   offset  size  field
///        0     8  previous     link to the next older operation of the same tag, or 0; atomic; rebuilt by recovery
///        8     8  jump         link further down the same chain; atomic; rebuilt by recovery
///       16     4  back_units   distance to the frame's start in 8-byte units
///       20     4  value_bytes
///       24     2  key_bytes
///       26     2  tombstone    1: the key is erased; else 0
///       28     4  reserved     zero
///       32        key, value, zeros up to the next 8-byte boundary
struct OperationHeader {
    std::uint64_t previous;
    std::uint64_t jump;
    std::uint32_t back_units;
    std::uint32_t value_bytes;
    std::uint16_t key_bytes;
    std::uint16_t tombstone;
    std::uint32_t reserved;

    [[nodiscard]] std::string_view key() const noexcept { return {reinterpret_cast<const char*>(this + 1), key_bytes}; }
    [[nodiscard]] std::string_view value() const noexcept {
        return {reinterpret_cast<const char*>(this + 1) + key_bytes, value_bytes};
    }
    /// value(), for who has compared the key: the address does not wait for this header's cache line, so the lines of
    /// the value load beside it.
    [[nodiscard]] std::string_view value_behind(std::string_view known_key) const noexcept {
        return {reinterpret_cast<const char*>(this + 1) + known_key.size(), value_bytes};
    }
    [[nodiscard]] bool has_key(std::string_view key) const noexcept {
        return key_bytes == key.size() && same_bytes(reinterpret_cast<const char*>(this + 1), key.data(), key.size());
    }
};
static_assert(sizeof(OperationHeader) == 32);
static_assert(offsetof(OperationHeader, back_units) == 16);
static_assert(std::has_unique_object_representations_v<OperationHeader>, "no hidden padding");

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t to) noexcept {
    return (bytes + to - 1) / to * to;
}
/// Bytes of an operation inside its frame.
[[nodiscard]] constexpr std::uint64_t operation_bytes(std::uint64_t key_bytes, std::uint64_t value_bytes) noexcept {
    return round_up(sizeof(OperationHeader) + key_bytes + value_bytes, kUnitBytes);
}
/// Bytes of a frame whose operations take `operations_bytes`.
[[nodiscard]] constexpr std::uint64_t frame_bytes(std::uint64_t operations_bytes) noexcept {
    return round_up(sizeof(FrameHeader) + operations_bytes, kLineBytes);
}

/// Where an operation or a frame lives: shard in the high 10 bits, position / 8 in the low 54. 0 is nothing (rings
/// begin at position `ring_bytes`). Also what `previous` holds.
using Address = std::uint64_t;
inline constexpr unsigned kUnitBits = 54;
inline constexpr std::uint64_t kUnitMask = (std::uint64_t{1} << kUnitBits) - 1;

[[nodiscard]] constexpr Address make_address(unsigned shard, std::uint64_t position) noexcept {
    return (std::uint64_t{shard} << kUnitBits) | ((position / kUnitBytes) & kUnitMask);
}
[[nodiscard]] constexpr unsigned shard_of(Address address) noexcept {
    return static_cast<unsigned>(address >> kUnitBits);
}
[[nodiscard]] constexpr std::uint64_t unit_of(Address address) noexcept { return address & kUnitMask; }

/// Both links of an operation, as its header holds them.
struct Links {
    Address previous = 0;
    std::uint64_t jump = 0;
};

/// The store's secret: what keeps user bytes from ever looking like a frame.
struct Secret {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
};

/// Folded 64 x 64 -> 128 bit multiplication (the mixing step of wyhash, public domain, Wang Yi).
[[nodiscard]] inline std::uint64_t fold_multiply(std::uint64_t x, std::uint64_t y) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(x) * y;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
/// Never 0, so that cleared lines hold no valid word.
[[nodiscard]] inline std::uint64_t validity_of(const Secret& secret, Address address) noexcept {
    const std::uint64_t word = fold_multiply(address ^ secret.a, secret.b | 1);
    return word + (word == 0 ? 1 : 0);
}
/// `kind_number` is the stamp without its flags.
[[nodiscard]] inline std::uint64_t stamp_check_of(const Secret& secret, std::uint64_t validity,
                                                  std::uint64_t kind_number) noexcept {
    const std::uint64_t word = fold_multiply(validity ^ secret.b, (kind_number ^ secret.a) * 0x9e3779b97f4a7c15 | 1);
    return word + (word == 0 ? 1 : 0);
}

}  // namespace zverse::hot
