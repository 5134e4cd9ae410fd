// Runs: small sorted lists of where records are in the rings, so that an ordered scan need not sort the hot tier.
//
// An entry is 32 bytes: the key's first 16 bytes, the version, the place, and how long key and value are. Keys up to 16
// bytes are ordered without touching the ring, and the usual record is read without its header, which is a cache line
// less of three. Zero-copy: key and value stay in their frame.
//
// Invariants
//   U1  Entries are sorted by (key, version descending); every entry's frame was stamped and committed when it was
//       taken up; aborted frames, fillers and time frames are left out.
//   U2  A run in a view holds only entries with version > the view's cut, so that none refers to space that may be
//       reused while a reader of that view is pinned.
//   U3  Spans cover exactly the frames the run was built from: each has the smallest and largest version of any
//       committed frame that begins in it.
#pragma once

#include <hot/ring_set.h>
#include <platform/prefetch.h>
#include <zverse/types.h>

#include <algorithm>
#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace zverse::warm {

struct RunEntry {
    static constexpr unsigned kUnitBits = 38;
    static constexpr std::uint64_t kUnitMask = (std::uint64_t{1} << kUnitBits) - 1;

    static constexpr unsigned kValueShift = 48, kKeyShift = 59;
    static constexpr unsigned kLongKey = 17;  // whatever does not fit the prefix
    static constexpr unsigned kLongValue = (1 << 11) - 2, kTombstone = (1 << 11) - 1;

    std::uint64_t prefix[2];  ///< the key's first 16 bytes as big-endian numbers, padded with zeros
    Version version;
    std::uint64_t place;  ///< key_size() 5 bits | value_size() 11 | shard 10 | low bits of the operation's unit

    /// Bytes of the key up to 16, or kLongKey.
    [[nodiscard]] unsigned key_size() const noexcept { return static_cast<unsigned>(place >> kKeyShift); }
    /// Bytes of the value, or kLongValue for as many or more, or kTombstone.
    [[nodiscard]] unsigned value_size() const noexcept {
        return static_cast<unsigned>(place >> kValueShift) & kTombstone;
    }
    [[nodiscard]] unsigned shard() const noexcept { return static_cast<unsigned>(place >> kUnitBits) & 1023; }
    [[nodiscard]] std::uint64_t unit() const noexcept { return place & kUnitMask; }
};
static_assert(sizeof(RunEntry) == 32);
static_assert(RunEntry::kLongKey < (1U << (64 - RunEntry::kKeyShift)));

/// The first 16 bytes of a key as two big-endian numbers.
void key_prefix(std::string_view key, std::uint64_t (&prefix)[2]) noexcept;
[[nodiscard]] RunEntry make_entry(const hot::OperationHeader& op, Version version, unsigned shard,
                                  std::uint64_t position) noexcept;
/// The operation behind an entry. Pinned, and the entry's version is above the cut.
[[nodiscard]] inline hot::OperationRef resolve(const hot::RingSet& rings, const RunEntry& entry) noexcept {
    return hot::RingSet::follow(rings[entry.shard()], entry.unit(), RunEntry::kUnitMask);
}

