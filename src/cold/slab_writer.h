// SlabWriter: the records of a slab in (key, version descending) order -> a live and a history component, part by part.
//
// Data flow: of each key the newest record is live and streams into the live segment; the others wait until the part
// ends, are sorted along the curve and become the history segment. Of what waits the keys are copied. Values stay where
// they lie, in the rings, or are copied, too, where somebody reads them piece by piece; but large ones, outside of
// their block, are left there and read when they are written. A part ends between two keys when a segment has its size
// or its memory, or what waits has its memory, so a merge can be published and its inputs released range by range.
//
// The curve of a history is chosen when its records are at hand: curve_choice.h.
//
// Compression: history segments from kCompressedLevelMin on, and those that are written out of others, with a
// dictionary where one pays. What a flush writes is read often, and soon: it stays as it is.
//
// Retention: what was superseded at or before the floor is left out.
#pragma once

#include <cold/bulk_reader.h>
#include <cold/byte_arena.h>
#include <cold/curve_choice.h>
#include <cold/curve_order.h>
#include <cold/segment_writer.h>
#include <zverse/options.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::cold {

/// The lowest level whose history is compressed.
inline constexpr std::uint32_t kCompressedLevelMin = 1;

/// The file of a segment in the directory of segments.
[[nodiscard]] std::filesystem::path segment_path(const std::filesystem::path& directory, std::uint64_t segment);

struct SlabPlan {
    std::uint64_t store[2] = {0, 0};
    std::filesystem::path directory;
    std::function<std::uint64_t()> next_id;  ///< of segments
    std::uint64_t live_component = 0;
    std::uint64_t history_component = 0;
    std::uint32_t level = 0;
    Version slab_after = 0;
    Version slab_upto = 0;
    std::vector<std::uint64_t> replaced;
    std::uint32_t live_part = 0;  ///< number of the first one, when a merge goes on
    std::uint32_t history_part = 0;
    std::string range_begin;  ///< where it goes on
    Version floor = 0;
    bool drop_tombstones = false;  ///< those <= floor: nothing older is left that they cover
    std::int64_t created = 0;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::uint64_t waiting_bytes = std::uint64_t{32} << 20;  ///< memory for what waits, and until it is written
    std::uint64_t builder_bytes = std::uint64_t{32} << 20;  ///< memory for the index and the zones of a live segment
    bool values_stay = true;  ///< until the part ends; else those that wait are copied
    bool by_key = true;  ///< records come in the order of keys; else in any, and all of them are superseded
    std::size_t block_bytes = kRecordsBeginMax;
    CurvePolicy curve;
    std::shared_ptr<const QueryMix> queries;  ///< that histories were asked lately; may be null
    CurveLog* curves = nullptr;  ///< takes note of what was chosen; may be null
    Compression compression = Compression::none;
    const platform::Kernels* kernels = nullptr;
};

/// A part that was written: its segments, renamed and synced; none when nothing was left of the records.
struct SlabPart {
    std::vector<std::uint64_t> segments;
    std::string range_begin;
    std::optional<std::string> range_end;
};

class SlabWriter {
public:
    SlabWriter(platform::FileIo& io, SlabPlan plan);
    /// Removes what was begun and not finished, and parts that were not kept.
    ~SlabWriter();
    SlabWriter(const SlabWriter&) = delete;
    SlabWriter& operator=(const SlabWriter&) = delete;

    /// Whether the part has its size and should end before a key whose value has `value_bytes`.
    [[nodiscard]] bool part_full(std::uint64_t value_bytes) const noexcept;
    /// A value that is to be read where it lies when it is written.
    struct Outside {
        std::shared_ptr<const Segment> segment;
        OutsideValue place;
    };
    /// The next record; `superseded` of the first one of a key is kOpen. `outside`: only for superseded ones; then of
    /// the value nothing counts but its size.
    [[nodiscard]] Result<void> add(const Record& record, const Outside* outside = nullptr);
    /// The next record of a part whose records are all superseded and come by key and from the newest version on: it
    /// does not wait. Nothing else is in the part. `bytes_most`: of the segment, about.
    [[nodiscard]] Result<void> add_in_order(const Record& record, std::uint64_t bytes_most);
    /// How much of what a part may have those records take that wait; more than 1: it should have ended.
    [[nodiscard]] double waiting_share() const noexcept;
    [[nodiscard]] std::size_t waiting_records() const noexcept { return waiting_.size(); }
    /// A key in the middle of those that wait, not the smallest one; nothing where all are the same.
    [[nodiscard]] std::optional<std::string> middle_key() const;
    /// The key of one of those that wait, of which there are some.
    [[nodiscard]] std::string_view waiting_key() const noexcept { return waiting_.front().key; }
    /// As if they had never been added.
    void drop_waiting() noexcept { clear_waiting(); }
    /// Ends the part before `range_end`, or as the last one. On return its segments survive power loss.
    [[nodiscard]] Result<SlabPart> end_part(const std::optional<std::string>& range_end);

    /// The files of the parts that ended are somebody else's now.
    void keep_parts() noexcept { finished_.clear(); }

    /// Size of the segments that were finished.
    [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }
    [[nodiscard]] std::uint64_t records_dropped() const noexcept { return dropped_; }
    /// Without the buffers of the stream.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept {
        return waiting_memory_ + (live_ ? live_->memory_bytes() : 0) + (in_order_ ? in_order_->memory_bytes() : 0);
    }

private:
    [[nodiscard]] SegmentPlan segment_plan(SegmentKind kind, std::uint64_t segment) const;
    [[nodiscard]] SegmentPlan history_plan(std::uint64_t segment) const;
    [[nodiscard]] bool is_dropped(const Record& record) noexcept;
    [[nodiscard]] Result<void> add_live(const Record& record);
    void add_waiting(const Record& record, const Outside* outside);
    [[nodiscard]] Curve choose_curve(const SegmentPlan& plan) const;
    [[nodiscard]] Result<void> write_waiting(SegmentWriter& writer, const CurveOrder& order);
    void clear_waiting() noexcept;
    [[nodiscard]] Result<void> write_history(const std::optional<std::string>& range_end, SlabPart& part);
    [[nodiscard]] Result<void> end_segment(SegmentWriter& writer, std::uint64_t id,
                                           const std::optional<std::string>& range_end, SlabPart& part);
    [[nodiscard]] std::filesystem::path unfinished_path(std::uint64_t segment) const;

    platform::FileIo& io_;
    SlabPlan plan_;
    std::optional<SegmentWriter> live_, in_order_;
    std::uint64_t live_id_ = 0, in_order_id_ = 0;
    std::string live_begin_, history_begin_;  ///< of the parts in the making
    std::uint32_t live_part_, history_part_;
    std::vector<Record> waiting_;
    ByteArena waiting_bytes_;
    std::map<std::pair<std::string_view, Version>, Outside> waiting_outside_;
    std::uint64_t waiting_memory_ = 0, waiting_file_bytes_ = 0;
    std::uint64_t waiting_block_bytes_ = 0;  ///< of the latter, what does not lie outside of blocks
    std::uint64_t part_keys_ = 0;  ///< in the live segment
    std::vector<std::uint64_t> unfinished_, finished_;  ///< segments; finished ones not kept yet
    std::uint64_t dropped_ = 0, bytes_written_ = 0;
};

}  // namespace zverse::cold
