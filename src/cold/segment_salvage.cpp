#include <cold/compressed_block.h>
#include <cold/segment_checksum.h>
#include <cold/segment_salvage.h>
#include <cold/zone_map.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

namespace zverse::cold {

namespace {

/// No segment has sections so large: its header says something else than was written.
constexpr std::uint64_t kSectionBytesMax = std::uint64_t{4} << 30;

/// What the rest is read by. Places and lengths are held against the file when they are used.
bool is_usable(const SegmentHeader& header) noexcept {
    const bool known_kind = header.kind == SegmentKind::live || header.kind == SegmentKind::history;
    return known_kind && header.unit_bytes >= kUnitBytes && std::has_single_bit(header.unit_bytes) &&
           header.slab_after < header.slab_upto && header.replaced_count <= kReplacedMax &&
           header.blocks <= kBlockUnitsMax;
}

}  // namespace

/// Each copy may be unreadable for itself.
Result<void> SegmentSalvage::read_header(const std::uint64_t (&store)[2], std::uint64_t segment) {
    const std::uint64_t last = file_bytes_ / kSegmentHeaderBytes * kSegmentHeaderBytes;
    std::optional<Error> failed;
    for (const std::uint64_t at : {std::uint64_t{0}, last - std::min(last, kSegmentHeaderBytes)}) {
        auto header = std::make_unique<SegmentHeader>();
        if (auto read = file_->read_exact(std::as_writable_bytes(std::span(header.get(), 1)), at); !read) {
            failed = std::move(read.error());
            continue;
        }
        if (header->magic != kSegmentMagic || header->checksum != header_checksum(*header)) continue;
        // Of another segment or store: written to the wrong place.
        if (header->store[0] != store[0] || header->store[1] != store[1] || header->segment != segment) continue;
        if ((header->features & ~features::kZstd) != 0) {
            return std::unexpected(Error(ErrorCode::incompatible,
                                         file_->path().string() + " needs features that this build does not have"));
        }
        if (!is_usable(*header)) continue;
        header_ = std::move(header);
        seed_ = segment_seed(store, segment);
        return {};
    }
    if (failed && failed->code() != ErrorCode::corrupt) return std::unexpected(std::move(*failed));
    return std::unexpected(
        Error(ErrorCode::corrupt, "neither header of " + file_->path().string() + " is whole, and of it"));
}

bool SegmentSalvage::read_section(const Section& section, std::vector<std::byte>& into) const {
    if (section.offset > file_bytes_ || section.bytes > file_bytes_ - section.offset ||
        section.bytes > kSectionBytesMax) {
        return false;
    }
    into.resize(section.bytes);
    if (file_->read_exact(into, section.offset) && piece_checksum(into, seed_, section.offset) == section.checksum) {
        return true;
    }
    into.clear();
    return false;
}

Result<void> SegmentSalvage::read_sections() {
    std::string_view key;
    if (read_section(header_->keys, keys_)) {
        if (heap_key(keys_, header_->range_begin, key)) range_begin_ = key;
        if (header_->range_end != kNoKey && heap_key(keys_, header_->range_end, key)) range_end_ = key;
    }
    std::vector<std::byte> zones;
    const bool fits = header_->zones.bytes == zone_count(header_->blocks) * sizeof(Zone);
    if (fits && read_section(header_->zones, zones)) {
        zones_.resize(header_->blocks);
        std::memcpy(zones_.data(), zones.data(), zones_.size() * sizeof(Zone));
    }
    return read_dictionary();
}

/// Without a dictionary where there must be one, compressed blocks are lost.
Result<void> SegmentSalvage::read_dictionary() {
    if ((header_->features & features::kZstd) == 0) return {};
    std::vector<std::byte> dictionary;
    if (header_->dictionary.bytes > kDictionaryBytesMax) return {};
    if (header_->dictionary.bytes != 0 && !read_section(header_->dictionary, dictionary)) return {};
    auto made = platform::Decompressor::create(dictionary);
    if (made) {
        decompressor_ = std::move(*made);
    } else if (made.error().code() != ErrorCode::corrupt) {
        return std::unexpected(std::move(made.error()));
    }
    return {};
}

Result<SegmentSalvage> SegmentSalvage::open(platform::FileIo& io, const std::filesystem::path& path,
                                            const std::uint64_t (&store)[2], std::uint64_t id) {
    auto file = io.open(path, platform::OpenMode::read);
    if (!file) return std::unexpected(std::move(file.error()));
    auto bytes = (*file)->size();
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    (*file)->advise(platform::Advice::in_order);
    SegmentSalvage segment(std::move(*file), *bytes);
    if (auto read = segment.read_header(store, id); !read) return std::unexpected(std::move(read.error()));
    if (auto read = segment.read_sections(); !read) return std::unexpected(std::move(read.error()));
    return segment;
}

Result<void> SegmentSalvage::visit(Visitor& visitor) {
    return zones_.empty() ? look_everywhere(visitor) : visit_zones(visitor);
}

Result<void> SegmentSalvage::visit_zones(Visitor& visitor) {
    for (const Zone& zone : zones_) {
        const std::uint64_t offset = zone.child * header_->unit_bytes;
        const char* problem = nullptr;
        std::uint64_t taken = 0;
        if (zone.bytes <= sizeof(BlockHeader) || zone.bytes > kBlockBytesMax || offset > file_bytes_ ||
            zone.bytes > file_bytes_ - offset) {
            problem = "the file ends before a block";
        } else {
            block_.resize(zone.bytes);
            const BitCorrection* const correction = correction_ ? &*correction_ : nullptr;
            problem = file_->read_exact(block_, offset) ? check_block(offset, correction) : "a block can't be read";
        }
        if (problem == nullptr) {
            auto records = take_records(visitor, offset);
            if (!records) return std::unexpected(std::move(records.error()));
            taken = *records;
            if (taken < zone.count) problem = "records of a block make no sense";
        }
        if (problem == nullptr) continue;
        LostPiece piece = all_lost(problem);
        piece.offset = offset;
        piece.bytes = zone.bytes;
        std::string_view first, last;
        if (heap_key(keys_, zone.first_key, first) && heap_key(keys_, zone.last_key, last)) {
            piece.keys = {std::string(first), std::string(last)};
        }
        piece.version_min = zone.version_min;
        piece.version_max = zone.version_max;
        piece.records_max = zone.count - taken;
        visitor.lose(std::move(piece));
    }
    return {};
}

/// Of a block nothing says where it lies; a checksum of 64 bits says that it is one.
Result<void> SegmentSalvage::look_everywhere(Visitor& visitor) {
    std::uint64_t taken = 0;
    std::uint64_t at = std::max(kSegmentHeaderBytes, header_->unit_bytes);
    while (at < file_bytes_) {
        std::uint64_t behind = at + header_->unit_bytes;
        BlockHeader header{};
        const bool read = file_bytes_ - at > sizeof(header) &&
                          file_->read_exact(std::as_writable_bytes(std::span(&header, 1)), at).has_value();
        if (read && BlockReader::plausible(header, std::min(kBlockBytesMax, file_bytes_ - at))) {
            block_.resize(header.bytes);
            if (file_->read_exact(block_, at) && check_block(at, nullptr) == nullptr) {
                auto records = take_records(visitor, at);
                if (!records) return std::unexpected(std::move(records.error()));
                taken += *records;
                behind = at + (header.bytes + header_->unit_bytes - 1) / header_->unit_bytes * header_->unit_bytes;
            }
        }
        at = behind;
    }
    if (taken >= header_->records) return {};
    LostPiece piece = all_lost("the zones are lost, and not all records were found without them");
    piece.records_max = header_->records - taken;
    visitor.lose(std::move(piece));
    return {};
}

LostPiece SegmentSalvage::all_lost(std::string what) const {
    LostPiece piece;
    piece.bytes = file_bytes_;
    piece.what = std::move(what);
    piece.keys = {range_begin_.value_or(""), range_end_};
    piece.version_min = header_->version_min;
    piece.version_max = header_->version_max;
    piece.records_max = header_->records;
    return piece;
}

bool SegmentSalvage::is_checksum_right(std::uint64_t offset) const {
    std::uint64_t checksum = 0;
    static_assert(offsetof(BlockHeader, checksum) == 0);
    std::memcpy(&checksum, block_.data(), sizeof(checksum));
    return checksum == piece_checksum(std::span<const std::byte>(block_).subspan(sizeof(checksum)), seed_, offset);
}

const char* SegmentSalvage::check_block(std::uint64_t offset, const BitCorrection* correction) {
    if (!is_checksum_right(offset)) {
        const auto is_right = [&] { return is_checksum_right(offset); };
        if (correction == nullptr || !correction->turn_back(block_, offset, is_right))
            return "a block's checksum is wrong";
    }
    BlockHeader header{};
    std::memcpy(&header, block_.data(), sizeof(header));
    if (header.bytes != block_.size() || !BlockReader::plausible(header, header.bytes)) {
        return "a block's sizes make no sense";
    }
    bytes_ = block_.data();
    if (header.raw_bytes == 0) return nullptr;
    if (!decompressor_) return "a block is compressed, and the dictionary is lost";
    raw_.resize(header.raw_bytes);
    const auto done = decompress_block(*decompressor_, block_, raw_);
    bytes_ = raw_.data();
    return done && *done ? nullptr : "a block does not decompress";
}

Result<std::uint64_t> SegmentSalvage::take_records(Visitor& visitor, std::uint64_t offset) {
    visitor.enter(offset / header_->unit_bytes, static_cast<std::uint32_t>(block_.size()));
    const BlockReader reader(bytes_, header_->slab_after);
    const BlockHeader header = reader.header();
    std::uint64_t taken = 0;
    StoredRecord record;
    std::uint32_t number = 0;
    for (std::uint32_t at = reader.begin(); at != reader.end() && number < header.records; at = record.next, ++number) {
        if (!reader.read(at, record)) break;
        const bool good = reader.read_key(record, key_) && !key_.empty() && key_.size() <= kKeyBytesMax &&
                          record.version > header_->slab_after && record.version <= header_->slab_upto &&
                          record.superseded > record.version && record.value.size() <= kOutsideValueBytes;
        if (!good) continue;
        ++taken;
        if (auto done = visitor.take(key_, record, at); !done) return std::unexpected(std::move(done.error()));
    }
    return taken;
}

Result<std::string_view> read_value(platform::File& file, std::uint64_t seed, const OutsideValue& place,
                                    std::uint64_t bytes, std::vector<std::byte>& buffer,
                                    const BitCorrection* correction) {
    auto size = file.size();
    if (!size) return std::unexpected(std::move(size.error()));
    if (place.offset <= *size && bytes <= *size - place.offset) {
        buffer.resize(bytes);
        if (auto read = file.read_exact(buffer, place.offset); !read) return std::unexpected(std::move(read.error()));
        const auto is_right = [&] { return piece_checksum(buffer, seed, place.offset) == place.checksum; };
        if (is_right() || (correction != nullptr && correction->turn_back(buffer, place.offset, is_right))) {
            return std::string_view(reinterpret_cast<const char*>(buffer.data()), buffer.size());
        }
    }
    return std::unexpected(Error(ErrorCode::corrupt, "a value is damaged at offset " + std::to_string(place.offset) +
                                                         " of " + file.path().string()));
}

}  // namespace zverse::cold
