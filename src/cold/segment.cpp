// Orders: see segment.h.
#include <cold/compressed_block.h>
#include <cold/segment.h>
#include <cold/segment_checksum.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

namespace zverse::cold {

namespace {
/// Of a search from one version of a key to an older one, before it goes by restart records.
constexpr unsigned kStepsDown = 8;
}  // namespace

Segment::~Segment() {
    if (remover_ == nullptr) return;
    mapping_ = {};
    remover_->remove(path_);
}

Error Segment::damaged(std::uint64_t offset, const char* what) const {
    return {ErrorCode::corrupt, path_.string() + " is damaged at offset " + std::to_string(offset) + ": " + what};
}

Result<void> Segment::load(std::uint64_t offset, std::uint64_t bytes) const {
    auto loaded = mapping_.load(offset, bytes);
    if (!loaded) return std::unexpected(std::move(loaded.error()).during(path_.string()));
    return {};
}

bool Segment::inside(std::uint64_t offset, std::uint64_t bytes) const noexcept {
    // Between the two headers.
    const std::uint64_t end = mapping_.bytes().size() - kSegmentHeaderBytes;
    return offset >= kSegmentHeaderBytes && offset <= end && bytes <= end - offset;
}

namespace {

Result<void> check_features(const std::filesystem::path& path, std::uint64_t wanted) {
    if ((wanted & ~features::kZstd) != 0) {
        return std::unexpected(
            Error(ErrorCode::incompatible,
                  path.string() + " needs features " + std::to_string(wanted) + " that this build does not have"));
    }
    if (wanted != 0 && !platform::has_compression()) {
        return std::unexpected(
            Error(ErrorCode::incompatible, path.string() + " is compressed by zstd, and this build has no libzstd"));
    }
    return {};
}

}  // namespace

/// The front header, or the one at the end when that is damaged.
Result<void> Segment::read_header(const std::uint64_t (&store)[2], std::uint64_t segment) {
    const std::span<const std::byte> bytes = mapping_.bytes();
    if (bytes.size() < 2 * kSegmentHeaderBytes || bytes.size() % kSegmentHeaderBytes != 0) {
        return std::unexpected(damaged(bytes.size(), "the file ends too early"));
    }
    std::optional<Error> unread;
    for (const std::uint64_t at : {std::uint64_t{0}, bytes.size() - kSegmentHeaderBytes}) {
        auto read =
            file_ != nullptr ? copy(std::as_writable_bytes(std::span(&header_, 1)), at) : load(at, kSegmentHeaderBytes);
        if (!read) {
            if (read.error().os_errno() != EIO) return read;
            unread = std::move(read.error());
            continue;
        }
        if (file_ == nullptr) std::memcpy(&header_, bytes.data() + at, sizeof(header_));
        if (header_.magic != kSegmentMagic || header_.checksum != header_checksum(header_)) continue;
        if (auto known = check_features(path_, header_.features); !known) return known;
        if (header_.store[0] != store[0] || header_.store[1] != store[1] || header_.segment != segment) {
            return std::unexpected(damaged(at, "it is a segment of another name or store"));
        }
        seed_ = segment_seed(store, segment);
        return check_header();
    }
    if (unread) return std::unexpected(std::move(*unread));
    return std::unexpected(damaged(0, "neither header's checksum is right"));
}

Result<void> Segment::check_header() const {
    const auto refuse = [this](const char* what) { return std::unexpected(damaged(0, what)); };
    const SegmentHeader& h = header_;
    if (h.file_bytes != mapping_.bytes().size()) return refuse("the file does not have the bytes it says");
    if (h.kind != SegmentKind::live && h.kind != SegmentKind::history) return refuse("an unknown kind of segment");
    if (h.unit_bytes < kUnitBytes || h.unit_bytes > h.file_bytes || !std::has_single_bit(h.unit_bytes)) {
        return refuse("an impossible unit");
    }
    if (h.records == 0 || h.blocks == 0 || h.blocks > h.records || h.blocks > h.file_bytes / h.unit_bytes ||
        h.records / h.blocks > kBlockBytesMax / kRecordAlignment || h.postings == 0 || h.postings > h.records) {
        return refuse("impossible counts");
    }
    if (h.level > kLevelMax) return refuse("an impossible level");
    if (h.slab_after >= h.slab_upto || h.version_min <= h.slab_after || h.version_max > h.slab_upto ||
        h.version_min > h.version_max) {
        return refuse("impossible versions");
    }
    if (h.curve_bits > kCurveBytes || h.replaced_count > kReplacedMax) return refuse("impossible counts");
    const std::uint64_t pages = h.index.bytes / sizeof(IndexPage);
    const std::uint64_t homes = home_buckets_for(h.postings);
    if (!inside(h.index.offset, h.index.bytes) || h.index.bytes % sizeof(IndexPage) != 0 ||
        h.index.offset % alignof(IndexPage) != 0 || homes > pages * IndexPage::kBuckets) {
        return refuse("an impossible index");
    }
    if (h.zones.offset % alignof(Zone) != 0 || h.zones.bytes != zone_count(h.blocks) * sizeof(Zone) ||
        h.columns.offset % alignof(std::uint32_t) != 0) {
        return refuse("impossible sections");
    }
    const bool compressed = (h.features & features::kZstd) != 0;
    if (h.dictionary.bytes > (compressed ? kDictionaryBytesMax : 0)) return refuse("an impossible dictionary");
    // Scans show values of live segments where they lie.
    if (compressed && h.kind == SegmentKind::live) return refuse("a live segment that is compressed");
    return {};
}

Result<std::span<const std::byte>> Segment::keep(std::uint64_t offset, std::uint64_t bytes) {
    if (file_ == nullptr) {
        if (auto loaded = load(offset, bytes); !loaded) return std::unexpected(std::move(loaded.error()));
        return mapping_.bytes().subspan(offset, bytes);
    }
    copies_.push_back(std::make_unique_for_overwrite<std::byte[]>(bytes));
    const std::span<std::byte> kept(copies_.back().get(), bytes);
    if (auto read = copy(kept, offset); !read) return std::unexpected(std::move(read.error()));
    copied_bytes_ += bytes;
    return kept;
}

Result<std::span<const std::byte>> Segment::section(const Section& section, const char* what) {
    if (!inside(section.offset, section.bytes)) return std::unexpected(damaged(section.offset, what));
    auto bytes = keep(section.offset, section.bytes);
    if (bytes && piece_checksum(*bytes, seed_, section.offset) != section.checksum) {
        return std::unexpected(damaged(section.offset, what));
    }
    return bytes;
}

Result<void> Segment::read_sections() {
    auto curve = Curve::parse({header_.curve.data(), header_.curve_bits});
    if (!curve) return std::unexpected(damaged(0, "an impossible curve"));
    curve_ = *curve;
    auto zones = section(header_.zones, "the zones' checksum is wrong");
    if (!zones) return std::unexpected(std::move(zones.error()));
    auto keys = section(header_.keys, "the keys' checksum is wrong");
    if (!keys) return std::unexpected(std::move(keys.error()));
    zones_ =
        ZoneMap({reinterpret_cast<const Zone*>(zones->data()), zones->size() / sizeof(Zone)}, header_.blocks, *keys);
    const std::uint64_t units = std::min(header_.file_bytes / header_.unit_bytes, kBlockUnitsMax);
    if (!zones_.plausible(units)) return std::unexpected(damaged(header_.zones.offset, "impossible zones"));
    const Zone& all = zones_.top();
    first_key_ = zones_.first_key(all);
    last_key_ = zones_.last_key(all);
    std::string_view end;
    if (!heap_key(*keys, header_.range_begin, range_begin_) ||
        (header_.range_end != kNoKey && !heap_key(*keys, header_.range_end, end))) {
        return std::unexpected(damaged(header_.keys.offset, "the key range is not there"));
    }
    if (header_.range_end != kNoKey) range_end_ = end;
    auto columns = section(header_.columns, "the columns' checksum is wrong");
    if (!columns) return std::unexpected(std::move(columns.error()));
    columns_ = {reinterpret_cast<const std::uint32_t*>(columns->data()), columns->size() / sizeof(std::uint32_t)};
    keys_ = *keys;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::string_view key;
        if (!heap_key(keys_, columns_[i], key) || (i > 0 && key < column(i - 1))) {
            return std::unexpected(damaged(header_.columns.offset, "impossible columns"));
        }
    }
    if (auto done = read_dictionary(); !done) return done;
    home_buckets_ = home_buckets_for(header_.postings);
    checked_ = make_bits(header_.file_bytes / header_.unit_bytes);
    checked_pages_ = make_bits(header_.index.bytes / sizeof(IndexPage));
    checked_values_ = make_bits(header_.file_bytes / kOutsideValueBytes);
    return {};
}

