#include <cold/segment_checksum.h>
#include <warm/history_merge.h>

#include <algorithm>
#include <vector>

namespace zverse::warm {

namespace {

constexpr double kGuessedOverhead = 200;  ///< bytes of a record that waits
constexpr unsigned kGuessedCompression = 3;
constexpr double kShareMax = 1.5;  ///< of a part, before it is narrowed

/// Runs along the columns of an input, from a key on.
class Columns {
public:
    Columns(const cold::Component& component, std::string_view from)
        : component_(component),
          from_(std::max<std::string_view>(from, component.begin())),
          part_(component.part_from(from_)) {
        while (!at_end() && key() <= from_) next();
    }
    [[nodiscard]] bool at_end() const noexcept { return part_ == component_.parts().size(); }
    /// Where the column ends; no key behind the last one of the component.
    [[nodiscard]] std::string_view key() const noexcept {
        if (column_ < part().column_count()) return part().column(column_);
        return part_ + 1 < component_.parts().size() ? component_.parts()[part_ + 1]->first_key() : std::string_view{};
    }
    [[nodiscard]] bool last() const noexcept {
        return column_ == part().column_count() && part_ + 1 == component_.parts().size();
    }
    [[nodiscard]] double records() const noexcept {
        return static_cast<double>(part().header().records) / static_cast<double>(part().column_count() + 1);
    }
    void next() noexcept {
        if (column_++ < part().column_count()) return;
        column_ = 0;
        ++part_;
    }

private:
    [[nodiscard]] const cold::Segment& part() const noexcept { return *component_.parts()[part_]; }

