#include <cold/bulk_reader.h>
#include <cold/compressed_block.h>
#include <cold/segment_checksum.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace zverse::cold {

namespace {

constexpr std::uint64_t kAlignment = 4096;  ///< pieces begin at pages of the file

}  // namespace

// ---- What a segment says of bytes that somebody else read.

Result<BlockReader> Segment::check_block(std::size_t number, std::span<const std::byte> stored,
                                         std::vector<std::byte>& raw) const {
    const std::uint64_t offset = offset_of(number);
    BlockHeader header{};
    if (stored.size() <= sizeof(header)) return std::unexpected(damaged(offset, "no block lies there"));
    if (auto good = check_block_bytes(stored, offset); !good) return std::unexpected(std::move(good.error()));
    std::memcpy(&header, stored.data(), sizeof(header));
    if (auto good = check_block_header(header, offset); !good) return std::unexpected(std::move(good.error()));
    if (header.raw_bytes == 0) return BlockReader(stored.data(), header_.slab_after);
    raw.resize(header.raw_bytes);
    auto done = decompress_block(*decompressor_, stored, raw);
    if (!done) return std::unexpected(std::move(done.error()));
    if (!*done) return std::unexpected(damaged(offset, "a block does not decompress to what it says"));
    return BlockReader(raw.data(), header_.slab_after);
}

Result<void> Segment::check_record(const StoredRecord& record, std::string_view key, std::size_t block,
                                   std::uint32_t at) const {
    const bool inside_slab = record.version > header_.slab_after && record.version <= header_.slab_upto;
    const bool has_key = !key.empty() && key.size() <= kKeyBytesMax;
    if (inside_slab && has_key && record.superseded > record.version) [[likely]]
        return {};
    return std::unexpected(damaged(offset_of(block) + at, "a record does not belong where it lies"));
}

Result<void> Segment::check_outside(const OutsideValue& place, std::uint64_t bytes) const {
    // Like blocks, values end where the index begins.
    const bool before_index = inside(place.offset, bytes) && place.offset + bytes <= header_.index.offset;
    if (before_index && bytes > kOutsideValueBytes && place.offset % header_.unit_bytes == 0) return {};
    return std::unexpected(damaged(place.offset, "a value would lie there"));
}

Result<void> Segment::check_outside(const OutsideValue& place, std::span<const std::byte> bytes) const {
    if (piece_checksum(bytes, seed_, place.offset) == place.checksum) return {};
    return std::unexpected(damaged(place.offset, "a value's checksum is wrong"));
}

Result<std::string_view> Segment::unread_outside(const OutsideValue& place, std::uint64_t bytes) const {
    if (auto good = check_outside(place, bytes); !good) return std::unexpected(std::move(good.error()));
    return std::string_view(reinterpret_cast<const char*>(mapping_.bytes().data() + place.offset), bytes);
}

Result<std::string_view> read_outside(platform::File& file, const Segment& segment, const OutsideValue& place,
                                      std::uint64_t bytes, std::vector<std::byte>& buffer) {
    if (auto good = segment.check_outside(place, bytes); !good) return std::unexpected(std::move(good.error()));
    buffer.resize(bytes);
    if (auto read = file.read_exact(buffer, place.offset); !read) return std::unexpected(std::move(read.error()));
    if (auto good = segment.check_outside(place, buffer); !good) return std::unexpected(std::move(good.error()));
    return std::string_view(reinterpret_cast<const char*>(buffer.data()), buffer.size());
}

// ---- BulkReader

Result<std::unique_ptr<BulkReader>> BulkReader::open(platform::FileIo& io, std::shared_ptr<const Segment> segment,
                                                     std::size_t piece_bytes, Takes takes) {
    auto file = io.open(segment->path(), platform::OpenMode::read);
    if (!file) return std::unexpected(std::move(file.error()));
    (*file)->advise(platform::Advice::in_order);
    (*file)->advise(platform::Advice::once);  // who merges it replaces it
    return std::unique_ptr<BulkReader>(new BulkReader(std::move(segment), std::move(*file), piece_bytes, takes));
}

/// Of the piece that begins at `from` and in which the block lies.
std::uint64_t BulkReader::piece_end(std::size_t number, std::uint64_t from) const noexcept {
    const ZoneMap& zones = segment_->zones();
    std::uint64_t end = segment_->offset_of(number) + zones.block(number).bytes;
    // Behind the blocks there is nothing for us.
    const std::uint64_t most = std::min<std::uint64_t>(from + piece_bytes_, segment_->header().index.offset);
    if (takes_ == Takes::values_too) return std::max(end, most);
    while (++number < zones.blocks()) {
        const std::uint64_t offset = segment_->offset_of(number);
        if (offset > end + kAlignment || offset + zones.block(number).bytes > most) break;
        end = offset + zones.block(number).bytes;
    }
    return end;
}