Result<void> Segment::read_dictionary() {
    if ((header_.features & features::kZstd) == 0) return {};
    std::span<const std::byte> dictionary;
    if (header_.dictionary.bytes != 0) {
        auto bytes = section(header_.dictionary, "the dictionary's checksum is wrong");
        if (!bytes) return std::unexpected(std::move(bytes.error()));
        dictionary = *bytes;
    }
    auto decompressor = platform::Decompressor::create(dictionary);
    if (!decompressor) {
        if (decompressor.error().code() == ErrorCode::corrupt) {
            return std::unexpected(damaged(header_.dictionary.offset, "an impossible dictionary"));
        }
        return std::unexpected(std::move(decompressor.error()).during("opening " + path_.string()));
    }
    decompressor_ = std::move(*decompressor);
    return {};
}

Result<std::shared_ptr<Segment>> Segment::open(platform::FileIo& io, const std::filesystem::path& path,
                                               const std::uint64_t (&store)[2], std::uint64_t id,
                                               std::shared_ptr<BlockCache> cache, SegmentReads reads) {
    auto file = io.open(path, platform::OpenMode::read);
    if (!file) return std::unexpected(std::move(file.error()));
    auto mapping = platform::ReadMapping::map(**file);
    if (!mapping) return std::unexpected(std::move(mapping.error()));
    std::shared_ptr<Segment> segment(new Segment(path, std::move(*mapping), std::move(cache)));
    if (reads == SegmentReads::copied) segment->file_ = std::move(*file);
    if (auto done = segment->read_header(store, id); !done) return std::unexpected(std::move(done.error()));
    if (auto done = segment->read_sections(); !done) return std::unexpected(std::move(done.error()));
    return segment;
}