    const cold::Component& component_;
    const std::string_view from_;
    std::size_t part_, column_ = 0;
};

/// The smallest key behind `key`, if there is one.
std::optional<std::string> successor(std::string key) {
    if (key.size() < kKeyBytesMax) return std::move(key += '\0');
    while (!key.empty() && key.back() == '\xff') key.pop_back();
    if (key.empty()) return std::nullopt;
    ++key.back();
    return key;
}

}  // namespace

double waiting_bytes(const cold::Component& history) noexcept {
    const double unpacked = history.parts().front()->compressed() ? kGuessedCompression : 1;
    return static_cast<double>(history.bytes()) * unpacked + static_cast<double>(history.records()) * kGuessedOverhead;
}

HistoryMerge::HistoryMerge(platform::FileIo& io, cold::Tree::Components inputs, cold::SlabPlan plan, bool if_expired)
    : io_(io),
      inputs_(std::move(inputs)),
      tree_(inputs_, cold::segment_seed(plan.store, 0)),
      floor_(plan.floor),
      writer_(io,
              [&plan] {
                  plan.values_stay = plan.by_key = false;
                  return plan;
              }()),
      looking_(if_expired),
      begin_(plan.range_begin) {
    double bytes = 0, records = 0;
    for (const auto& input : inputs_) {
        bytes += waiting_bytes(*input);
        records += static_cast<double>(input->records());
    }
    record_share_ = bytes / std::max(records, 1.0) / static_cast<double>(plan.waiting_bytes);
}

// ---- The range of a part.

/// The key before which about as many records end as there is memory for; nothing where all that is left fits.
std::optional<std::string> HistoryMerge::guess_end() const {
    std::vector<Columns> columns;
    for (const auto& input : inputs_) columns.emplace_back(*input, begin_);
    double left = 1 / record_share_;
    for (;;) {
        Columns* nearest = nullptr;
        for (Columns& each : columns) {
            if (each.at_end() || each.last()) continue;
            if (nearest == nullptr || each.key() < nearest->key()) nearest = &each;
        }
        if (nearest == nullptr) return std::nullopt;
        left -= nearest->records();
        if (left < 0 && nearest->key() > begin_) return std::string(nearest->key());
        nearest->next();
    }
}

void HistoryMerge::go_back() noexcept {
    input_ = 0;
    in_part_ = false;
    reader_ = nullptr;
}

void HistoryMerge::begin_range() {
    end_ = looking_ ? std::nullopt : guess_end();
    begun_ = true;
    go_back();
}

/// Ends the range at the middle of what waits; where that is one key, before it, or, where the range begins with it,
/// behind it.
Result<void> HistoryMerge::narrow() {
    auto middle = writer_.middle_key();
    std::string key = middle ? std::move(*middle) : std::string(writer_.waiting_key());
    writer_.drop_waiting();
    go_back();
    if (!middle && key == begin_) return begin_key(std::move(key));
    end_ = std::move(key);
    return {};
}

// ---- Reading it.

/// Moves to the next part that may hold keys of the range; false behind the last one.
bool HistoryMerge::enter_next_part() {
    for (; input_ < inputs_.size(); ++input_, in_part_ = false) {
        const cold::Component& input = *inputs_[input_];
        part_ = in_part_ ? part_ + 1 : input.part_from(std::max<std::string_view>(begin_, input.begin()));
        in_part_ = true;
        block_ = 0;
        reader_ = nullptr;
        if (part_ < input.parts().size() && (!end_ || input.parts()[part_]->first_key() < *end_)) return true;
    }
    return false;
}

/// Of one block; returns its bytes, 0 when the range has been read.
Result<std::uint64_t> HistoryMerge::read_block() {
    while (in_part_ || enter_next_part()) {
        const cold::Component& input = *inputs_[input_];
        const auto& part = input.parts()[part_];
        // What is dead as of the floor is expired: only who looks for that has to see it.
        const cold::Box box{.begin = std::max<std::string_view>(begin_, input.begin()),
                            .end = end_ ? std::string_view(*end_) : std::string_view{},
                            .alive_at = looking_ ? 0 : floor_};
        block_ = part->zones().next(block_, box);
        if (block_ == part->zones().blocks()) {
            if (!enter_next_part()) break;
            continue;
        }
        if (reader_ == nullptr) {
            auto reader =
                cold::BulkReader::open(io_, part, cold::BulkReader::kPieceBytesUsual, cold::BulkReader::Takes::blocks);
            if (!reader) return std::unexpected(std::move(reader.error()));
            reader_ = std::move(*reader);
        }
        if (auto taken = take_block(); !taken) return std::unexpected(std::move(taken.error()));
        return part->zones().block(block_++).bytes;
    }
    return std::uint64_t{0};
}

Result<void> HistoryMerge::take_block() {
    const cold::Segment& part = reader_->segment();
    auto block = reader_->block(block_);
    if (!block) return std::unexpected(std::move(block.error()));
    bool expired = false;
    cold::StoredRecord stored;
    for (std::uint32_t at = block->begin(); at < block->end() && !expired; at = stored.next) {
        if (!block->read(at, stored) || !block->read_key(stored, key_)) {
            return std::unexpected(part.damaged(part.offset_of(block_) + at, "no record lies there"));
        }
        if (auto good = part.check_record(stored, key_, block_, at); !good) return good;
        if (key_ < begin_ || key_ < inputs_[input_]->begin() || (end_ && key_ >= *end_)) continue;
        if (auto taken = take_record(stored, expired); !taken) return taken;
    }
    if (expired) {  // all is to be written
        looking_ = false;
        begun_ = false;
    }
    return {};
}

Result<void> HistoryMerge::take_record(const cold::StoredRecord& stored, bool& expired) {
    if (looking_) {
        expired = stored.superseded <= floor_;
        return {};
    }
    const cold::Segment& part = reader_->segment();
    auto value = stored.is_outside ? part.unread_outside(stored.outside, stored.value_bytes)
                                   : Result<std::string_view>(stored.value);
    if (!value) return std::unexpected(std::move(value.error()));
    const cold::Record record{key_, *value, stored.version, stored.superseded, stored.tombstone};
    cold::SlabWriter::Outside outside;
    if (stored.is_outside) outside = {reader_->shared_segment(), stored.outside};
    return writer_.add(record, stored.is_outside ? &outside : nullptr);
}

// ---- A range of one key.

Result<void> HistoryMerge::begin_key(std::string key) {
    auto history = cold::KeyHistory::open(tree_, key, {0, kVersionMax}, false);
    if (!history) return std::unexpected(std::move(history.error()));
    history_ = std::move(*history);
    history_bytes_ = 0;
    for (const auto& input : inputs_) {
        const cold::Segment* const part = input->part_of(key);
        if (part == nullptr) continue;
        history_bytes_ += part->header().file_bytes * (part->compressed() ? kGuessedCompression : 1);
    }
    end_ = successor(key);
    key_ = std::move(key);
    return {};
}

/// One record; returns its bytes, 0 when there are no more.
Result<std::uint64_t> HistoryMerge::take_of_key() {
    if (!history_->valid()) return std::uint64_t{0};
    const cold::StoredRecord& stored = history_->record();
    const cold::RecordPlace place = history_->place();
    if (auto good = place.segment->check_record(stored, key_, place.block, place.offset); !good) {
        return std::unexpected(std::move(good.error()));
    }
    auto value = history_->value();
    if (!value) return std::unexpected(std::move(value.error()));
    const cold::Record record{key_, *value, stored.version, stored.superseded, stored.tombstone};
    const std::uint64_t bytes = key_.size() + value->size() + 1;
    if (auto added = writer_.add_in_order(record, history_bytes_); !added) {
        return std::unexpected(std::move(added.error()));
    }
    if (auto moved = history_->next(); !moved) return std::unexpected(std::move(moved.error()));
    return bytes;
}

Result<cold::SlabPart> HistoryMerge::end_range() {
    history_.reset();
    if (writer_.waiting_records() > 0) {
        record_share_ = writer_.waiting_share() / static_cast<double>(writer_.waiting_records());
    }
    auto part = writer_.end_part(end_);
    if (!part) return part;
    done_ = !end_;
    begun_ = false;
    if (end_) begin_ = *end_;
    return part;
}

Result<std::optional<cold::SlabPart>> HistoryMerge::step(std::uint64_t bytes) {
    for (std::uint64_t taken = 0; taken < bytes;) {
        if (!begun_) begin_range();
        auto read = history_ ? take_of_key() : read_block();
        if (!read) return std::unexpected(std::move(read.error()));
        if (!begun_) continue;
        if (*read > 0) {
            taken += *read;
            if (writer_.waiting_share() <= kShareMax) continue;
            if (auto narrowed = narrow(); !narrowed) return std::unexpected(std::move(narrowed.error()));
            continue;
        }
        if (looking_) {  // nothing is expired
            done_ = true;
            break;
        }
        auto part = end_range();
        if (!part) return std::unexpected(std::move(part.error()));
        return std::optional(std::move(*part));
    }
    return std::optional<cold::SlabPart>{};
}

}  // namespace zverse::warm
