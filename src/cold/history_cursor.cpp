// The cursor over a history component: see tree_scan.h.
#include <cold/tree_scan.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

namespace {

/// Takes a window of keys after the other, each some columns of the curve wide, wider and wider: a short scan reads
/// little, a long one sorts much at a time.
class HistoryCursor final : public ComponentCursor {
public:
    HistoryCursor(const Component& component, KeySpan keys, Version v, bool reverse)
        : component_(component),
          begin_(std::max<std::string_view>(keys.begin, component.begin())),
          v_(v),
          reverse_(reverse) {
        if (keys.end) end_ = std::string(*keys.end);
    }

    [[nodiscard]] Result<void> place(unsigned round) override {
        if (round + 1 < kPlaceRounds) return {};
        done_ = end_ && *end_ <= begin_;
        const std::size_t parts = component_.parts().size();
        if (reverse_) {
            part_ = end_ ? std::min(component_.part_from(*end_), parts - 1) : parts - 1;
            column_ = columns() + 1;
            if (end_) column_ = column_of(*end_) + 1;
        } else {
            part_ = component_.part_from(begin_);
            if (part_ == parts) done_ = true;
            if (!done_) column_ = column_of(begin_);
        }
        return next();
    }

    [[nodiscard]] Result<void> next() override {
        segment_ = nullptr;
        while (next_ == matches_.size()) {
            if (done_) return {};
            if (auto collected = collect_window(); !collected) return collected;
        }
        const Match& match = matches_[next_++];
        set_key(std::string_view(keys_).substr(match.key_at, match.key_bytes));
        record_ = match.record;
        segment_ = matched_;
        return {};
    }

private:
    static constexpr std::size_t kColumnsMax = 64;

    struct Match {
        std::size_t key_at, key_bytes;  ///< in keys_
        StoredRecord record;
    };

    [[nodiscard]] const Segment& part() const noexcept { return *component_.parts()[part_]; }
    /// Number of fences of the part: one less than its columns.
    [[nodiscard]] std::size_t columns() const noexcept { return part().column_count(); }
    [[nodiscard]] std::size_t column_of(std::string_view key) const noexcept {
        std::size_t low = 0, high = columns();
        while (low < high) {
            const std::size_t middle = low + (high - low) / 2;
            if (part().column(middle) <= key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /// The next window's columns [first, last) of the part; moves to the part behind at its end. False at the end.
    [[nodiscard]] bool next_window(std::size_t& first, std::size_t& last) noexcept {
        const std::size_t all = columns() + 1;
        if (reverse_) {
            if (column_ == 0) {
                if (part_ == 0 || component_.parts()[--part_]->last_key() < begin_) return false;
                column_ = columns() + 1;
                return next_window(first, last);
            }
            last = column_;
            first = column_ = last - std::min(last, width_);
        } else {
            if (column_ == all) {
                if (++part_ == component_.parts().size() || (end_ && part().first_key() >= *end_)) return false;
                column_ = 0;
                return next_window(first, last);
            }
            first = column_;
            last = column_ = first + std::min(all - first, width_);
        }
        width_ = std::min(2 * width_, kColumnsMax);
        return true;
    }

    [[nodiscard]] Result<void> collect_window() {
        matches_.clear();
        held_.clear();
        keys_.clear();
        next_ = 0;
        std::size_t first = 0, last = 0;
        if (!next_window(first, last)) {
            done_ = true;
            return {};
        }
        const Segment& segment = part();
        matched_ = &segment;
        const std::string_view from = first == 0 ? std::string_view{} : segment.column(first - 1);
        const bool bounded = last <= columns();
        const std::string_view low = std::max<std::string_view>(from, begin_);
        std::string_view high = bounded ? segment.column(last - 1) : std::string_view{};
        if (end_ && (!bounded || *end_ < high)) high = *end_;
        if (!high.empty() && high <= low) {
            // An empty column, or beyond the range: then there is no more to come.
            done_ = reverse_ ? high <= begin_ : end_ && *end_ <= low;
            return {};
        }
        const Box box{low, high, 0, v_, v_};
        for (std::size_t at = segment.zones().next(0, box); at < segment.zones().blocks();
             at = segment.zones().next(at + 1, box)) {
            if (auto taken = take_block(segment, at, box); !taken) return taken;
        }
        sort_matches();
        return {};
    }

    [[nodiscard]] Result<void> take_block(const Segment& segment, std::size_t number, const Box& box) {
        auto block = segment.block(number);
        if (!block) return std::unexpected(std::move(block.error()));
        const std::size_t before = matches_.size();
        StoredRecord record;
        for (std::uint32_t at = block->begin(); at != block->end(); at = record.next) {
            if (!block->read(at, record)) {
                return std::unexpected(segment.damaged(segment.offset_of(number), "a block's records make no sense"));
            }
            if (record.version > v_ || record.superseded <= v_) continue;
            if (!block->read_key(record, key_bytes_)) {
                return std::unexpected(segment.damaged(segment.offset_of(number), "a block's keys make no sense"));
            }
            if (key_bytes_ < box.begin || (!box.end.empty() && key_bytes_ >= box.end)) continue;
            matches_.push_back({keys_.size(), key_bytes_.size(), record});
            keys_ += key_bytes_;
        }
        if (matches_.size() > before && block->hold() != nullptr) held_.push_back(block->hold());
        return {};
    }

    /// By key, in the scan's direction; of each key only the newest version.
    void sort_matches() {
        const std::string_view keys = keys_;
        const auto key = [keys](const Match& match) { return keys.substr(match.key_at, match.key_bytes); };
        std::ranges::sort(matches_, [&](const Match& a, const Match& b) {
            const auto order = key(a) <=> key(b);
            if (order != 0) return (order < 0) != reverse_;
            return a.record.version > b.record.version;
        });
        const auto same = std::ranges::unique(matches_, {}, key);
        matches_.erase(same.begin(), same.end());
    }

    const Component& component_;
    const std::string begin_;
    std::optional<std::string> end_;
    const Version v_;
    const bool reverse_;
    bool done_ = false;
    std::size_t part_ = 0;
    std::size_t column_ = 0;  ///< forward: the next one; reversed: one behind the next one
    std::size_t width_ = 1;  ///< of the next window, in columns
    std::vector<Match> matches_;
    std::vector<BlockHold> held_;  ///< where they are
    std::size_t next_ = 0;  ///< of matches_
    const Segment* matched_ = nullptr;
    std::string keys_, key_bytes_;
};

}  // namespace

std::unique_ptr<ComponentCursor> history_cursor(const Component& component, KeySpan keys, Version v, bool reverse) {
    return std::make_unique<HistoryCursor>(component, keys, v, reverse);
}

}  // namespace zverse::cold