Result<const IndexBucket*> Segment::bucket(std::uint64_t number) const {
    const std::uint64_t at = number / IndexPage::kBuckets;
    if (at >= header_.index.bytes / sizeof(IndexPage)) {
        return std::unexpected(damaged(header_.index.offset, "the index overflows its end"));
    }
    const std::uint64_t offset = header_.index.offset + at * sizeof(IndexPage);
    const IndexPage& here = page(at);
    if (!is_set(checked_pages_, at)) [[unlikely]] {
        if (auto loaded = load(offset, sizeof(here)); !loaded) return std::unexpected(std::move(loaded.error()));
        const auto bytes = std::as_bytes(std::span(&here, 1)).subspan(sizeof(here.checksum));
        if (piece_checksum(bytes, seed_, offset) != here.checksum) {
            return std::unexpected(damaged(offset, "the checksum of a page of the index is wrong"));
        }
        set(checked_pages_, at);
    }
    return &here.buckets[number % IndexPage::kBuckets];
}

Result<const std::byte*> Segment::block_bytes(std::uint64_t unit) const {
    const std::uint64_t offset = unit * header_.unit_bytes;
    const std::byte* const bytes = mapping_.bytes().data() + offset;
    if (unit / 64 >= checked_.size() || !checked(unit)) [[unlikely]] {
        // Blocks end where the index begins.
        const bool before_index = inside(offset, sizeof(BlockHeader)) && offset < header_.index.offset;
        if (!before_index) return std::unexpected(damaged(offset, "no block lies there"));
        if (auto loaded = load(offset, kRecordsBeginMax); !loaded) return std::unexpected(std::move(loaded.error()));
        BlockHeader header{};
        std::memcpy(&header, bytes, sizeof(header));
        if (auto good = check_block_header(header, offset); !good) return std::unexpected(std::move(good.error()));
        if (header.bytes > kRecordsBeginMax) {
            if (auto loaded = load(offset, header.bytes); !loaded) return std::unexpected(std::move(loaded.error()));
        }
        if (auto good = check_block_bytes({bytes, header.bytes}, offset); !good) {
            return std::unexpected(std::move(good.error()));
        }
        set(checked_, unit);
    }
    return bytes;
}

Result<void> Segment::check_block_header(const BlockHeader& header, std::uint64_t offset) const {
    // Blocks end where the index begins.
    if (!BlockReader::plausible(header, header_.index.offset - offset)) {
        return std::unexpected(damaged(offset, "no block lies there"));
    }
    if (header.raw_bytes == 0 || decompressor_) return {};
    return std::unexpected(damaged(offset, "a compressed block, and the segment says that it has none"));
}

Result<void> Segment::check_block_bytes(std::span<const std::byte> stored, std::uint64_t offset) const {
    BlockHeader header{};
    std::memcpy(&header, stored.data(), sizeof(header));
    const bool whole = header.bytes == stored.size();
    if (whole && header.checksum == piece_checksum(stored.subspan(sizeof(header.checksum)), seed_, offset)) return {};
    return std::unexpected(damaged(offset, "a block's checksum is wrong"));
}

