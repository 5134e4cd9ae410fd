// SegmentForge: the bytes of a segment, to be changed at will, and all checksums made right again: what no checksum
// tells.
#pragma once

#include <cold/key_index.h>
#include <cold/layout.h>
#include <cold/record.h>
#include <cold/segment_checksum.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::test {

/// A record as layout.h says, each number on its own, so that all of them may lie.
struct ForgedRecord {
    std::uint8_t flags = cold::record_flags::kOpen;
    std::uint64_t key_bytes = 0;
    std::vector<std::uint64_t> numbers;  ///< what follows in front of the key
    std::string bytes;  ///< key, value or where it lies
};

/// A live one with a value in its block, `after` counted from the slab's begin.
inline ForgedRecord honest_record(std::string_view key, std::uint64_t after, std::string_view value = "value") {
    return {cold::record_flags::kOpen, key.size(), {value.size(), after}, std::string(key).append(value)};
}

inline std::string forge_block(std::initializer_list<ForgedRecord> records) {
    std::string bytes(sizeof(cold::BlockHeader), '\0');
    for (const ForgedRecord& record : records) {
        std::byte numbers[8 * cold::kNumberBytesMax];
        std::byte* end = cold::write_number(numbers, record.key_bytes);
        for (const std::uint64_t number : record.numbers) end = cold::write_number(end, number);
        bytes += static_cast<char>(record.flags);
        bytes.append(reinterpret_cast<const char*>(numbers), static_cast<std::size_t>(end - numbers));
        bytes += record.bytes;
        bytes.resize((bytes.size() + cold::kRecordAlignment - 1) / cold::kRecordAlignment * cold::kRecordAlignment);
    }
    const std::uint16_t restart = sizeof(cold::BlockHeader) / cold::kRecordAlignment;
    bytes.append(reinterpret_cast<const char*>(&restart), sizeof(restart));
    const cold::BlockHeader header{0, static_cast<std::uint32_t>(bytes.size()),
                                   static_cast<std::uint32_t>(records.size()), 1, 0};
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
}

class SegmentForge {
public:
    SegmentForge(std::string bytes, const std::uint64_t (&store)[2], std::uint64_t segment)
        : bytes_(std::move(bytes)),
          seed_(cold::segment_seed(store, segment)),
          hash_seed_(cold::segment_seed(store, 0)) {}

    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
    [[nodiscard]] cold::SegmentHeader& header() noexcept { return *at<cold::SegmentHeader>(0); }
    /// Of all levels.
    [[nodiscard]] std::span<cold::Zone> zones() noexcept { return section<cold::Zone>(header().zones); }
    template <class T>
    [[nodiscard]] std::span<T> section(const cold::Section& which) noexcept {
        return {at<T>(which.offset), which.bytes / sizeof(T)};
    }
    [[nodiscard]] std::uint64_t offset_of(std::size_t block) noexcept {
        return zones()[block].child * header().unit_bytes;
    }
    [[nodiscard]] cold::BlockHeader& block(std::size_t number) noexcept {
        return *at<cold::BlockHeader>(offset_of(number));
    }
    /// In place of the block there, which must be as large.
    [[nodiscard]] bool put_block(std::size_t number, std::string_view block) noexcept {
        cold::Zone& zone = zones()[number];
        const std::uint64_t room = (zone.bytes + header().unit_bytes - 1) / header().unit_bytes * header().unit_bytes;
        if (block.size() > room) return false;
        std::memcpy(&bytes_[offset_of(number)], block.data(), block.size());
        zone.bytes = static_cast<std::uint32_t>(block.size());
        return true;
    }
    /// Leads a search for the key there, and only there.
    void post(std::string_view key, std::uint64_t unit, std::uint32_t offset) noexcept {
        const std::uint64_t hash = cold::hash_key(key, hash_seed_);
        const std::uint64_t home = cold::home_of(hash, cold::home_buckets_for(header().postings));
        auto& page = section<cold::IndexPage>(header().index)[home / cold::IndexPage::kBuckets];
        cold::IndexBucket& bucket = page.buckets[home % cold::IndexPage::kBuckets];
        bucket.tags[0] = cold::tag_of(hash);
        bucket.postings[0] =
            static_cast<std::uint32_t>(unit << cold::kPostingOffsetBits | offset / cold::kRecordAlignment);
        bucket.meta = 1;
    }
    [[nodiscard]] std::uint64_t checksum(std::uint64_t offset, std::uint64_t bytes) const {
        return cold::piece_checksum(std::as_bytes(std::span(bytes_)).subspan(offset, bytes), seed_, offset);
    }

    /// All checksums, as far as what they cover is there.
    void seal() {
        const cold::SegmentHeader honest = header();
        for (std::size_t i = 0; i < honest.blocks && i < zones_there(); ++i) seal_block(i);
        for (std::uint64_t at = 0; inside(honest.index.offset + at, sizeof(cold::IndexPage)) && at < honest.index.bytes;
             at += sizeof(cold::IndexPage)) {
            seal_piece(honest.index.offset + at, sizeof(cold::IndexPage));
        }
        for (cold::Section* each : {&header().zones, &header().columns, &header().keys, &header().dictionary}) {
            if (each->offset != 0 && inside(each->offset, each->bytes))
                each->checksum = checksum(each->offset, each->bytes);
        }
        header().checksum = cold::header_checksum(header());
        std::memcpy(&bytes_[bytes_.size() - sizeof(honest)], bytes_.data(), sizeof(honest));
    }

private:
    template <class T>
    [[nodiscard]] T* at(std::uint64_t offset) noexcept {
        return reinterpret_cast<T*>(bytes_.data() + offset);
    }
    [[nodiscard]] bool inside(std::uint64_t offset, std::uint64_t bytes) const noexcept {
        return offset <= bytes_.size() && bytes <= bytes_.size() - offset;
    }
    [[nodiscard]] std::size_t zones_there() noexcept {
        const cold::Section& zones = header().zones;
        return inside(zones.offset, zones.bytes) && zones.offset % alignof(cold::Zone) == 0
                   ? zones.bytes / sizeof(cold::Zone)
                   : 0;
    }
    void seal_block(std::size_t number) {
        const std::uint64_t offset = offset_of(number);
        if (!inside(offset, sizeof(cold::BlockHeader)) || offset % alignof(cold::BlockHeader) != 0) return;
        const std::uint64_t bytes = block(number).bytes;
        if (bytes < sizeof(cold::BlockHeader) || !inside(offset, bytes)) return;
        seal_piece(offset, bytes);
    }
    /// What begins with the checksum of the rest.
    void seal_piece(std::uint64_t offset, std::uint64_t bytes) {
        const auto covered = std::as_bytes(std::span(bytes_)).subspan(offset + 8, bytes - 8);
        const std::uint64_t sum = cold::piece_checksum(covered, seed_, offset);
        std::memcpy(&bytes_[offset], &sum, sizeof(sum));
    }

    std::string bytes_;
    std::uint64_t seed_, hash_seed_;
};

}  // namespace zverse::test
