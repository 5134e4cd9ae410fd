#include <cold/changes_sort.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace zverse::cold {

namespace {

/// Of the memory, for what is read.
std::size_t piece_bytes_of(std::size_t memory_bytes) noexcept {
    return std::clamp(memory_bytes / 16, std::size_t{16} << 10, BulkReader::kPieceBytesUsual);
}

}  // namespace

ChangesSort::ChangesSort(const Wanted& wanted, Means means)
    : wanted_(wanted),
      means_(std::move(means)),
      read_bytes_(piece_bytes_of(means_.memory_bytes)),
      sort_(means_.space, wanted.reverse, means_.memory_bytes - std::min(means_.memory_bytes, read_bytes_)) {}

Result<void> ChangesSort::sort(const Tree& tree) {
    for (const auto& component : tree.all()) {
        const std::string_view begin = std::max<std::string_view>(wanted_.keys.begin, component->begin());
        if (wanted_.keys.end && *wanted_.keys.end <= begin) continue;
        for (std::size_t part = component->part_from(begin); part < component->parts().size(); ++part) {
            const std::shared_ptr<const Segment>& segment = component->parts()[part];
            if (wanted_.keys.end && segment->first_key() >= *wanted_.keys.end) break;
            if (auto taken = take_part(segment, begin); !taken) return taken;
        }
    }
    return sort_.finish(means_.interrupt);
}

Result<void> ChangesSort::take_part(const std::shared_ptr<const Segment>& part, std::string_view begin) {
    const Box box{begin, wanted_.keys.end.value_or(""), wanted_.versions.after, wanted_.versions.upto, 0};
    std::unique_ptr<BulkReader> reader;
    const std::size_t blocks = part->zones().blocks();
    for (std::size_t at = part->zones().next(0, box); at != blocks; at = part->zones().next(at + 1, box)) {
        if (auto go_on = means_.interrupt(); !go_on) return go_on;
        if (reader == nullptr) {
            auto opened = BulkReader::open(means_.io, part, read_bytes_, BulkReader::Takes::blocks);
            if (!opened) return std::unexpected(std::move(opened.error()));
            reader = std::move(*opened);
        }
        if (auto taken = take_block(*reader, at, begin); !taken) return taken;
    }
    return {};
}

Result<void> ChangesSort::take_block(BulkReader& reader, std::size_t number, std::string_view begin) {
    const Segment& segment = reader.segment();
    auto block = reader.block(number);
    if (!block) return std::unexpected(std::move(block.error()));
    StoredRecord record;
    for (std::uint32_t at = block->begin(); at != block->end(); at = record.next) {
        if (!block->read(at, record)) {
            return std::unexpected(segment.damaged(segment.offset_of(number), "a block's records make no sense"));
        }
        if (record.version <= wanted_.versions.after || record.version > wanted_.versions.upto) continue;
        if (!block->read_key(record, key_)) {
            return std::unexpected(segment.damaged(segment.offset_of(number), "a block's records make no sense"));
        }
        if (key_ < begin || (wanted_.keys.end && key_ >= *wanted_.keys.end)) continue;
        if (auto taken = take_record(reader, record); !taken) return taken;
    }
    return {};
}

Result<void> ChangesSort::take_record(BulkReader& reader, const StoredRecord& record) {
    SortedRecord sorted;
    sorted.version = record.version;
    sorted.key = key_;
    sorted.tombstone = record.tombstone;
    if (record.is_outside && !wanted_.keys_only) {
        // Parts are taken one after the other.
        if (outside_.empty() || outside_.back() != reader.shared_segment()) outside_.push_back(reader.shared_segment());
        sorted.is_outside = true;
        sorted.segment = static_cast<std::uint32_t>(outside_.size() - 1);
        sorted.value_bytes = record.value_bytes;
        sorted.outside = record.outside;
    } else if (!wanted_.keys_only) {
        sorted.value = record.value;
    }
    return sort_.add(sorted);
}

Result<std::string_view> ChangesSort::value() {
    const SortedRecord& record = sort_.record();
    if (!record.is_outside) return record.value;
    if (record.segment >= outside_.size()) {
        return std::unexpected(Error(ErrorCode::corrupt, "a sorted record names a segment that it is not of"));
    }
    StoredRecord stored;
    stored.is_outside = true;
    stored.value_bytes = record.value_bytes;
    stored.outside = record.outside;
    return outside_[record.segment]->value(stored, value_hold_);
}

}  // namespace zverse::cold
