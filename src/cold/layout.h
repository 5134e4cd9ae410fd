// What a segment looks like on its medium; a change here is a change of format. docs/format.md says the same for
// people.
//
//   segment file   header (4096 bytes) | blocks and outside values | sections | the header again (4096)
//
// Everything lies on a unit of unit_bytes (256, more in a segment that holds one huge value). Everything has a checksum
// that is seeded with the store, the segment and the offset, so that a misdirected or stale piece is found.
//
//   block      BlockHeader, records, restart points; up to 16 KiB and a record; history blocks may be compressed
//   outside value   a value above 4 KiB, in one piece; its record holds offset and checksum
//   sections   index (pages of buckets), zones, columns, keys (the heap of keys that header and zones name), and the
//              dictionary of compressed blocks
//
// Nouns
//   record        one (key, version): a value or a tombstone, and when it was superseded
//   superseded    the version that replaced the record, or later: an upper bound, for pruning and retention; kOpen
//   stretch       neighbouring records of one key, their versions descending; may go on in the next block
//   posting       where a stretch begins: unit of the block << 12 | offset in the block / 4
//   slab          versions (after, upto] that a component stands for
#pragma once

#include <zverse/types.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace zverse::cold {

static_assert(std::endian::native == std::endian::little, "structs are read and written as they are");

inline constexpr std::uint64_t kSegmentMagic = 0x3130474553565a5a;  // "ZZVSEG01", little-endian
inline constexpr std::uint64_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint64_t kUnitBytes = 256;
inline constexpr unsigned kPostingOffsetBits = 12;
inline constexpr std::uint64_t kBlockUnitsMax = std::uint64_t{1} << (32 - kPostingOffsetBits);
inline constexpr std::uint64_t kRecordAlignment = 4;
/// Records of a block begin below it, so that a posting reaches them.
inline constexpr std::uint64_t kRecordsBeginMax = kRecordAlignment << kPostingOffsetBits;
/// No block has more, compressed or not: 16 KiB and the largest record.
inline constexpr std::uint64_t kBlockBytesMax = std::uint64_t{128} << 10;
inline constexpr std::uint64_t kOutsideValueBytes = 4096;  ///< larger values lie outside of their block
inline constexpr unsigned kRestartInterval = 16;
inline constexpr Version kOpen = ~Version{0};
inline constexpr std::size_t kReplacedMax = 64;
/// Far more than merges make: each takes a level of its own.
inline constexpr std::uint32_t kLevelMax = 1U << 16;
inline constexpr std::uint32_t kNoKey = 0xffff'ffff;
inline constexpr std::size_t kCurveBytes = 48;
inline constexpr std::size_t kDictionaryBytesMax = std::size_t{64} << 10;

/// What a reader must know of, a bit each.
namespace features {
inline constexpr std::uint64_t kZstd = 1;  ///< history blocks may be compressed by zstd, with the dictionary if any
}  // namespace features

enum class SegmentKind : std::uint32_t {
    live = 1,  ///< records that nothing in the slab supersedes, in key order
    history = 2,  ///< superseded records, in the order of a curve
};

/// A part of the file outside the blocks.
struct Section {
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint64_t checksum;  ///< of all of it; 0 for the index, whose pages have their own
};

/// The first and the last 4096 bytes of a segment.
///
///   offset  size  field
///        0     8  magic            "ZZVSEG01"; the last two characters are the format version
///        8     8  features         bits this build must know: features::
///       16    16  store            the store's uuid
///       32     8  segment          id, and name of the file
///       40     8  component        id; the parts of a component cover consecutive key ranges
///       48     4  part             0 ..
///       52     4  last_part        1 in the last part
///       56     4  kind             SegmentKind
///       60     4  level            0: a flush, or histories of some
///       64     8  slab_after       the slab: versions (slab_after, slab_upto]
///       72     8  slab_upto
///       80     8  version_min      of the records
///       88     8  version_max
///       96     8  superseded_max   kOpen when a record is open
///      104     8  records
///      112     8  tombstones
///      120     8  postings
///      128     8  blocks
///      136     8  key_bytes        of all records, before compression of prefixes
///      144     8  value_bytes
///      152     8  created          nanoseconds since 1970
///      160     8  file_bytes
///      168     8  unit_bytes
///      176     4  range_begin      in the keys: where the part's key range begins (it is not the first key)
///      180     4  range_end        in the keys: where it ends, or kNoKey
///      184     4  replaced_count   entries used in replaced
///      188     4  curve_bits       letters used in curve
///      192    48  curve            pattern, highest bit first
///      240   512  replaced         components whose records in this key range are in this component now
///      752    24  index            Section
///      776    24  zones
///      800    24  columns
///      824    24  keys
///      848    24  dictionary       of compressed blocks; 0 bytes: they have none
///      872  3216  reserved         zero
///     4088     8  checksum         XXH3-64 of bytes [0, 4088)
struct SegmentHeader {
    std::uint64_t magic;
    std::uint64_t features;
    std::uint64_t store[2];
    std::uint64_t segment;
    std::uint64_t component;
    std::uint32_t part;
    std::uint32_t last_part;
    SegmentKind kind;
    std::uint32_t level;
    Version slab_after;
    Version slab_upto;
    Version version_min;
    Version version_max;
    Version superseded_max;
    std::uint64_t records;
    std::uint64_t tombstones;
    std::uint64_t postings;
    std::uint64_t blocks;
    std::uint64_t key_bytes;
    std::uint64_t value_bytes;
    std::int64_t created;
    std::uint64_t file_bytes;
    std::uint64_t unit_bytes;
    std::uint32_t range_begin;
    std::uint32_t range_end;
    std::uint32_t replaced_count;
    std::uint32_t curve_bits;
    std::array<char, kCurveBytes> curve;
    std::array<std::uint64_t, kReplacedMax> replaced;
    Section index;
    Section zones;
    Section columns;
    Section keys;
    Section dictionary;
    std::array<std::byte, 3216> reserved;
    std::uint64_t checksum;
};
static_assert(sizeof(SegmentHeader) == kSegmentHeaderBytes);
static_assert(offsetof(SegmentHeader, slab_after) == 64);
static_assert(offsetof(SegmentHeader, range_begin) == 176);
static_assert(offsetof(SegmentHeader, replaced) == 240);
static_assert(offsetof(SegmentHeader, index) == 752);
static_assert(offsetof(SegmentHeader, dictionary) == 848);
static_assert(offsetof(SegmentHeader, checksum) == 4088);
static_assert(std::has_unique_object_representations_v<SegmentHeader>, "no hidden padding");

