#include <cold/key_index.h>
#include <cold/segment_checksum.h>
#include <cold/segment_rebuild.h>
#include <cold/segment_salvage.h>
#include <cold/zone_map.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace zverse::cold {

namespace {

/// Blocks, in file order -> postings and zones, as the writer of the segment made them.
class SectionBuilder final : public SegmentSalvage::Visitor {
public:
    /// `keep_keys`: of all records, for sorted_keys().
    SectionBuilder(std::uint64_t hash_seed, bool keep_keys, const std::function<bool()>& stopped)
        : hash_seed_(hash_seed), keep_keys_(keep_keys), stopped_(stopped) {}

    void enter(std::uint64_t unit, std::uint32_t bytes) override {
        end_block();
        unit_ = static_cast<std::uint32_t>(unit);
        bytes_ = bytes;
    }
    [[nodiscard]] Result<void> take(std::string_view key, const StoredRecord& stored, std::uint32_t at) override {
        if (records_ == 0 || last_key_ != key || stored.version > last_version_) {
            index_.add(hash_key(key, hash_seed_),
                       static_cast<std::uint32_t>(unit_ << kPostingOffsetBits | at / kRecordAlignment));
            last_key_ = key;
        }
        last_version_ = stored.version;
        if (++records_ % 1024 == 0 && stopped_()) {
            return std::unexpected(Error(ErrorCode::closed, "Stopped before a segment was made again."));
        }
        if (keep_keys_) all_keys_.emplace_back(key);
        zones_.note({.key = key, .version = stored.version, .superseded = stored.superseded});
        return {};
    }
    void lose(LostPiece piece) override {
        if (lost_.empty()) lost_ = std::move(piece.what);
    }
    /// Behind the last record.
    void end_block() {
        if (bytes_ != 0) zones_.end_block(unit_, bytes_);
        bytes_ = 0;
    }

    /// What of the blocks could not be had; empty when all of them were.
    [[nodiscard]] const std::string& lost() const noexcept { return lost_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    [[nodiscard]] std::vector<std::string>& sorted_keys() {
        std::ranges::sort(all_keys_);
        return all_keys_;
    }
    [[nodiscard]] KeyIndexBuilder& index() noexcept { return index_; }
    [[nodiscard]] ZoneMapBuilder& zones() noexcept { return zones_; }

private:
    const std::uint64_t hash_seed_;
    const bool keep_keys_;
    const std::function<bool()>& stopped_;
    std::vector<std::string> all_keys_;
    KeyIndexBuilder index_;
    ZoneMapBuilder zones_;
    std::string last_key_, lost_;
    Version last_version_ = 0;
    std::uint64_t records_ = 0;
    std::uint32_t unit_ = 0, bytes_ = 0;
};

class SegmentRebuild {
public:
    SegmentRebuild(SegmentSalvage& segment, std::uint64_t hash_seed, const RangeHints& hints,
                   const std::function<bool()>& stopped)
        : segment_(segment), header_(segment.header()), hints_(hints), builder_(hash_seed, lacks_columns(), stopped) {}

    [[nodiscard]] Result<std::vector<SegmentPatch>> run();

private:
    [[nodiscard]] std::unexpected<Error> hopeless(const std::string& why) const {
        return std::unexpected(Error(ErrorCode::corrupt, segment_.file().path().string() + ": " + why));
    }
    [[nodiscard]] bool lacks_columns() const noexcept { return segment_.keys().empty() && header_.columns.bytes != 0; }
    [[nodiscard]] bool add_keys();
    [[nodiscard]] bool add_columns();
    [[nodiscard]] Result<void> make_section(const Section& section, std::span<const std::byte> bytes, const char* name);
    [[nodiscard]] Result<void> make_index();
    void copy_header();

