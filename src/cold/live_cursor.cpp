// The cursors over a live component, forward and backwards: see tree_scan.h.
#include <cold/tree_scan.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

namespace {

/// A place in the blocks of a live component, whose parts, blocks and records are in the order of keys.
class LiveCursor : public ComponentCursor {
protected:
    LiveCursor(const Component& component, KeySpan keys, Version upto)
        : component_(component), begin_(std::max<std::string_view>(keys.begin, component.begin())), upto_(upto) {
        if (keys.end) end_ = std::string(*keys.end);
    }

    [[nodiscard]] bool empty_range() const noexcept { return end_ && *end_ <= begin_; }
    [[nodiscard]] const Component::Parts& parts() const noexcept { return component_.parts(); }
    [[nodiscard]] const Segment& part() const noexcept { return *parts()[part_]; }
    [[nodiscard]] Error damaged() const {
        return part().damaged(part().offset_of(block_), "a block's records make no sense");
    }
    [[nodiscard]] Result<void> enter_block() {
        auto block = part().block(block_);
        if (!block) return std::unexpected(std::move(block.error()));
        reader_ = *block;
        keys_.enter_block();
        at_ = reader_.begin();
        records_end_ = reader_.end();
        return {};
    }
    /// The record at an offset of the block and its key; false when there is none.
    [[nodiscard]] bool read(std::uint32_t offset) {
        std::string_view key;
        if (!reader_.read(offset, record_) || !keys_.read(reader_, record_, key)) return false;
        set_key(key);
        return true;
    }

    const Component& component_;
    const std::string begin_;
    std::optional<std::string> end_;
    const Version upto_;
    std::size_t part_ = 0, block_ = 0;
    BlockReader reader_;
    std::uint32_t at_ = 0, records_end_ = 0;  ///< in the block
    KeyReader keys_;
};

/// Streams.
class ForwardCursor final : public LiveCursor {
public:
    ForwardCursor(const Component& component, KeySpan keys, Version upto) : LiveCursor(component, keys, upto) {}

    [[nodiscard]] Result<void> place(unsigned round) override {
        switch (round) {
            case 0: locate(); return {};
            case 1:
                if (!behind_ && block_ < part().zones().blocks()) part().prefetch_restarts(block_);
                return {};
            case 2: return behind_ ? Result<void>{} : seek();
            default: return behind_ ? Result<void>{} : find_first();
        }
    }

    [[nodiscard]] Result<void> next() override {
        do {
            if (at_ == records_end_) [[unlikely]] {
                auto entered = next_block();
                if (!entered) return std::unexpected(std::move(entered.error()));
                if (!*entered) return {};
            }
            if (!read(at_)) [[unlikely]] {
                segment_ = nullptr;
                return std::unexpected(damaged());
            }
            at_ = record_.next;
            reader_.prefetch(at_ + kAhead);
        } while (record_.version > upto_);
        if (end_ && key_ >= *end_) segment_ = nullptr;
        return {};
    }

private:
    /// The CPU's own prefetching ends with each page. As far as what is done with four short records takes to load.
    static constexpr std::uint32_t kAhead = 512;

    /// The block that the range begins in.
    void locate() noexcept {
        if (!empty_range()) part_ = component_.part_from(begin_);
        behind_ = empty_range() || part_ == parts().size();
        if (behind_) return;
        block_ = part().zones().find(begin_);
        if (block_ < part().zones().blocks()) part().prefetch_block(block_);
    }
    /// To the last restart point below the range.
    [[nodiscard]] Result<void> seek() {
        if (block_ == part().zones().blocks()) return std::unexpected(part().damaged_zones());
        if (auto entered = enter_block(); !entered) return entered;
        if (!reader_.seek(begin_, at_)) return std::unexpected(damaged());
        for (std::uint32_t ahead = 0; ahead <= kAhead; ahead += 64) reader_.prefetch(at_ + ahead);
        return {};
    }
    [[nodiscard]] Result<void> find_first() {
        segment_ = &part();
        // From the restart point on, only the first few records may lie before the range.
        do {
            if (auto moved = next(); !moved) return moved;
        } while (valid() && key_ < begin_);
        return {};
    }
    /// False, and no segment, behind the last one.
    [[nodiscard]] Result<bool> next_block() {
        segment_ = nullptr;
        if (++block_ == part().zones().blocks()) {
            if (++part_ == parts().size()) return false;
            block_ = 0;
        }
        if (auto entered = enter_block(); !entered) return std::unexpected(std::move(entered.error()));
        segment_ = &part();
        return true;
    }

    bool behind_ = false;  ///< the range: nothing of the component lies in it
};

/// Takes the places of a block's records into a list first, because they can only be read forward.
class ReverseCursor final : public LiveCursor {
public:
    ReverseCursor(const Component& component, KeySpan keys, Version upto) : LiveCursor(component, keys, upto) {}

    [[nodiscard]] Result<void> place(unsigned round) override {
        if (round + 1 < kPlaceRounds || empty_range()) return {};
        // One behind the last block that may hold a key below the end.
        part_ = end_ ? std::min(component_.part_from(*end_), parts().size() - 1) : parts().size() - 1;
        block_ = part().zones().blocks();
        if (end_) block_ = std::min(block_, part().zones().find(*end_) + 1);
        do {
            if (auto moved = next(); !moved) return moved;
        } while (valid() && end_ && key_ >= *end_);
        return {};
    }

    [[nodiscard]] Result<void> next() override {
        segment_ = nullptr;
        do {
            while (offsets_.empty()) {
                auto entered = previous_block();
                if (!entered) return std::unexpected(std::move(entered.error()));
                if (!*entered) return {};
            }
            if (!read(offsets_.back())) return std::unexpected(damaged());
            offsets_.pop_back();
        } while (record_.version > upto_);
        if (key_ >= begin_) segment_ = &part();
        return {};
    }

private:
    [[nodiscard]] Result<bool> previous_block() {
        if (block_ == 0) {
            if (part_ == 0) return false;
            block_ = parts()[--part_]->zones().blocks();
        }
        --block_;
        if (auto entered = enter_block(); !entered) return std::unexpected(std::move(entered.error()));
        for (; at_ != records_end_; at_ = record_.next) {
            if (!reader_.read(at_, record_)) return std::unexpected(damaged());
            offsets_.push_back(at_);
        }
        return true;
    }

    std::vector<std::uint32_t> offsets_;  ///< of the block's records still to come, the next one last
};

}  // namespace

std::unique_ptr<ComponentCursor> live_cursor(const Component& component, KeySpan keys, Version upto, bool reverse) {
    if (reverse) return std::make_unique<ReverseCursor>(component, keys, upto);
    return std::make_unique<ForwardCursor>(component, keys, upto);
}

}  // namespace zverse::cold
