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
/// Memory of a record that waits, beside its bytes: twice itself, as the list grows; its place on the curve, three
/// numbers and the half of one for the sort; what it adds to the index of its segment.
constexpr std::uint64_t kWaitingOverhead = 2 * sizeof(Record) + 28 + 34;
constexpr std::uint64_t kOutsideOverhead = 160;

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
    in_order_.reset();
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
           (live_ && live_->memory_bytes() >= plan_.builder_bytes) ||
           (!waiting_.empty() && waiting_file_bytes_ + value_bytes >= plan_.segment_bytes);
}

double SlabWriter::waiting_share() const noexcept {
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
    };
    return std::max(share(waiting_memory_, plan_.waiting_bytes), share(waiting_file_bytes_, plan_.segment_bytes));
}

std::optional<std::string> SlabWriter::middle_key() const {
    std::vector<std::string_view> keys;
    keys.reserve(waiting_.size());
    for (const Record& record : waiting_) keys.push_back(record.key);
    if (keys.empty()) return std::nullopt;
    const auto middle = keys.begin() + static_cast<std::ptrdiff_t>(keys.size() / 2);
    std::ranges::nth_element(keys, middle);
    // None before the middle is larger, so that the smallest of all is among them, or it is the middle.
    const std::string_view least = *std::min_element(keys.begin(), middle + 1);
    if (*middle != least) return std::string(*middle);
    std::optional<std::string> next;
    for (const std::string_view key : keys) {
        if (key != least && (!next || key < *next)) next = std::string(key);
    }
    return next;
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

bool SlabWriter::is_dropped(const Record& record) noexcept {
    const bool expired = record.superseded <= plan_.floor;
    const bool covers_nothing = plan_.drop_tombstones && record.tombstone && record.version <= plan_.floor;
    dropped_ += expired || covers_nothing ? 1 : 0;
    return expired || covers_nothing;
}

Result<void> SlabWriter::add(const Record& record, const Outside* outside) {
    if (is_dropped(record)) return {};
    if (record.superseded == kOpen) return add_live(record);
    add_waiting(record, outside);
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

Result<void> SlabWriter::add_in_order(const Record& record, std::uint64_t bytes_most) {
    if (is_dropped(record)) return {};
    if (!in_order_) {
        in_order_id_ = plan_.next_id();
        SegmentPlan plan = history_plan(in_order_id_);
        plan.unit_bytes = unit_bytes_for(bytes_most);
        unfinished_.push_back(in_order_id_);
        auto writer = SegmentWriter::create(io_, unfinished_path(in_order_id_), std::move(plan));
        if (!writer) return std::unexpected(std::move(writer.error()));
        in_order_.emplace(std::move(*writer));
    }
    return in_order_->add(record);
}

void SlabWriter::add_waiting(const Record& record, const Outside* outside) {
    // All versions of a key share its copy.
    const bool same_key = !waiting_.empty() && waiting_.back().key == record.key;
    const std::string_view key = same_key ? waiting_.back().key : waiting_bytes_.keep(record.key);
    waiting_.push_back(record);
    waiting_.back().key = key;
    if (outside != nullptr) {
        waiting_outside_.emplace(std::pair(key, record.version), *outside);
    } else if (!plan_.values_stay) {
        waiting_.back().value = waiting_bytes_.keep(record.value);
    }
    waiting_memory_ =
        waiting_bytes_.used_bytes() + waiting_.size() * kWaitingOverhead + waiting_outside_.size() * kOutsideOverhead;
    const std::uint64_t bytes = record.key.size() + record.value.size() + kRecordOverhead;
    waiting_file_bytes_ += bytes;
    const bool outside_block = record.value.size() > kOutsideValueBytes;
    waiting_block_bytes_ += outside_block ? bytes - record.value.size() + sizeof(OutsideValue) : bytes;
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

void SlabWriter::clear_waiting() noexcept {
    waiting_.clear();
    waiting_outside_.clear();
    waiting_bytes_.clear();
    waiting_memory_ = waiting_file_bytes_ = waiting_block_bytes_ = 0;
}

/// Values that were left where they lie are read now, each from its segment's file.
Result<void> SlabWriter::write_waiting(SegmentWriter& writer, const CurveOrder& order) {
    std::map<const Segment*, std::unique_ptr<platform::File>> files;
    std::vector<std::byte> buffer;
    auto leap = order.leaps.begin();
    for (std::size_t i = 0; i < order.records.size(); ++i) {
        if (leap != order.leaps.end() && *leap == i) {
            writer.begin_block();
            ++leap;
        }
        Record record = waiting_[order.records[i]];
        const auto outside =
            waiting_outside_.empty() ? waiting_outside_.end() : waiting_outside_.find({record.key, record.version});
        if (outside != waiting_outside_.end()) {
            const Segment& segment = *outside->second.segment;
            std::unique_ptr<platform::File>& file = files[&segment];
            if (file == nullptr) {
                auto opened = io_.open(segment.path(), platform::OpenMode::read);
                if (!opened) return std::unexpected(std::move(opened.error()));
                file = std::move(*opened);
            }
            auto value = read_outside(*file, segment, outside->second.place, record.value.size(), buffer);
            if (!value) return std::unexpected(std::move(value.error()));
            record.value = *value;
        }
        if (auto added = writer.add(record); !added) return added;
    }
    return {};
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

SegmentPlan SlabWriter::history_plan(std::uint64_t segment) const {
    SegmentPlan plan = segment_plan(SegmentKind::history, segment);
    const bool of_flush = plan_.by_key && plan_.level < kCompressedLevelMin;
    plan.compress = plan_.compression == Compression::history && !of_flush;
    if (plan.compress) plan.block_bytes = std::min(plan.block_bytes, kCompressedBlockBytes);
    return plan;
}

Result<void> SlabWriter::write_history(const std::optional<std::string>& range_end, SlabPart& part) {
    const std::uint64_t id = plan_.next_id();
    if (!plan_.by_key) {
        std::ranges::sort(waiting_, [](const Record& a, const Record& b) {
            return a.key != b.key ? a.key < b.key : a.version > b.version;
        });
    }
    SegmentPlan plan = history_plan(id);
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
    if (auto written = write_waiting(*writer, order); !written) return written;
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
    if (in_order_) {
        assert(waiting_.empty());
        if (auto ended = end_segment(*in_order_, in_order_id_, range_end, part); !ended) {
            return std::unexpected(std::move(ended.error()));
        }
        in_order_.reset();
        ++history_part_;
        history_begin_ = range_end.value_or("");
    }
    if (!waiting_.empty()) {
        if (auto written = write_history(range_end, part); !written) {
            return std::unexpected(std::move(written.error()));
        }
        ++history_part_;
        history_begin_ = range_end.value_or("");
        clear_waiting();
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
