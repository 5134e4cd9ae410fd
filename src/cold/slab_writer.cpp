#include <cold/dictionary.h>
#include <cold/slab_writer.h>
#include <platform/answer.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace zverse::cold {

namespace {

/// About what a record takes in a block, beside its key and value.
constexpr std::uint64_t kRecordOverhead = 12;

}  // namespace

std::filesystem::path segment_path(const std::filesystem::path& directory, std::uint64_t segment) {
    std::string name = std::to_string(segment);
    name.insert(0, name.size() < 12 ? 12 - name.size() : 0, '0');
    return directory / (name + ".zseg");
}

SlabWriter::SlabWriter(platform::FileIo& io, SlabPlan plan)
    : io_(io),
      plan_(std::move(plan)),
      live_begin_(plan_.range_begin),
      history_begin_(plan_.range_begin),
      live_part_(plan_.live_part),
      history_part_(plan_.history_part) {}

SlabWriter::~SlabWriter() {
    live_.reset();
    // Without memory for a path they stay, until the store is opened again.
    (void)platform::answer("removing what was begun", [this]() -> Result<void> {
        for (const std::uint64_t segment : unfinished_) (void)io_.remove(unfinished_path(segment));
        for (const std::uint64_t segment : finished_) (void)io_.remove(segment_path(plan_.directory, segment));
        return {};
    });
}

std::filesystem::path SlabWriter::unfinished_path(std::uint64_t segment) const {
    std::filesystem::path path = segment_path(plan_.directory, segment);
    path += ".writing";
    return path;
}

bool SlabWriter::part_full(std::uint64_t value_bytes) const noexcept {
    return (live_ && live_->bytes() + value_bytes >= plan_.segment_bytes) || waiting_memory_ >= plan_.waiting_bytes ||
           (!waiting_.empty() && waiting_file_bytes_ + value_bytes >= plan_.segment_bytes);
}

SegmentPlan SlabWriter::segment_plan(SegmentKind kind, std::uint64_t segment) const {
    const bool live = kind == SegmentKind::live;
    SegmentPlan plan;
    plan.store[0] = plan_.store[0];
    plan.store[1] = plan_.store[1];
    plan.segment = segment;
    plan.component = live ? plan_.live_component : plan_.history_component;
    plan.part = live ? live_part_ : history_part_;
    plan.kind = kind;
    plan.level = plan_.level;
    plan.slab_after = plan_.slab_after;
    plan.slab_upto = plan_.slab_upto;
    plan.replaced = plan_.replaced;
    plan.range_begin = live ? live_begin_ : history_begin_;
    plan.created = plan_.created;
    plan.block_bytes = plan_.block_bytes;
    return plan;
}

Result<void> SlabWriter::add(const Record& record) {
    const bool expired = record.superseded <= plan_.floor;
    const bool covers_nothing = plan_.drop_tombstones && record.tombstone && record.version <= plan_.floor;
    if (expired || covers_nothing) {
        ++dropped_;
        return {};
    }
    if (record.superseded == kOpen) return add_live(record);
    add_waiting(record);
    return {};
}

Result<void> SlabWriter::add_live(const Record& record) {
    if (!live_) {
        live_id_ = plan_.next_id();
        SegmentPlan plan = segment_plan(SegmentKind::live, live_id_);
        plan.unit_bytes = unit_bytes_for(record.value.size());
        unfinished_.push_back(live_id_);
        auto writer = SegmentWriter::create(io_, unfinished_path(live_id_), std::move(plan));
        if (!writer) return std::unexpected(std::move(writer.error()));
        live_.emplace(std::move(*writer));
    }
    ++part_keys_;
    return live_->add(record);
}

void SlabWriter::add_waiting(const Record& record) {
    // All versions of a key share its copy.
    if (waiting_.empty() || waiting_.back().key != record.key) {
        waiting_keys_.emplace_back(record.key);
        waiting_memory_ += sizeof(std::string) + record.key.size();
    }
    waiting_.push_back(record);
    waiting_.back().key = waiting_keys_.back();
    waiting_memory_ += sizeof(Record);
    const std::uint64_t bytes = record.key.size() + record.value.size() + kRecordOverhead;
    waiting_file_bytes_ += bytes;
    const bool outside = record.value.size() > kOutsideValueBytes;
    waiting_block_bytes_ += outside ? bytes - record.value.size() + sizeof(OutsideValue) : bytes;
}