/// In front of a block's records; on a unit.
///
///   offset  size  field
///        0     8  checksum    of the bytes behind it, up to `bytes`
///        8     4  bytes       of the block as it is stored, this header included
///       12     4  records
///       16     4  restarts    restart points: 16-bit offsets / 4 from the block's begin, at its end
///       20     4  raw_bytes   0: stored as it is; else what `bytes` were before all behind this header was compressed
///
/// A record, on a multiple of 4 bytes; numbers are LEB128:
///
///   flags (1 byte) | key bytes not shared | [bytes shared, distance to the restart record / 4] | [value bytes]
///   | version - slab_after | [superseded - version] | key bytes | value, or {offset (8 bytes), checksum (8)}
///
/// Every 16th record is a restart record and has its whole key; others may share its first bytes.
struct BlockHeader {
    std::uint64_t checksum;
    std::uint32_t bytes;
    std::uint32_t records;
    std::uint32_t restarts;
    std::uint32_t raw_bytes;
};
static_assert(sizeof(BlockHeader) == 24);
static_assert(offsetof(BlockHeader, raw_bytes) == 20);
static_assert(std::has_unique_object_representations_v<BlockHeader>, "no hidden padding");

namespace record_flags {
inline constexpr std::uint8_t kTombstone = 1;  ///< no value, no value bytes
inline constexpr std::uint8_t kOpen = 2;  ///< no superseded
inline constexpr std::uint8_t kOutside = 4;  ///< the value lies outside
inline constexpr std::uint8_t kShared = 8;  ///< bytes shared and distance are there
inline constexpr std::uint8_t kAll = 15;
}  // namespace record_flags

/// A cache line of the key index: postings by 16 bits of the key's hash. What does not fit into its home bucket lies in
/// the next ones, in the order it was added.
struct IndexBucket {
    static constexpr unsigned kEntries = 10;
    static constexpr std::uint32_t kCountMask = 15;
    static constexpr std::uint32_t kOverflow = 16;  ///< an entry of this or an earlier home lies further on

    std::uint16_t tags[kEntries];
    std::uint32_t postings[kEntries];
    std::uint32_t meta;  ///< count | kOverflow
};
static_assert(sizeof(IndexBucket) == 64);

/// 16 KiB of the index, checked when first touched: a line with the checksum, then buckets.
struct IndexPage {
    static constexpr std::size_t kBuckets = 255;

    std::uint64_t checksum;  ///< of the bytes behind it
    std::uint64_t reserved[7];
    IndexBucket buckets[kBuckets];
};
static_assert(sizeof(IndexPage) == 16384);
static_assert(std::has_unique_object_representations_v<IndexPage>, "no hidden padding");

/// What is in one block, or in up to 32 zones of the level below: the zones of all blocks in file order, then those of
/// the next level, and so on up to a single one.
///
///   offset  size  field
///        0     8  first_prefix    the first 8 bytes of the smallest key, big-endian, padded with zeros
///        8     8  last_prefix     of the largest key
///       16     8  version_min
///       24     8  version_max
///       32     8  superseded_max
///       40     4  first_key       in the keys section
///       44     4  last_key
///       48     4  child           of a block: its unit; else the index of the first child in the level below
///       52     4  count           of a block: its records; else its children
///       56     4  bytes           of a block: its size; else 0
///       60     4  reserved        zero
struct Zone {
    static constexpr std::size_t kFanOut = 32;

    std::uint64_t first_prefix;
    std::uint64_t last_prefix;
    Version version_min;
    Version version_max;
    Version superseded_max;
    std::uint32_t first_key;
    std::uint32_t last_key;
    std::uint32_t child;
    std::uint32_t count;
    std::uint32_t bytes;
    std::uint32_t reserved;
};
static_assert(sizeof(Zone) == 64);
static_assert(std::has_unique_object_representations_v<Zone>, "no hidden padding");

}  // namespace zverse::cold
