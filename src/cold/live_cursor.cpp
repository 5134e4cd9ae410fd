// The cursor over a live component: see tree_scan.h.
#include <cold/tree_scan.h>

#include <utility>

namespace zverse::cold {

namespace {

/// Streams forward; backwards it takes a block's records into a list first, because they can only be read forward.
class LiveCursor final : public ComponentCursor {
public:
    LiveCursor(const Component& component, KeySpan keys, Version upto, bool reverse)
        : component_(component),
          begin_(std::max<std::string_view>(keys.begin, component.begin())),
          upto_(upto),
          reverse_(reverse) {
        if (keys.end) end_ = std::string(*keys.end);
    }

    [[nodiscard]] Result<void> open() {
        if (end_ && *end_ <= begin_) return {};
        part_ = component_.part_from(begin_);
        if (!reverse_) {
            if (part_ == component_.parts().size()) return {};
            block_ = component_.parts()[part_]->zones().find(begin_);
            if (auto entered = enter_block(); !entered) return entered;
            std::uint32_t at = 0;
            if (!reader_.seek(begin_, at)) return std::unexpected(damaged());
            at_ = at;
            return next();
        }
        return open_reversed();
    }

    [[nodiscard]] Result<void> next() override {
        do {
            segment_ = nullptr;
            auto moved = reverse_ ? step_back() : step();
            if (!moved) return std::unexpected(std::move(moved.error()));
            if (!*moved) return {};
        } while (record_.version > upto_ || before_begin() || (end_ && key_ >= *end_));
        segment_ = component_.parts()[part_].get();
        return {};
    }

private:
    /// Forward only the first records may be; then nothing is compared any more.
    [[nodiscard]] bool before_begin() noexcept {
        if (!reverse_ && behind_begin_) return false;
        behind_begin_ = key_ >= begin_;
        return !behind_begin_;
    }

    [[nodiscard]] Error damaged() const {
        const Segment& segment = *component_.parts()[part_];
        return segment.damaged(segment.offset_of(block_), "a block's records make no sense");
    }

    [[nodiscard]] Result<void> enter_block() {
        auto block = component_.parts()[part_]->block(block_);
        if (!block) return std::unexpected(std::move(block.error()));
        reader_ = *block;
        at_ = reader_.begin();
        return {};
    }

    /// To the next record; false behind the last one and behind the range.
    [[nodiscard]] Result<bool> step() {
        if (at_ == reader_.end()) {
            if (++block_ == component_.parts()[part_]->zones().blocks()) {
                if (++part_ == component_.parts().size()) return false;
                block_ = 0;
            }
            if (auto entered = enter_block(); !entered) return std::unexpected(std::move(entered.error()));
        }
        if (!reader_.read(at_, record_) || !reader_.read_key(record_, key_bytes_)) return std::unexpected(damaged());
        key_ = key_bytes_;
        at_ = record_.next;
        return !end_ || key_ < *end_;
    }

    [[nodiscard]] Result<void> open_reversed() {
        // One behind the last block that may hold a key below the end.
        if (end_) {
            part_ = component_.part_from(*end_);
            if (part_ == component_.parts().size()) {
                --part_;
                block_ = component_.parts()[part_]->zones().blocks();
            } else {
                block_ = component_.parts()[part_]->zones().find(*end_) + 1;
            }
        } else {
            part_ = component_.parts().size() - 1;
            block_ = component_.parts()[part_]->zones().blocks();
        }
        return next();
    }

    /// To the record before; false before the first one and before the range.
    [[nodiscard]] Result<bool> step_back() {
        while (offsets_.empty()) {
            if (block_ == 0) {
                if (part_ == 0) return false;
                block_ = component_.parts()[--part_]->zones().blocks();
            }
            --block_;
            if (auto entered = enter_block(); !entered) return std::unexpected(std::move(entered.error()));
            for (std::uint32_t at = reader_.begin(); at != reader_.end(); at = record_.next) {
                if (!reader_.read(at, record_)) return std::unexpected(damaged());
                offsets_.push_back(at);
            }
        }
        if (!reader_.read(offsets_.back(), record_) || !reader_.read_key(record_, key_bytes_)) {
            return std::unexpected(damaged());
        }
        offsets_.pop_back();
        key_ = key_bytes_;
        return key_ >= begin_;
    }

    const Component& component_;
    const std::string begin_;
    std::optional<std::string> end_;
    const Version upto_;
    const bool reverse_;
    bool behind_begin_ = false;
    std::size_t part_ = 0, block_ = 0;
    BlockReader reader_;
    std::uint32_t at_ = 0;                ///< forward: of the next record
    std::vector<std::uint32_t> offsets_;  ///< reversed: records of the block still to come, the next one last
    std::string key_bytes_;
};

}  // namespace

Result<std::unique_ptr<ComponentCursor>> live_cursor(const Component& component, KeySpan keys, Version upto,
                                                     bool reverse) {
    auto cursor = std::make_unique<LiveCursor>(component, keys, upto, reverse);
    if (auto opened = cursor->open(); !opened) return std::unexpected(std::move(opened.error()));
    return cursor;
}

}  // namespace zverse::cold
