// Segments for tests: random records of a small world, and the files made of them.
#pragma once

#include <support/random.h>
#include <support/results.h>

#include <cold/curve_order.h>
#include <cold/dictionary.h>
#include <cold/segment.h>
#include <cold/segment_checksum.h>
#include <cold/segment_writer.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::test {

/// A record that owns its bytes.
struct OwnRecord {
    std::string key, value;
    Version version = 0;
    Version superseded = cold::kOpen;
    bool tombstone = false;

    [[nodiscard]] cold::Record view() const { return {key, value, version, superseded, tombstone}; }
    [[nodiscard]] bool operator==(const OwnRecord&) const = default;
};

struct RecordWorld {
    std::size_t keys = 100;
    std::size_t records = 1000;
    Version after = 0, upto = 2000;
    bool live = false;         ///< each key once, open
    bool long_keys = false;    ///< with common prefixes of many lengths
    bool large_values = false;  ///< some outside their block
    bool texts = false;  ///< values that compress, now and then one that does not
};

inline std::string random_key(Random& random, const RecordWorld& world) {
    std::string key = std::to_string(random.below(world.keys));
    if (world.long_keys) key = std::string(random.below(3) * 40, static_cast<char>('a' + random.below(2))) + key;
    return key;
}

/// About what programs store: the same names again and again, and some digits.
inline std::string random_text(Random& random) {
    static constexpr const char* kStates[] = {"active", "suspended", "pending", "closed"};
    return "{\"user\":\"user" + std::to_string(random.below(10'000)) + "\",\"state\":\"" + kStates[random.below(4)] +
           "\",\"balance\":" + std::to_string(random.below(1'000'000)) + ",\"currency\":\"EUR\"}";
}

/// Not trained, but zstd takes any bytes.
inline std::vector<std::byte> some_dictionary(Random& random) {
    std::string text;
    for (int i = 0; i < 20; ++i) text += random_text(random);
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline constexpr std::string_view kCompressedShape = "zstd ";  ///< in front of a curve

/// For segment 1 of a store, with small blocks. `shape`: nothing for a live one, else the curve of a history. Says in
/// `world` what records it is for.
inline cold::SegmentPlan plan_of_shape(std::string_view shape, const std::uint64_t (&store)[2], Random& random,
                                       RecordWorld& world) {
    cold::SegmentPlan plan;
    plan.store[0] = store[0];
    plan.store[1] = store[1];
    plan.segment = 1;
    plan.compress = world.texts = shape.starts_with(kCompressedShape);
    world.live = shape.empty();
    plan.kind = world.live ? cold::SegmentKind::live : cold::SegmentKind::history;
    plan.slab_after = world.after;
    plan.slab_upto = world.upto;
    plan.curve = must(cold::Curve::parse(plan.compress ? shape.substr(kCompressedShape.size()) : shape));
    if (plan.compress) plan.dictionary = some_dictionary(random);
    plan.block_bytes = 1024;
    return plan;
}

inline std::string random_value(Random& random, const RecordWorld& world) {
    if (world.texts && !random.one_in(30)) return random_text(random);
    if (world.large_values && random.one_in(20)) return random.bytes(random.between(4000, 9000));
    return random.bytes(random.below(random.one_in(10) ? 1000 : 60));
}

/// Sorted by (key, version descending), as a merge delivers them.
inline std::vector<OwnRecord> random_records(Random& random, const RecordWorld& world) {
    std::map<std::pair<std::string, Version>, OwnRecord> by_key;  // second: how far below the newest
    for (std::size_t i = 0; i < world.records; ++i) {
        OwnRecord record;
        record.key = random_key(random, world);
        record.version = random.between(world.after + 1, world.upto);
        record.tombstone = random.one_in(8);
        if (!record.tombstone) record.value = random_value(random, world);
        by_key.insert_or_assign({record.key, world.live ? 0 : cold::kOpen - record.version}, record);
    }
    std::vector<OwnRecord> records;
    for (auto& [place, record] : by_key) {
        if (!world.live) {
            const bool newest = records.empty() || records.back().key != record.key;
            record.superseded = newest ? record.version + random.between(1, 100) : records.back().version;
        }
        records.push_back(std::move(record));
    }
    return records;
}

/// What a history segment of `records` would be sorted by.
inline cold::CurveGrid grid_of(const std::vector<OwnRecord>& records, const cold::Curve& curve, Version after,
                               Version upto) {
    std::vector<cold::Record> views;
    for (const OwnRecord& record : records) views.push_back(record.view());
    return {curve, after, upto, cold::even_columns(views, curve)};
}

/// Writes `records`, in key order, as a segment.
inline cold::SegmentHeader write_segment(platform::FileIo& io, const std::filesystem::path& path,
                                         cold::SegmentPlan plan, const std::vector<OwnRecord>& records,
                                         const std::optional<std::string>& range_end = std::nullopt) {
    std::vector<cold::Record> views;
    for (const OwnRecord& record : records) views.push_back(record.view());
    plan.columns = cold::even_columns(views, plan.curve);
    const cold::CurveGrid grid(plan.curve, plan.slab_after, plan.slab_upto, plan.columns);
    const auto order = cold::curve_order(views, grid, platform::kernels_for(platform::best_kernel_level()));
    if (plan.compress && plan.dictionary.empty()) {
        plan.dictionary =
            must(cold::dictionary_for(views, order.records, {plan.slab_after, plan.block_bytes, plan.unit_bytes}));
    }
    cold::SegmentWriter writer = must(cold::SegmentWriter::create(io, path, std::move(plan)));
    for (std::size_t i = 0; i < order.records.size(); ++i) {
        if (std::ranges::binary_search(order.leaps, i)) writer.begin_block();
        must(writer.add(views[order.records[i]]));
    }
    return must(writer.finish(range_end));
}

/// Takes a record out of its block.
inline OwnRecord take_record(const cold::Segment& segment, const cold::BlockReader& block,
                             const cold::StoredRecord& stored) {
    OwnRecord record;
    if (!block.read_key(stored, record.key)) throw std::runtime_error("a record without its key");
    cold::BlockHold hold;
    record.value = must(segment.value(stored, hold));
    record.version = stored.version;
    record.superseded = stored.superseded;
    record.tombstone = stored.tombstone;
    return record;
}

/// Every record of a segment, in file order.
inline std::vector<OwnRecord> read_all(const cold::Segment& segment) {
    std::vector<OwnRecord> records;
    for (std::size_t i = 0; i < segment.zones().blocks(); ++i) {
        const cold::BlockReader block = must(segment.block(i));
        cold::StoredRecord stored;
        for (std::uint32_t at = block.begin(); at != block.end(); at = stored.next) {
            if (!block.read(at, stored)) throw std::runtime_error("no record where one should be");
            records.push_back(take_record(segment, block, stored));
        }
    }
    return records;
}

/// What a segment alone knows of a key as of a version.
inline Result<cold::Segment::Hit> find_in(const cold::Segment& segment, std::string_view key, std::uint64_t hash,
                                          Version as_of) {
    cold::Segment::Hit hit;
    if (auto asked = segment.find(key, hash, as_of, hit); !asked) return std::unexpected(std::move(asked.error()));
    return hit;
}

}  // namespace zverse::test