Result<BlockReader> Segment::block(std::size_t number) const {
    const std::uint64_t unit = zones_.block(number).child;
    if (file_ != nullptr) return copied_block(unit);
    auto bytes = block_bytes(unit);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    return read_block(unit, *bytes);
}

Result<BlockReader> Segment::read_block(std::uint64_t unit, const std::byte* stored) const {
    if (!decompressor_) return BlockReader(stored, header_.slab_after);
    BlockHeader header{};
    std::memcpy(&header, stored, sizeof(header));
    if (header.raw_bytes == 0) return BlockReader(stored, header_.slab_after);
    auto raw = decompressed(unit, stored, header);
    if (!raw) return std::unexpected(std::move(raw.error()));
    const std::byte* const bytes = raw->get();
    return BlockReader(bytes, header_.slab_after, std::move(*raw));
}

Result<BlockHold> Segment::decompressed(std::uint64_t unit, const std::byte* stored, const BlockHeader& header) const {
    if (cache_ != nullptr) {
        if (BlockHold kept = cache_->find(header_.segment, unit)) return kept;
    }
    const std::shared_ptr<std::byte[]> raw(new std::byte[header.raw_bytes]);
    auto done = decompress_block(*decompressor_, {stored, header.bytes}, {raw.get(), header.raw_bytes});
    if (!done) return std::unexpected(std::move(done.error()));
    if (!*done) {
        return std::unexpected(damaged(unit * header_.unit_bytes, "a block does not decompress to what it says"));
    }
    if (cache_ != nullptr) cache_->keep(header_.segment, unit, header.raw_bytes, raw);
    return BlockHold(raw);
}

Result<std::string_view> Segment::outside_value(const StoredRecord& record) const {
    const std::uint64_t offset = record.outside.offset;
    if (auto good = check_outside(record.outside, record.value_bytes); !good) {
        return std::unexpected(std::move(good.error()));
    }
    const auto bytes = mapping_.bytes().subspan(offset, record.value_bytes);
    if (!is_set(checked_values_, offset / kOutsideValueBytes)) {
        if (auto loaded = load(offset, record.value_bytes); !loaded) return std::unexpected(std::move(loaded.error()));
        if (auto good = check_outside(record.outside, bytes); !good) return std::unexpected(std::move(good.error()));
        if (block_number(offset / header_.unit_bytes)) return std::unexpected(damaged(offset, "a block lies there"));
        set(checked_values_, offset / kOutsideValueBytes);
    }
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::size_t> Segment::block_number(std::uint64_t unit) const {
    std::size_t low = 0, high = zones_.blocks();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (zones_.block(middle).child < unit) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < zones_.blocks() && zones_.block(low).child == unit) return low;
    return std::unexpected(damaged(unit * header_.unit_bytes, "no block begins where the index says"));
}

bool Segment::stretch_may_hold(std::size_t block, std::string_view key, Version after, Version upto) const noexcept {
    const Zone& zone = zones_.block(block);
    if (zone.version_max <= after) return false;  // it only goes down from there
    if (zone.version_min <= upto) return true;
    // It may go on in the next block.
    if (++block == zones_.blocks()) return false;
    const Zone& next = zones_.block(block);
    return key >= zones_.first_key(next) && key <= zones_.last_key(next);
}

template <class Visit>
Result<void> Segment::for_each_posting(std::string_view key, std::uint64_t hash, const Version& after, Version upto,
                                       Visit&& visit) const {
    for (std::uint64_t number = home_of(hash, home_buckets_);; ++number) {
        IndexBucket copy;  // NOLINT(cppcoreguidelines-pro-type-member-init): read where it was written
        const IndexBucket* line = &copy;
        if (file_ != nullptr) [[unlikely]] {
            auto read = copied_bucket(number);
            if (!read) return std::unexpected(std::move(read.error()));
            copy = *read;
        } else {
            auto found = bucket(number);
            if (!found) return std::unexpected(std::move(found.error()));
            line = *found;
        }
        const IndexBucket& bucket = *line;
        unsigned matches = match_tags(bucket, tag_of(hash));
        // To ask the zones pays where a key has several stretches.
        const bool ask_zones = header_.kind == SegmentKind::history && (matches & (matches - 1)) != 0;
        for (; matches != 0; matches &= matches - 1) {
            const std::uint32_t posting = bucket.postings[std::countr_zero(matches)];
            const std::uint64_t unit = posting >> kPostingOffsetBits;
            if (ask_zones) {
                auto block = block_number(unit);
                if (!block) return std::unexpected(std::move(block.error()));
                if (!stretch_may_hold(*block, key, after, upto)) continue;
            }
            const auto offset =
                static_cast<std::uint32_t>((posting & ((1U << kPostingOffsetBits) - 1)) * kRecordAlignment);
            BlockReader reader;
            if (file_ != nullptr) [[unlikely]] {
                auto read = copied_block(unit);
                if (!read) return std::unexpected(std::move(read.error()));
                reader = std::move(*read);
            } else {
                if (!decompressor_) prefetch_record(posting);
                auto block = block_bytes(unit);
                if (!block) return std::unexpected(std::move(block.error()));
                reader = BlockReader(*block, mapping_.bytes().data() + header_.index.offset, header_.slab_after);
                if (decompressor_) [[unlikely]] {
                    auto raw = read_block(unit, *block);
                    if (!raw) return std::unexpected(std::move(raw.error()));
                    reader = std::move(*raw);
                }
            }
            StoredRecord record;
            if (!reader.read(offset, record)) {
                return std::unexpected(damaged(unit * header_.unit_bytes + offset, "no record lies there"));
            }
            if (!reader.has_key(record, key)) continue;
            auto more = visit(reader, unit, offset, record);
            if (!more) return std::unexpected(std::move(more.error()));
            if (!*more) return {};
        }
        if ((bucket.meta & IndexBucket::kOverflow) == 0) return {};
    }
}

