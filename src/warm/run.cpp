// Invariants: see run.h.
#include <platform/prefetch.h>
#include <warm/run.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

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

RunEntry make_entry(const hot::OperationHeader& op, Version version, unsigned shard, std::uint64_t position) noexcept {
    RunEntry entry{};
    key_prefix(op.key(), entry.prefix);
    entry.version = version;
    const std::uint64_t key_size = std::min<unsigned>(op.key_bytes, RunEntry::kLongKey);
    const std::uint64_t value_size =
        op.tombstone != 0 ? RunEntry::kTombstone : std::min(op.value_bytes, std::uint32_t{RunEntry::kLongValue});
    entry.place = (key_size << RunEntry::kKeyShift) | (value_size << RunEntry::kValueShift) |
                  (std::uint64_t{shard} << RunEntry::kUnitBits) | ((position / hot::kUnitBytes) & RunEntry::kUnitMask);
    return entry;
}

std::strong_ordering compare_long_keys(const hot::RingSet& rings, const RunEntry& a, const RunEntry& b) noexcept {
    return resolve(rings, a).key().compare(resolve(rings, b).key()) <=> 0;
}

std::strong_ordering compare_to_probe(const hot::RingSet& rings, const RunEntry& entry, const Probe& probe) noexcept {
    if (entry.prefix[0] != probe.prefix[0]) return entry.prefix[0] <=> probe.prefix[0];
    if (entry.prefix[1] != probe.prefix[1]) return entry.prefix[1] <=> probe.prefix[1];
    if (entry.key_size() <= 16 || probe.key.size() <= 16) return entry.key_size() <=> probe.key.size();
    return resolve(rings, entry).key().compare(probe.key) <=> 0;
}

Run::Run(std::uint64_t id, std::vector<RunEntry> entries, std::vector<Span> spans)
    : id_(id), entries_(std::move(entries)), spans_(std::move(spans)) {
    for (const RunEntry& entry : entries_) newest_ = std::max(newest_, entry.version);
    samples_.reserve(entries_.size() / kSampled + 1);
    for (std::size_t i = 0; i < entries_.size(); i += kSampled) {
        samples_.push_back({{entries_[i].prefix[0], entries_[i].prefix[1]}});
    }
}

std::span<const RunEntry> Run::near(const Probe& probe) const noexcept {
    // Prefixes order as keys do, but equal prefixes say nothing: from behind the last smaller one to the first larger.
    const auto smaller = [&](const Sample& sample) {
        return sample.prefix[0] != probe.prefix[0] ? sample.prefix[0] < probe.prefix[0]
                                                   : sample.prefix[1] < probe.prefix[1];
    };
    const auto equal = [&](const Sample& sample) {
        return sample.prefix[0] == probe.prefix[0] && sample.prefix[1] == probe.prefix[1];
    };
    const auto lower = std::partition_point(samples_.begin(), samples_.end(), smaller);
    const auto upper = std::partition_point(lower, samples_.end(), equal);
    const auto first = static_cast<std::size_t>(lower - samples_.begin());
    const std::size_t begin = first == 0 ? 0 : (first - 1) * kSampled + 1;
    const std::size_t end = std::min(static_cast<std::size_t>(upper - samples_.begin()) * kSampled, entries_.size());
    const RunEntry* entry = entries_.data() + begin;
    for (std::size_t i = 0; i < std::min(end - begin, kSampled); i += 2) platform::prefetch(entry + i);
    return {entry, end - begin};
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
