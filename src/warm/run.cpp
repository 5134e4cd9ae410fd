// Invariants: see run.h.
#include <warm/run.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace zverse::warm {

void key_prefix(std::string_view key, std::uint64_t (&prefix)[2]) noexcept {
    unsigned char bytes[16] = {};
    std::memcpy(bytes, key.data(), std::min<std::size_t>(key.size(), sizeof bytes));
    std::memcpy(prefix, bytes, sizeof bytes);
    if constexpr (std::endian::native == std::endian::little) {
        prefix[0] = __builtin_bswap64(prefix[0]);
        prefix[1] = __builtin_bswap64(prefix[1]);
    }
}

RunEntry make_entry(std::string_view key, Version version, unsigned shard, std::uint64_t position) noexcept {
    RunEntry entry{};
    key_prefix(key, entry.prefix);
    entry.version = version;
    entry.place = (std::uint64_t{key.size()} << 48) | (std::uint64_t{shard} << RunEntry::kUnitBits) |
                  ((position / hot::kUnitBytes) & RunEntry::kUnitMask);
    return entry;
}

std::strong_ordering compare_long_keys(const hot::RingSet& rings, const RunEntry& a, const RunEntry& b) noexcept {
    return resolve(rings, a).key().compare(resolve(rings, b).key()) <=> 0;
}

std::strong_ordering compare_to_probe(const hot::RingSet& rings, const RunEntry& entry, const Probe& probe) noexcept {
    if (entry.prefix[0] != probe.prefix[0]) return entry.prefix[0] <=> probe.prefix[0];
    if (entry.prefix[1] != probe.prefix[1]) return entry.prefix[1] <=> probe.prefix[1];
    if (entry.key_bytes() <= 16 || probe.key.size() <= 16) return entry.key_bytes() <=> probe.key.size();
    return resolve(rings, entry).key().compare(probe.key) <=> 0;
}

std::shared_ptr<const Run> Run::trimmed(Version cut) const {
    std::vector<RunEntry> entries;
    entries.reserve(entries_.size());
    std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(entries),
                 [cut](const RunEntry& entry) { return entry.version > cut; });
    if (entries.empty()) return nullptr;
    std::vector<Span> spans;
    std::copy_if(spans_.begin(), spans_.end(), std::back_inserter(spans),
                 [cut](const Span& span) { return span.newest > cut; });
    return std::make_shared<const Run>(id_, std::move(entries), std::move(spans));
}

}  // namespace zverse::warm
