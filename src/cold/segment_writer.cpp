#include <cold/segment_checksum.h>
#include <cold/segment_writer.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

namespace zverse::cold {

namespace {

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& items) noexcept {
    return std::as_bytes(std::span(items));
}

}  // namespace

std::uint64_t unit_bytes_for(std::uint64_t value_bytes) noexcept {
    // Twice the value leaves room for what else the segment holds.
    return std::max(kUnitBytes, std::bit_ceil(2 * value_bytes / kBlockUnitsMax));
}

SegmentWriter::SegmentWriter(platform::StreamWriter stream, SegmentPlan plan, std::optional<BlockCompressor> compressor)
    : stream_(std::move(stream)),
      plan_(std::move(plan)),
      seed_(segment_seed(plan_.store, plan_.segment)),
      hash_seed_(segment_seed(plan_.store, 0)),
      block_(plan_.slab_after, plan_.block_bytes),
      compressor_(std::move(compressor)) {
    header_.magic = kSegmentMagic;
    header_.version_min = kOpen;
}

Result<SegmentWriter> SegmentWriter::create(platform::FileIo& io, const std::filesystem::path& path, SegmentPlan plan) {
    assert(plan.replaced.size() <= kReplacedMax);
    assert(!plan.compress || plan.kind == SegmentKind::history);
    std::optional<BlockCompressor> compressor;
    if (plan.compress) {
        auto made = BlockCompressor::create(plan.dictionary, plan.unit_bytes);
        if (!made) return std::unexpected(std::move(made.error()));
        compressor = std::move(*made);
    }
    auto stream = platform::StreamWriter::create(io, path, kSegmentHeaderBytes);
    if (!stream) return std::unexpected(std::move(stream.error()));
    return SegmentWriter(std::move(*stream), std::move(plan), std::move(compressor));
}

void SegmentWriter::note(const Record& record) {
    header_.version_min = std::min(header_.version_min, record.version);
    header_.version_max = std::max(header_.version_max, record.version);
    header_.superseded_max = std::max(header_.superseded_max, record.superseded);
    ++header_.records;
    header_.tombstones += record.tombstone ? 1 : 0;
    header_.key_bytes += record.key.size();
    header_.value_bytes += record.value.size();
    zones_.note(record);
}

Result<OutsideValue> SegmentWriter::write_outside(std::string_view value) {
    const auto bytes = std::as_bytes(std::span(value));
    if (auto padded = stream_.pad(plan_.unit_bytes); !padded) return std::unexpected(std::move(padded.error()));
    const OutsideValue place{stream_.position(), piece_checksum(bytes, seed_, stream_.position())};
    if (auto done = stream_.append(bytes); !done) return std::unexpected(std::move(done.error()));
    return place;
}

Result<void> SegmentWriter::add(const Record& record) {
    if (block_.full() || (block_ends_ && !block_.empty())) {
        if (auto done = end_block(); !done) return done;
    }
    std::optional<OutsideValue> outside;
    if (record.value.size() > kOutsideValueBytes) {
        auto place = write_outside(record.value);
        if (!place) return std::unexpected(std::move(place.error()));
        outside = *place;
    }
    const std::uint32_t offset = block_.add(record, outside ? &*outside : nullptr);
    // One posting where a stretch of a key begins; the rest of it follows.
    if (header_.records == 0 || last_key_ != record.key || record.version > last_version_) {
        begun_.push_back({hash_key(record.key, hash_seed_), offset});
        last_key_ = record.key;
    }
    last_version_ = record.version;
    builder_bytes_ = offset;
    note(record);
    return {};
}

Result<void> SegmentWriter::end_block() {
    if (auto padded = stream_.pad(plan_.unit_bytes); !padded) return padded;
    const std::uint64_t offset = stream_.position();
    const std::uint64_t unit = offset / plan_.unit_bytes;
    if (unit >= kBlockUnitsMax) {
        return std::unexpected(Error(ErrorCode::full, stream_.path().string() + " has outgrown the " +
                                                          std::to_string(kBlockUnitsMax) + " units of a segment"));
    }
    const std::span<std::byte> raw = block_.finish();
    const std::span<std::byte> bytes = compressor_ ? compressor_->compress(raw) : raw;
    if (bytes.data() != raw.data()) header_.features |= features::kZstd;
    const std::uint64_t checksum = piece_checksum(bytes.subspan(sizeof(std::uint64_t)), seed_, offset);
    std::memcpy(bytes.data(), &checksum, sizeof(checksum));
    if (auto done = stream_.append(bytes); !done) return done;
    for (const Begun& each : begun_) {
        index_.add(each.hash, static_cast<std::uint32_t>(unit << kPostingOffsetBits | each.offset / kRecordAlignment));
    }
    begun_.clear();
    zones_.end_block(static_cast<std::uint32_t>(unit), static_cast<std::uint32_t>(bytes.size()));
    block_.clear();
    builder_bytes_ = 0;
    block_ends_ = false;
    return {};
}