/// The first block behind `number` that may end the way down, by the zones: blocks in between hold nothing but versions
/// of the key below `above` and above `as_of`.
std::size_t Segment::block_down(std::size_t number, std::string_view key, Version as_of, Version above) const noexcept {
    for (++number; number < zones_.blocks(); ++number) {
        const Zone& zone = zones_.block(number);
        const bool only_key = zones_.first_key(zone) == key && zones_.last_key(zone) == key;
        if (!only_key || zone.version_min <= as_of || zone.version_max >= above) break;
        above = zone.version_min;
    }
    return number;
}

Result<bool> Segment::walk_down(BlockReader& reader, std::uint64_t unit, std::uint32_t offset, std::string_view key,
                                Version as_of, StoredRecord& record) const {
    std::optional<std::size_t> number;
    Version above = record.version;
    for (unsigned steps = 0; record.version > as_of; ++steps) {
        // Most keys have few versions. Of one with many the way goes by restart records, once in each block.
        if (steps == kStepsDown && !reader.skip_down(key, as_of, offset, record)) {
            return std::unexpected(damaged(unit * header_.unit_bytes + offset, "no restart record lies behind it"));
        }
        std::uint32_t next = record.next;
        if (next >= reader.end()) {
            if (!number) {
                auto found = block_number(unit);
                if (!found) return std::unexpected(std::move(found.error()));
                number = *found;
            }
            number = block_down(*number, key, as_of, record.version);
            if (*number == zones_.blocks()) return false;
            auto behind = block(*number);
            if (!behind) return std::unexpected(std::move(behind.error()));
            reader = std::move(*behind);
            next = reader.begin();
            unit = zones_.block(*number).child;
            steps = kStepsDown - 1;
        }
        offset = next;
        above = record.version;
        if (!reader.read(offset, record)) {
            return std::unexpected(damaged(unit * header_.unit_bytes + offset, "no record lies there"));
        }
        if (!reader.has_key(record, key) || record.version > above) return false;
    }
    return true;
}

Result<void> Segment::find(std::string_view key, std::uint64_t hash, Version as_of, Hit& best) const {
    return for_each_posting(
        key, hash, best.record.version, as_of,
        [&](BlockReader& reader, std::uint64_t unit, std::uint32_t offset, StoredRecord& record) -> Result<bool> {
            if (record.version > as_of) {
                auto found = walk_down(reader, unit, offset, key, as_of, record);
                if (!found) return std::unexpected(std::move(found.error()));
                if (!*found) return header_.kind == SegmentKind::history;
            }
            if (record.version > best.record.version) {
                best.segment = this;
                best.record = record;
                best.hold = reader.hold();
            }
            return header_.kind == SegmentKind::history;  // a live segment has each key once
        });
}

Result<void> Segment::postings(std::string_view key, std::uint64_t hash, Version after, Version upto,
                               std::vector<Place>& places) const {
    return for_each_posting(
        key, hash, after, upto,
        [&](const BlockReader&, std::uint64_t unit, std::uint32_t offset, StoredRecord&) -> Result<bool> {
            auto number = block_number(unit);
            if (!number) return std::unexpected(std::move(number.error()));
            places.push_back({*number, offset});
            return true;
        });
}

}  // namespace zverse::cold