    SegmentSalvage& segment_;
    const SegmentHeader& header_;
    const RangeHints& hints_;
    SectionBuilder builder_;
    std::vector<std::uint32_t> columns_;
    std::vector<SegmentPatch> patches_;
};

/// What the heap has behind the keys of zones: the ends of the range, then the keys of columns.
bool SegmentRebuild::add_keys() {
    const bool heap_is_whole = !segment_.keys().empty();
    KeyHeap& heap = builder_.zones().keys();
    const std::string begin = heap_is_whole ? segment_.range_begin().value_or("") : hints_.begin.value_or("");
    if (heap.add(begin) != header_.range_begin) return false;
    if (header_.range_end != kNoKey) {
        const auto& end = heap_is_whole ? segment_.range_end() : hints_.end;
        if (!end || heap.add(*end) != header_.range_end) return false;
    }
    return add_columns();
}

bool SegmentRebuild::add_columns() {
    KeyHeap& heap = builder_.zones().keys();
    std::string_view key;
    if (lacks_columns()) {
        // As even_columns() chose them.
        const std::vector<std::string>& keys = builder_.sorted_keys();
        const std::uint64_t count = header_.columns.bytes / sizeof(std::uint32_t) + 1;
        if (keys.empty() || header_.columns.bytes > header_.file_bytes) return false;
        for (std::uint64_t i = 1; i < count; ++i) columns_.push_back(heap.add(keys[i * keys.size() / count]));
        return true;
    }
    for (std::size_t at = heap.bytes().size(); at < segment_.keys().size(); at = heap.bytes().size()) {
        if (!heap_key(segment_.keys(), static_cast<std::uint32_t>(at), key)) return false;
        columns_.push_back(heap.add(key));
    }
    return true;
}

Result<void> SegmentRebuild::make_section(const Section& section, std::span<const std::byte> bytes, const char* name) {
    if (bytes.size() != section.bytes || piece_checksum(bytes, segment_.seed(), section.offset) != section.checksum) {
        return hopeless(std::string("its blocks do not make the ") + name + " that the header has the checksum of");
    }
    std::vector<std::byte> stored(bytes.size());
    const bool same = segment_.file().read_exact(stored, section.offset) && std::ranges::equal(stored, bytes);
    if (!same) patches_.push_back({section.offset, {bytes.begin(), bytes.end()}});
    return {};
}

Result<void> SegmentRebuild::make_index() {
    std::uint64_t homes = 0;
    std::vector<IndexPage> pages = builder_.index().build(homes);
    if (pages.size() * sizeof(IndexPage) != header_.index.bytes) return hopeless("its index had another size");
    auto stored = std::make_unique<IndexPage>();
    const auto into = std::as_writable_bytes(std::span(stored.get(), 1));
    std::uint64_t offset = header_.index.offset;
    for (IndexPage& page : pages) {
        const auto bytes = std::as_bytes(std::span(&page, 1));
        page.checksum = piece_checksum(bytes.subspan(sizeof(page.checksum)), segment_.seed(), offset);
        const bool read = segment_.file().read_exact(into, offset).has_value();
        if (!read || std::memcmp(stored.get(), &page, sizeof(page)) != 0) {
            const auto covered = std::as_bytes(std::span(stored.get(), 1)).subspan(sizeof(page.checksum));
            if (read && stored->checksum == piece_checksum(covered, segment_.seed(), offset)) {
                return hopeless("a page of its index is whole, and not what its blocks make");
            }
            patches_.push_back({offset, {bytes.begin(), bytes.end()}});
        }
        offset += sizeof(IndexPage);
    }
    return {};
}

void SegmentRebuild::copy_header() {
    const auto bytes = std::as_bytes(std::span(&header_, 1));
    std::vector<std::byte> stored(bytes.size());
    for (const std::uint64_t offset : {header_.file_bytes - kSegmentHeaderBytes, std::uint64_t{0}}) {
        const bool same = segment_.file().read_exact(stored, offset) && std::ranges::equal(stored, bytes);
        if (!same) patches_.push_back({offset, {bytes.begin(), bytes.end()}});
    }
}

Result<std::vector<SegmentPatch>> SegmentRebuild::run() {
    const auto file_bytes = segment_.file().size();
    if (!file_bytes) return std::unexpected(file_bytes.error());
    if (*file_bytes > header_.file_bytes) return hopeless("something lies behind its end");
    if (auto visited = segment_.visit(builder_); !visited) return std::unexpected(std::move(visited.error()));
    builder_.end_block();
    if (!builder_.lost().empty()) return hopeless(builder_.lost());
    if (builder_.records() != header_.records || builder_.zones().blocks() != header_.blocks ||
        builder_.index().size() != header_.postings) {
        return hopeless("its blocks do not have the records that the header says");
    }
    if (!add_keys()) return hopeless("the keys that its blocks do not tell are lost");
    const std::vector<Zone> zones = builder_.zones().build();
    const auto columns = std::as_bytes(std::span(columns_));
    const std::span<const std::byte> keys = builder_.zones().keys().bytes();
    if (auto made = make_section(header_.zones, std::as_bytes(std::span(zones)), "zones"); !made) {
        return std::unexpected(std::move(made.error()));
    }
    if (auto made = make_section(header_.columns, columns, "columns"); !made) {
        return std::unexpected(std::move(made.error()));
    }
    if (auto made = make_section(header_.keys, keys, "keys"); !made) return std::unexpected(std::move(made.error()));
    if (auto made = make_index(); !made) return std::unexpected(std::move(made.error()));
    copy_header();
    return std::move(patches_);
}

}  // namespace

Result<std::vector<SegmentPatch>> rebuild_sections(platform::FileIo& io, const std::filesystem::path& path,
                                                   const std::uint64_t (&store)[2], std::uint64_t segment,
                                                   const RangeHints& hints, const std::function<bool()>& stopped) {
    auto salvaged = SegmentSalvage::open(io, path, store, segment);
    if (!salvaged) return std::unexpected(std::move(salvaged.error()));
    return SegmentRebuild(*salvaged, segment_seed(store, 0), hints, stopped).run();
}

}  // namespace zverse::cold