Result<void> SegmentWriter::write_section(Section& section, std::span<const std::byte> bytes) {
    if (auto padded = stream_.pad(kSegmentHeaderBytes); !padded) return padded;
    section = {stream_.position(), bytes.size(), piece_checksum(bytes, seed_, stream_.position())};
    return stream_.append(bytes);
}

Result<void> SegmentWriter::write_index() {
    header_.postings = index_.size();
    std::uint64_t homes = 0;
    std::vector<IndexPage> pages = index_.build(homes);
    if (auto padded = stream_.pad(kSegmentHeaderBytes); !padded) return padded;
    header_.index = {stream_.position(), pages.size() * sizeof(IndexPage), 0};
    for (IndexPage& page : pages) {
        const auto bytes = std::as_bytes(std::span(&page, 1));
        page.checksum = piece_checksum(bytes.subspan(sizeof(page.checksum)), seed_, stream_.position());
        if (auto done = stream_.append(bytes); !done) return done;
    }
    return {};
}

/// What of the header is not counted on the way.
void SegmentWriter::describe(const std::optional<std::string>& range_end) {
    header_.store[0] = plan_.store[0];
    header_.store[1] = plan_.store[1];
    header_.segment = plan_.segment;
    header_.component = plan_.component;
    header_.part = plan_.part;
    header_.last_part = range_end ? 0 : 1;
    header_.kind = plan_.kind;
    header_.level = plan_.level;
    header_.slab_after = plan_.slab_after;
    header_.slab_upto = plan_.slab_upto;
    header_.created = plan_.created;
    header_.unit_bytes = plan_.unit_bytes;
    header_.blocks = zones_.blocks();
    header_.range_begin = zones_.keys().add(plan_.range_begin);
    header_.range_end = range_end ? zones_.keys().add(*range_end) : kNoKey;
    const std::string pattern = plan_.curve.pattern();
    header_.curve_bits = static_cast<std::uint32_t>(pattern.size());
    std::ranges::copy(pattern, header_.curve.begin());
    header_.replaced_count = static_cast<std::uint32_t>(plan_.replaced.size());
    std::ranges::copy(plan_.replaced, header_.replaced.begin());
}

Result<SegmentHeader> SegmentWriter::finish(const std::optional<std::string>& range_end) {
    assert(header_.records > 0);
    const auto failed = [](Result<void>& result) { return std::unexpected(std::move(result.error())); };
    if (auto done = end_block(); !done) return failed(done);
    describe(range_end);
    std::vector<std::uint32_t> columns;
    for (const std::string& column : plan_.columns) columns.push_back(zones_.keys().add(column));
    const std::vector<Zone> zones = zones_.build();
    if (auto done = write_index(); !done) return failed(done);
    if (auto done = write_section(header_.zones, bytes_of(zones)); !done) return failed(done);
    if (auto done = write_section(header_.columns, bytes_of(columns)); !done) return failed(done);
    if (auto done = write_section(header_.keys, zones_.keys().bytes()); !done) return failed(done);
    if (header_.features != 0 && !plan_.dictionary.empty()) {
        if (auto done = write_section(header_.dictionary, plan_.dictionary); !done) return failed(done);
    }
    if (auto done = stream_.pad(kSegmentHeaderBytes); !done) return failed(done);
    header_.file_bytes = stream_.position() + kSegmentHeaderBytes;
    header_.checksum = header_checksum(header_);
    const auto header = std::as_bytes(std::span(&header_, 1));
    if (auto done = stream_.append(header); !done) return failed(done);
    // Gets, scans and the next merge read what is alive or recent; what is over for long is left to the disk.
    const bool read_soon = plan_.kind == SegmentKind::live || plan_.level == 0;
    const auto next = read_soon ? platform::StreamWriter::Next::reads : platform::StreamWriter::Next::rest;
    if (auto done = stream_.finish(header, next); !done) return failed(done);
    return header_;
}

}  // namespace zverse::cold