/// What an entry stands for, in its frame.
struct Record {
    std::string_view key;
    std::string_view value;
    bool tombstone;
};
/// As resolve(). Of usual records it reads nothing, of long ones the header.
[[nodiscard]] inline Record record_of(const hot::RingSet& rings, const RunEntry& entry) noexcept {
    const auto* const op =
        reinterpret_cast<const hot::OperationHeader*>(rings[entry.shard()].at(entry.unit() * hot::kUnitBytes));
    const unsigned key_size = entry.key_size(), value_size = entry.value_size();
    if (key_size == RunEntry::kLongKey || value_size == RunEntry::kLongValue) [[unlikely]]
        return {op->key(), op->value(), op->tombstone != 0};
    const char* const key = reinterpret_cast<const char*>(op + 1);
    const bool tombstone = value_size == RunEntry::kTombstone;
    return {{key, key_size}, {key + key_size, tombstone ? 0 : value_size}, tombstone};
}
/// Starts loading what record_of() and a reader of its value will read.
inline void prefetch_record(const hot::RingSet& rings, const RunEntry& entry) noexcept {
    const std::byte* const op = rings[entry.shard()].at(entry.unit() * hot::kUnitBytes);
    if (entry.key_size() == RunEntry::kLongKey || entry.value_size() >= RunEntry::kLongValue) [[unlikely]] {
        for (unsigned line = 0; line < 3; ++line) platform::prefetch(op + line * hot::kLineBytes);
        return;
    }
    // What is longer than that is left to the CPU, which sees that lines are read in order.
    constexpr unsigned kBytesMax = 512;
    const std::byte* const key = op + sizeof(hot::OperationHeader);
    const std::byte* const end = key + std::min(entry.key_size() + entry.value_size(), kBytesMax);
    for (const std::byte* line = key; line < end; line += hot::kLineBytes) platform::prefetch(line);
    platform::prefetch(end - 1);
}

[[nodiscard]] std::strong_ordering compare_long_keys(const hot::RingSet& rings, const RunEntry& a,
                                                     const RunEntry& b) noexcept;
/// Orders by key. Only keys longer than 16 bytes with equal prefixes are looked up in their frames.
[[nodiscard]] inline std::strong_ordering compare_keys(const hot::RingSet& rings, const RunEntry& a,
                                                       const RunEntry& b) noexcept {
    if (a.prefix[0] != b.prefix[0]) return a.prefix[0] <=> b.prefix[0];
    if (a.prefix[1] != b.prefix[1]) return a.prefix[1] <=> b.prefix[1];
    if (a.key_size() <= 16 || b.key_size() <= 16) return a.key_size() <=> b.key_size();
    return compare_long_keys(rings, a, b);
}
/// Orders by (key, version descending).
[[nodiscard]] inline bool entry_less(const hot::RingSet& rings, const RunEntry& a, const RunEntry& b) noexcept {
    const auto order = compare_keys(rings, a, b);
    return order != 0 ? order < 0 : a.version > b.version;
}

/// A key to look for.
struct Probe {
    std::string_view key;
    std::uint64_t prefix[2];

    explicit Probe(std::string_view wanted) noexcept : key(wanted), prefix{} { key_prefix(wanted, prefix); }
};
[[nodiscard]] std::strong_ordering compare_to_probe(const hot::RingSet& rings, const RunEntry& entry,
                                                    const Probe& probe) noexcept;

class Run {
public:
    struct Span {
        unsigned shard;
        std::uint64_t begin, end;
        Version oldest, newest;
    };

    Run(std::uint64_t id, std::vector<RunEntry> entries, std::vector<Span> spans);

    /// Names the run's content across trims, so that a merge finds its inputs again.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] const std::vector<RunEntry>& entries() const noexcept { return entries_; }
    [[nodiscard]] const std::vector<Span>& spans() const noexcept { return spans_; }
    [[nodiscard]] Version newest() const noexcept { return newest_; }
    /// The few entries among which the first one not before `probe` is, or behind which it is. Reads the samples only,
    /// and starts loading those entries: who searches many runs searches them all before looking at entries.
    [[nodiscard]] std::span<const RunEntry> near(const Probe& probe) const noexcept;
    [[nodiscard]] std::uint64_t bytes() const noexcept { return entries_.size() * sizeof(RunEntry); }
    /// The same without what a cut has taken; null when nothing is left.
    [[nodiscard]] std::shared_ptr<const Run> trimmed(Version cut) const;

private:
    /// The prefix of every kSampled-th entry, packed: a binary search over entries would miss the cache at every step.
    static constexpr std::size_t kSampled = 16;
    struct Sample {
        std::uint64_t prefix[2];
    };

    std::uint64_t id_;
    std::vector<RunEntry> entries_;
    std::vector<Sample> samples_;
    std::vector<Span> spans_;
    Version newest_ = 0;
};

}  // namespace zverse::warm