Result<void> BulkReader::read_piece(std::size_t number, std::uint64_t from) {
    from -= from % kAlignment;
    piece_at_ = from;
    piece_.resize(piece_end(number, from) - from);
    if (auto read = file_->read_exact(piece_, from); !read) {
        piece_.clear();
        return read;
    }
    return {};
}

Result<BlockReader> BulkReader::block(std::size_t number) {
    const Zone& zone = segment_->zones().block(number);
    const std::uint64_t offset = segment_->offset_of(number), end = offset + zone.bytes;
    if (offset < kSegmentHeaderBytes || zone.bytes > kBlockBytesMax || end > segment_->header().index.offset) {
        return std::unexpected(segment_->damaged(offset, "no block can lie there"));
    }
    if (!holds(offset, zone.bytes)) {
        // Values that lie outside come before the block that names them.
        const bool follows =
            takes_ == Takes::values_too && behind_ != 0 && behind_ <= offset && end - behind_ <= piece_bytes_;
        if (auto read = read_piece(number, follows ? behind_ : offset); !read) {
            return std::unexpected(std::move(read.error()));
        }
    }
    behind_ = end;
    return segment_->check_block(number, std::span(piece_).subspan(offset - piece_at_, zone.bytes), raw_);
}

Result<std::string_view> BulkReader::value(const StoredRecord& record) {
    if (!record.is_outside) return record.value;
    if (!holds(record.outside.offset, record.value_bytes)) {
        return read_outside(*file_, *segment_, record.outside, record.value_bytes, value_);
    }
    const auto bytes =
        std::span<const std::byte>(piece_).subspan(record.outside.offset - piece_at_, record.value_bytes);
    if (auto good = segment_->check_outside(record.outside, bytes); !good) {
        return std::unexpected(std::move(good.error()));
    }
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// ---- BulkCursor

Result<std::unique_ptr<BulkCursor>> BulkCursor::open(platform::FileIo& io, const Component& component,
                                                     std::size_t piece_bytes) {
    std::unique_ptr<BulkCursor> cursor(new BulkCursor(io, component, piece_bytes));
    const std::string& begin = component.begin();
    cursor->part_ = component.part_from(begin);
    if (cursor->part_ == component.parts().size()) return cursor;
    const Segment& part = *component.parts()[cursor->part_];
    cursor->block_ = part.zones().find(begin);
    if (cursor->block_ == part.zones().blocks()) return std::unexpected(part.damaged_zones());
    if (auto entered = cursor->enter_part(); !entered) return std::unexpected(std::move(entered.error()));
    do {
        if (auto moved = cursor->next(); !moved) return std::unexpected(std::move(moved.error()));
    } while (cursor->valid() && cursor->key() < begin);
    return cursor;
}

Result<void> BulkCursor::enter_part() {
    auto reader = BulkReader::open(io_, component_.parts()[part_], piece_bytes_);
    if (!reader) return std::unexpected(std::move(reader.error()));
    reader_ = std::move(*reader);
    return enter_block();
}

Result<void> BulkCursor::enter_block() {
    auto block = reader_->block(block_);
    if (!block) return std::unexpected(std::move(block.error()));
    records_ = *block;
    at_ = records_.begin();
    return {};
}

Error BulkCursor::damaged(const char* what) const {
    const Segment& segment = reader_->segment();
    return segment.damaged(segment.offset_of(block_), what);
}

Result<bool> BulkCursor::step() {
    if (at_ == records_.end()) {
        Result<void> entered;
        if (++block_ < reader_->segment().zones().blocks()) {
            entered = enter_block();
        } else {
            if (++part_ == component_.parts().size()) return false;
            block_ = 0;
            entered = enter_part();
        }
        if (!entered) return std::unexpected(std::move(entered.error()));
    }
    key_bytes_.swap(last_key_);
    if (!records_.read(at_, record_) || !records_.read_key(record_, key_bytes_)) {
        return std::unexpected(damaged("a block's records make no sense"));
    }
    if (auto good = reader_->segment().check_record(record_, key_bytes_, block_, at_); !good) {
        return std::unexpected(std::move(good.error()));
    }
    if (key_bytes_ <= last_key_) return std::unexpected(damaged("a record's key is not above the one before"));
    key_ = key_bytes_;
    at_ = record_.next;
    return true;
}

Result<void> BulkCursor::next() {
    segment_ = nullptr;
    reader_->forget_value();
    auto moved = step();
    if (!moved) return std::unexpected(std::move(moved.error()));
    if (*moved) segment_ = &reader_->segment();
    return {};
}

}  // namespace zverse::cold
