#include <cold/block.h>

#include <algorithm>
#include <cassert>

namespace zverse::cold {

namespace {

/// Sharing fewer bytes than this costs more than it saves: two numbers, and readers need another cache line.
constexpr std::size_t kSharedMin = 6;

std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
    const std::size_t most = std::min(a.size(), b.size());
    return static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first - a.begin());
}

std::string_view text(const std::byte* bytes, std::uint64_t count) noexcept {
    return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace

BlockBuilder::BlockBuilder(Version after, std::size_t target_bytes)
    : after_(after), target_bytes_(std::min<std::size_t>(target_bytes, kRecordsBeginMax)) {
    clear();
}

void BlockBuilder::clear() {
    bytes_.assign(sizeof(BlockHeader), std::byte{0});
    restarts_.clear();
    records_ = 0;
}

std::uint32_t BlockBuilder::add(const Record& record, const OutsideValue* outside) {
    assert(!full() && record.version > after_ && record.superseded > record.version);
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    std::size_t shared = 0;
    if (records_ % kRestartInterval == 0) {
        restarts_.push_back(static_cast<std::uint16_t>(offset / kRecordAlignment));
        restart_key_ = record.key;
        restart_at_ = offset;
    } else {
        shared = common_prefix(restart_key_, record.key);
        if (shared < kSharedMin) shared = 0;
    }
    std::uint8_t flags = 0;
    if (record.tombstone) flags |= record_flags::kTombstone;
    if (record.superseded == kOpen) flags |= record_flags::kOpen;
    if (outside != nullptr) flags |= record_flags::kOutside;
    if (shared > 0) flags |= record_flags::kShared;

    const std::string_view value = outside != nullptr ? std::string_view{} : record.value;
    bytes_.resize(offset + 1 + 6 * kNumberBytesMax);
    std::byte* to = bytes_.data() + offset;
    *to++ = std::byte{flags};
    to = write_number(to, record.key.size() - shared);
    if (shared > 0) to = write_number(write_number(to, shared), (offset - restart_at_) / kRecordAlignment);
    if (!record.tombstone) to = write_number(to, record.value.size());
    to = write_number(to, record.version - after_);
    if (record.superseded != kOpen) to = write_number(to, record.superseded - record.version);
    bytes_.resize(static_cast<std::size_t>(to - bytes_.data()));
    const auto append = [this](const void* from, std::size_t count) {
        const auto* first = static_cast<const std::byte*>(from);
        bytes_.insert(bytes_.end(), first, first + count);
    };
    append(record.key.data() + shared, record.key.size() - shared);
    append(value.data(), value.size());
    if (outside != nullptr) append(outside, sizeof(*outside));
    bytes_.resize((bytes_.size() + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment);
    ++records_;
    return offset;
}

std::span<std::byte> BlockBuilder::finish() {
    const auto* restarts = reinterpret_cast<const std::byte*>(restarts_.data());
    bytes_.insert(bytes_.end(), restarts, restarts + restarts_.size() * sizeof(std::uint16_t));
    const BlockHeader header{0, static_cast<std::uint32_t>(bytes_.size()), records_,
                             static_cast<std::uint32_t>(restarts_.size()), 0};
    std::memcpy(bytes_.data(), &header, sizeof(header));
    return bytes_;
}

bool BlockReader::plausible(const BlockHeader& header, std::uint64_t bytes_max) noexcept {
    const bool compressed = header.raw_bytes != 0;
    const bool shrunk = header.bytes > sizeof(BlockHeader) && header.bytes < header.raw_bytes;
    const std::uint64_t raw = compressed ? header.raw_bytes : header.bytes;
    return header.bytes <= bytes_max && (!compressed || shrunk) && raw <= kBlockBytesMax && header.records > 0 &&
           header.restarts > 0 && header.restarts <= header.records &&
           raw > sizeof(BlockHeader) + std::uint64_t{header.restarts} * sizeof(std::uint16_t);
}

std::uint32_t BlockReader::restart(std::uint32_t i) const noexcept {
    std::uint16_t units = 0;
    std::memcpy(&units, block_ + end() + i * sizeof(units), sizeof(units));
    return static_cast<std::uint32_t>(units * kRecordAlignment);
}

/// The usual record: the newest of its key, which it has alone, with a value that lies beside it.
inline bool BlockReader::read_usual(std::uint32_t offset, const std::byte* at, StoredRecord& record) const noexcept {
    std::uint64_t key_bytes = 0, version = 0;
    if (!read_number(at, bound_, key_bytes) || !read_number(at, bound_, record.value_bytes) ||
        !read_number(at, bound_, version)) {
        return false;
    }
    const auto left = static_cast<std::uint64_t>(bound_ - at);
    if (key_bytes > left || record.value_bytes > left - key_bytes) return false;
    record.suffix = text(at, key_bytes);
    record.value = text(at + key_bytes, record.value_bytes);
    record.shared = 0;
    record.restart = offset;
    record.version = after_ + version;
    record.superseded = kOpen;
    record.tombstone = record.is_outside = false;
    return end_record(at + key_bytes + record.value_bytes, record);
}

inline bool BlockReader::end_record(const std::byte* at, StoredRecord& record) const noexcept {
    const auto used = static_cast<std::uint64_t>(at - block_);
    record.next = static_cast<std::uint32_t>((used + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment);
    return record.next <= static_cast<std::uint64_t>(bound_ - block_);
}

bool BlockReader::read(std::uint32_t offset, StoredRecord& record) const noexcept {
    const std::byte* const end = bound_;
    if (offset < begin() || offset >= static_cast<std::uint64_t>(end - block_)) return false;
    const std::byte* at = block_ + offset;
    const auto flags = static_cast<std::uint8_t>(*at++);
    if (flags == record_flags::kOpen) [[likely]]
        return read_usual(offset, at, record);
    if (flags > record_flags::kAll) return false;
    record.tombstone = (flags & record_flags::kTombstone) != 0;
    record.is_outside = (flags & record_flags::kOutside) != 0;
    if (record.tombstone && record.is_outside) return false;

    std::uint64_t key_bytes = 0, version = 0;
    if (!read_number(at, end, key_bytes)) return false;
    record.shared = 0;
    record.restart = offset;
    if ((flags & record_flags::kShared) != 0) {
        std::uint64_t back = 0;
        if (!read_number(at, end, record.shared) || !read_number(at, end, back)) return false;
        if (record.shared > kKeyBytesMax) return false;  // a sum with it would begin at zero again
        if (back == 0 || back > (offset - begin()) / kRecordAlignment) return false;
        record.restart = offset - static_cast<std::uint32_t>(back * kRecordAlignment);
    }
    record.value_bytes = 0;
    if (!record.tombstone && !read_number(at, end, record.value_bytes)) return false;
    if (!read_number(at, end, version)) return false;
    record.version = after_ + version;
    record.superseded = kOpen;
    if ((flags & record_flags::kOpen) == 0) {
        std::uint64_t life = 0;
        if (!read_number(at, end, life)) return false;
        record.superseded = record.version + life;
    }
    const std::uint64_t inside = record.is_outside ? sizeof(OutsideValue) : record.value_bytes;
    const auto left = static_cast<std::uint64_t>(end - at);
    if (key_bytes > left || inside > left - key_bytes) return false;
    record.suffix = text(at, key_bytes);
    at += key_bytes;
    record.value = record.is_outside ? std::string_view{} : text(at, inside);
    if (record.is_outside) std::memcpy(&record.outside, at, sizeof(OutsideValue));
    return end_record(at + inside, record);
}

bool BlockReader::restart_key(const StoredRecord& record, std::string_view& key) const noexcept {
    StoredRecord restart;
    if (!read(record.restart, restart) || restart.shared != 0 || restart.suffix.size() < record.shared) return false;
    key = restart.suffix;
    return true;
}

bool BlockReader::has_key(const StoredRecord& record, std::string_view key) const noexcept {
    if (record.suffix.size() + record.shared != key.size()) return false;
    if (std::memcmp(record.suffix.data(), key.data() + record.shared, record.suffix.size()) != 0) return false;
    if (record.shared == 0) return true;
    std::string_view whole;
    return restart_key(record, whole) && std::memcmp(whole.data(), key.data(), record.shared) == 0;
}

bool BlockReader::read_key(const StoredRecord& record, std::string& key) const {
    std::string_view whole;
    if (record.shared > 0 && !restart_key(record, whole)) return false;
    key.assign(whole.substr(0, record.shared)).append(record.suffix);
    return true;
}

bool BlockReader::seek(std::string_view key, std::uint32_t& offset) const noexcept {
    std::uint32_t low = 0, high = restarts();  // restart points before `low` are below the key, from `high` on not
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        StoredRecord record;
        if (!read(restart(middle), record) || record.shared != 0) return false;
        if (record.suffix < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    offset = low == 0 ? begin() : restart(low - 1);
    return true;
}

/// Along a curve the versions of a key rise from cell to cell, and in a cell they fall; so what lies between a record
/// and a lower one of its key behind it is of that key, and between them in version.
bool BlockReader::skip_down(std::string_view key, Version as_of, std::uint32_t offset,
                            StoredRecord& record) const noexcept {
    std::uint32_t low = 0, high = restarts();  // restart points before `low` are not behind the record
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (restart(middle) <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < restarts(); ++low) {
        StoredRecord below;
        if (!read(restart(low), below)) return false;
        if (below.suffix != key || below.version <= as_of || below.version >= record.version) break;
        record = below;
    }
    return true;
}

}  // namespace zverse::cold
