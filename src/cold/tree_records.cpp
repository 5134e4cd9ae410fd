#include <cold/bulk_reader.h>
#include <cold/tree_records.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace zverse::cold {

Result<HeldRecord> read_record(const RecordPlace& place, std::string& key) {
    auto block = place.segment->block(place.block);
    if (!block) return std::unexpected(std::move(block.error()));
    HeldRecord record;
    if (!block->read(place.offset, record) || !block->read_key(record, key)) {
        return std::unexpected(place.segment->damaged(place.segment->offset_of(place.block), "no record lies there"));
    }
    record.hold = block->hold();
    return record;
}

namespace {

Error no_record(const Segment& segment, std::size_t block) {
    return segment.damaged(segment.offset_of(block), "a block's records make no sense");
}

/// Collects places, at most twice as many as wanted; then the far half is let go, and the window ends before it.
class NearestPlaces {
public:
    NearestPlaces(VersionStretch wanted, bool reverse, std::size_t most, std::vector<RecordPlace>& places)
        : window_(wanted), reverse_(reverse), most_(std::max<std::size_t>(most, 1)), places_(places) {}

    [[nodiscard]] const VersionStretch& window() const noexcept { return window_; }
    [[nodiscard]] bool inside(Version version) const noexcept {
        return version > window_.after && version <= window_.upto;
    }
    void add(const RecordPlace& place) {
        places_.push_back(place);
        if (places_.size() >= 2 * most_) narrow();
    }
    /// There are more than were wanted, so that much is read.
    [[nodiscard]] bool narrowed() const noexcept { return narrowed_; }

private:
    [[nodiscard]] bool nearer(Version a, Version b) const noexcept { return reverse_ ? a > b : a < b; }

    void narrow() {
        narrowed_ = true;
        const auto middle = places_.begin() + static_cast<std::ptrdiff_t>(most_);
        std::ranges::nth_element(
            places_, middle, [&](const RecordPlace& a, const RecordPlace& b) { return nearer(a.version, b.version); });
        // The window ends before the version in the middle; a version that alone is more than enough stays whole.
        Version end = middle->version;
        const auto nearest = std::ranges::min_element(
            places_.begin(), middle, [&](Version a, Version b) { return nearer(a, b); }, &RecordPlace::version);
        if (nearest->version == end) end = reverse_ ? end - 1 : end + 1;
        if (reverse_) {
            window_.after = end;
        } else {
            window_.upto = end - 1;
        }
        std::erase_if(places_, [&](const RecordPlace& place) { return !inside(place.version); });
        if (places_.size() >= most_) most_ = places_.size();  // one large version
    }

    VersionStretch window_;
    bool reverse_;
    std::size_t most_;
    bool narrowed_ = false;
    std::vector<RecordPlace>& places_;
};

/// The blocks of a part, where they lie; those of a wide window, as far as they follow each other, read in bulk: in the
/// mapping each page that is not in memory is a fault of its own.
class PartBlocks {
public:
    PartBlocks(platform::FileIo& io, const std::shared_ptr<const Segment>& part) : io_(io), part_(part) {}

    /// Valid until the next call. Errors: corrupt, io, full (memory).
    [[nodiscard]] Result<BlockReader> block(std::size_t number, bool wide) {
        const bool follows = number == std::exchange(next_, number + 1);
        if (!wide || !follows) return part_->block(number);
        if (reader_ == nullptr) {
            auto opened = BulkReader::open(io_, part_, kPieceBytes, BulkReader::Takes::blocks);
            if (!opened) return std::unexpected(std::move(opened.error()));
            reader_ = std::move(*opened);
        }
        return reader_->block(number);
    }

private:
    static constexpr std::size_t kPieceBytes = std::size_t{64} << 10;  ///< small budgets have that beside their places

    platform::FileIo& io_;
    const std::shared_ptr<const Segment>& part_;
    std::unique_ptr<BulkReader> reader_;
    std::size_t next_ = 0;
};

Result<void> take_block(const Segment& segment, PartBlocks& blocks, std::size_t number, KeySpan keys,
                        NearestPlaces& nearest) {
    auto block = blocks.block(number, nearest.narrowed());
    if (!block) return std::unexpected(std::move(block.error()));
    // Where all keys of the block are in range, they need not be looked at.
    const Zone& zone = segment.zones().block(number);
    const bool all =
        segment.zones().first_key(zone) >= keys.begin && (!keys.end || segment.zones().last_key(zone) < *keys.end);
    std::string key;
    StoredRecord record;
    for (std::uint32_t at = block->begin(); at != block->end(); at = record.next) {
        if (!block->read(at, record)) return std::unexpected(no_record(segment, number));
        if (!nearest.inside(record.version)) continue;
        if (!all) {
            if (!block->read_key(record, key)) return std::unexpected(no_record(segment, number));
            if (key < keys.begin || (keys.end && key >= *keys.end)) continue;
        }
        nearest.add({record.version, &segment, static_cast<std::uint32_t>(number), at});
    }
    return {};
}

/// Within a version by key, which is looked up only where a version has several records.
Result<void> sort_places(std::vector<RecordPlace>& places, bool reverse) {
    std::ranges::sort(places, [&](const RecordPlace& a, const RecordPlace& b) {
        return reverse ? a.version > b.version : a.version < b.version;
    });
    struct Keyed {
        std::string key;
        RecordPlace place;
    };
    std::vector<Keyed> same;
    for (auto begin = places.begin(); begin != places.end();) {
        auto end = begin;
        while (end != places.end() && end->version == begin->version) ++end;
        if (end - begin > 1) {
            same.clear();
            for (auto at = begin; at != end; ++at) {
                Keyed& keyed = same.emplace_back(std::string(), *at);
                if (auto read = read_record(*at, keyed.key); !read) return std::unexpected(std::move(read.error()));
            }
            std::ranges::sort(same,
                              [&](const Keyed& a, const Keyed& b) { return reverse ? b.key < a.key : a.key < b.key; });
            std::ranges::transform(same, begin, [](const Keyed& keyed) { return keyed.place; });
        }
        begin = end;
    }
    return {};
}

}  // namespace

Result<VersionStretch> records_of_range(platform::FileIo& io, const Tree& tree, KeySpan keys, VersionStretch wanted,
                                        bool reverse, std::size_t most, std::vector<RecordPlace>& places) {
    places.clear();
    NearestPlaces nearest(wanted, reverse, most, places);
    for (const auto& component : tree.all()) {
        const std::string_view begin = std::max<std::string_view>(keys.begin, component->begin());
        if (keys.end && *keys.end <= begin) continue;
        for (std::size_t part = component->part_from(begin); part < component->parts().size(); ++part) {
            const Segment& segment = *component->parts()[part];
            if (keys.end && segment.first_key() >= *keys.end) break;
            PartBlocks blocks(io, component->parts()[part]);
            for (std::size_t at = 0;; ++at) {
                // The window narrows on the way.
                const Box box{begin, keys.end.value_or(""), nearest.window().after, nearest.window().upto, 0};
                at = segment.zones().next(at, box);
                if (at == segment.zones().blocks()) break;
                if (auto taken = take_block(segment, blocks, at, {begin, keys.end}, nearest); !taken) {
                    return std::unexpected(std::move(taken.error()));
                }
            }
        }
    }
    if (auto sorted = sort_places(places, reverse); !sorted) return std::unexpected(std::move(sorted.error()));
    return nearest.window();
}

}  // namespace zverse::cold