/// A history that is written again comes along its old curve.
void SlabWriter::sort_waiting() {
    const auto before = [](const Record& a, const Record& b) {
        const auto order = a.key <=> b.key;
        return order != 0 ? order < 0 : a.version > b.version;
    };
    if (!std::ranges::is_sorted(waiting_, before)) std::ranges::sort(waiting_, before);
}

Curve SlabWriter::choose_curve(const SegmentPlan& plan) const {
    static const QueryMix kNone;
    const CurveTask task{.by_key = waiting_,
                         .after = plan.slab_after,
                         .upto = plan.slab_upto,
                         .floor = plan_.floor,
                         .blocks = static_cast<double>(waiting_block_bytes_ / plan.block_bytes + 1),
                         .slab_keys = static_cast<double>(part_keys_)};
    CurveChoice choice =
        cold::choose_curve(task, plan_.curve, plan_.queries != nullptr ? *plan_.queries : kNone, *plan_.kernels);
    choice.segment = plan.segment;
    // One block has no order.
    if (plan_.curves != nullptr && choice.curve.bits() > 0) plan_.curves->note(choice);
    return choice.curve;
}

Result<void> SlabWriter::end_segment(SegmentWriter& writer, std::uint64_t id,
                                     const std::optional<std::string>& range_end, SlabPart& part) {
    auto header = writer.finish(range_end);
    if (!header) return std::unexpected(std::move(header.error()));
    if (auto named = io_.rename(unfinished_path(id), segment_path(plan_.directory, id)); !named) return named;
    std::erase(unfinished_, id);
    finished_.push_back(id);
    part.segments.push_back(id);
    bytes_written_ += header->file_bytes;
    return {};
}

Result<void> SlabWriter::write_history(const std::optional<std::string>& range_end, SlabPart& part) {
    const std::uint64_t id = plan_.next_id();
    SegmentPlan plan = segment_plan(SegmentKind::history, id);
    plan.compress = plan_.compression == Compression::history && plan_.level >= kCompressedLevelMin;
    if (plan.compress) plan.block_bytes = std::min(plan.block_bytes, kCompressedBlockBytes);
    sort_waiting();
    plan.curve = choose_curve(plan);
    plan.columns = even_columns(waiting_, plan.curve);
    plan.unit_bytes = unit_bytes_for(waiting_file_bytes_);
    const CurveGrid grid(plan.curve, plan.slab_after, plan.slab_upto, plan.columns);
    const CurveOrder order = curve_order(waiting_, grid, *plan_.kernels);
    if (plan.compress) {
        auto made = dictionary_for(waiting_, order.records, {plan.slab_after, plan.block_bytes, plan.unit_bytes});
        if (!made) return std::unexpected(std::move(made.error()));
        plan.dictionary = std::move(*made);
    }
    unfinished_.push_back(id);
    auto writer = SegmentWriter::create(io_, unfinished_path(id), std::move(plan));
    if (!writer) return std::unexpected(std::move(writer.error()));
    auto leap = order.leaps.begin();
    for (std::size_t i = 0; i < order.records.size(); ++i) {
        if (leap != order.leaps.end() && *leap == i) {
            writer->begin_block();
            ++leap;
        }
        if (auto added = writer->add(waiting_[order.records[i]]); !added) return added;
    }
    return end_segment(*writer, id, range_end, part);
}

Result<SlabPart> SlabWriter::end_part(const std::optional<std::string>& range_end) {
    SlabPart part;
    part.range_begin = std::min(live_begin_, history_begin_);
    part.range_end = range_end;
    if (live_) {
        if (auto ended = end_segment(*live_, live_id_, range_end, part); !ended) {
            return std::unexpected(std::move(ended.error()));
        }
        live_.reset();
        ++live_part_;
        live_begin_ = range_end.value_or("");
    }
    if (!waiting_.empty()) {
        if (auto written = write_history(range_end, part); !written) {
            return std::unexpected(std::move(written.error()));
        }
        ++history_part_;
        history_begin_ = range_end.value_or("");
        waiting_.clear();
        waiting_keys_.clear();
        held_.clear();
        waiting_memory_ = waiting_file_bytes_ = waiting_block_bytes_ = 0;
    }
    part_keys_ = 0;
    if (!part.segments.empty()) {
        if (auto synced = io_.sync_directory(plan_.directory); !synced) {
            return std::unexpected(std::move(synced.error()));
        }
    }
    return part;
}

}  // namespace zverse::cold
