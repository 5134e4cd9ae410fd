// How a segment is read that reads nothing through its mapping: see segment.h.
#include <cold/compressed_block.h>
#include <cold/segment.h>
#include <cold/segment_checksum.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace zverse::cold {

Result<void> Segment::copy(std::span<std::byte> to, std::uint64_t offset) const {
    auto read = file_->read_exact(to, offset);
    if (!read) return std::unexpected(std::move(read.error()).during(path_.string()));
    return {};
}

Result<IndexBucket> Segment::copied_bucket(std::uint64_t number) const {
    const std::uint64_t at = number / IndexPage::kBuckets;
    if (at >= header_.index.bytes / sizeof(IndexPage)) {
        return std::unexpected(damaged(header_.index.offset, "the index overflows its end"));
    }
    const std::uint64_t offset = header_.index.offset + at * sizeof(IndexPage);
    IndexPage page;  // NOLINT(cppcoreguidelines-pro-type-member-init): all of it is read
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&page, 1));
    if (auto read = copy(bytes, offset); !read) return std::unexpected(std::move(read.error()));
    if (piece_checksum(bytes.subspan(sizeof(page.checksum)), seed_, offset) != page.checksum) {
        return std::unexpected(damaged(offset, "the checksum of a page of the index is wrong"));
    }
    return page.buckets[number % IndexPage::kBuckets];
}

Result<BlockReader> Segment::copied_block(std::uint64_t unit) const {
    if (cache_ != nullptr) {
        if (BlockHold kept = cache_->find(header_.segment, unit)) {
            const std::byte* const bytes = kept.get();
            return BlockReader(bytes, header_.slab_after, std::move(kept));
        }
    }
    const std::uint64_t offset = unit * header_.unit_bytes;
    // Blocks end where the index begins.
    if (!inside(offset, sizeof(BlockHeader)) || offset + sizeof(BlockHeader) > header_.index.offset) {
        return std::unexpected(damaged(offset, "no block lies there"));
    }
    const std::uint64_t most = header_.index.offset - offset;
    std::uint64_t bytes = std::min<std::uint64_t>(most, kRecordsBeginMax);
    std::shared_ptr<std::byte[]> stored(new std::byte[bytes]);
    if (auto read = copy({stored.get(), bytes}, offset); !read) return std::unexpected(std::move(read.error()));
    BlockHeader header{};
    std::memcpy(&header, stored.get(), sizeof(header));
    if (auto good = check_block_header(header, offset); !good) return std::unexpected(std::move(good.error()));
    if (header.bytes > bytes) {
        stored.reset(new std::byte[header.bytes]);
        // What a medium gives twice need not be the same.
        auto again = copy({stored.get(), header.bytes}, offset);
        if (!again) return std::unexpected(std::move(again.error()));
    }
    bytes = header.bytes;
    if (auto good = check_block_bytes({stored.get(), bytes}, offset); !good) {
        return std::unexpected(std::move(good.error()));
    }
    std::memcpy(&header, stored.get(), sizeof(header));
    if (header.raw_bytes != 0) return read_block(unit, stored.get());
    if (cache_ != nullptr) cache_->keep(header_.segment, unit, bytes, stored);
    const std::byte* const block = stored.get();
    return BlockReader(block, header_.slab_after, std::move(stored));
}

Result<std::string_view> Segment::copied_value(const StoredRecord& record, BlockHold& hold) const {
    const std::uint64_t offset = record.outside.offset;
    if (auto good = check_outside(record.outside, record.value_bytes); !good) {
        return std::unexpected(std::move(good.error()));
    }
    std::shared_ptr<std::byte[]> bytes(new std::byte[record.value_bytes]);
    const std::span<std::byte> value(bytes.get(), record.value_bytes);
    if (auto read = copy(value, offset); !read) return std::unexpected(std::move(read.error()));
    if (auto good = check_outside(record.outside, std::span<const std::byte>(value)); !good) {
        return std::unexpected(std::move(good.error()));
    }
    if (block_number(offset / header_.unit_bytes)) return std::unexpected(damaged(offset, "a block lies there"));
    const std::string_view text(reinterpret_cast<const char*>(bytes.get()), record.value_bytes);
    hold = std::move(bytes);
    return text;
}

}  // namespace zverse::cold
