// KeyHistory: the records of one key with versions in a stretch, newest first or oldest first, out of all components.
//
// Data flow, nearest first: a heap of what may hold the next record, by the nearest version that it may hold; its top
// is opened, and what was in it put back, until it is a record.
//
//   part      a segment with the key in its range, by its header. Opened, it is the blocks that stretches of the key go
//             through: the nearest `blocks_at_once`, and itself again for those behind them
//   block     by its zone. Opened, it is the records of one stretch in it
//   records   by the next of them
//
// So nothing is opened whose versions are not wanted yet, blocks that lie beside what is wanted never, and however many
// versions a key has, a few blocks of each level and a list of the next blocks are all that is kept. While a part is
// opened, the postings of the key in it are in memory, too: at most one for each of its blocks.
//
// A history refers to segments by pointer: the tree it was made from must stay.
//
// Threads: one at a time.
#pragma once

#include <cold/component.h>
#include <cold/tree_records.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

class KeyHistory {
public:
    static constexpr std::size_t kBlocksAtOnceUsual = 4096;

    /// Placed on the first record. Errors: corrupt, full (memory).
    [[nodiscard]] static Result<KeyHistory> open(const Tree& tree, std::string_view key, VersionStretch wanted,
                                                 bool oldest_first, std::size_t blocks_at_once = kBlocksAtOnceUsual);

    [[nodiscard]] bool valid() const noexcept { return !heap_.empty(); }
    [[nodiscard]] Version version() const noexcept { return record_.version; }
    [[nodiscard]] bool tombstone() const noexcept { return record_.tombstone; }
    [[nodiscard]] const StoredRecord& record() const noexcept { return record_; }
    /// Where it lies.
    [[nodiscard]] RecordPlace place() const noexcept {
        const Source& top = heap_.front();
        return {record_.version, top.segment, top.block, top.open->left.back().offset};
    }
    /// Valid until next(). Errors: corrupt.
    [[nodiscard]] Result<std::string_view> value() { return heap_.front().segment->value(record_, value_hold_); }
    /// Errors: corrupt, full (memory).
    [[nodiscard]] Result<void> next();

private:
    struct OpenBlock {
        BlockReader reader;
        struct Found {
            Version version;
            std::uint32_t offset;
        };
        std::vector<Found> left;  ///< the next one at the end
    };
    struct Source {
        Version order;  ///< of the nearest version: see order_of()
        const Segment* segment;
        std::uint32_t block;  ///< kPart: all of them
        std::uint32_t offset;  ///< where a stretch begins in the block, or goes on; of a part: its number in parts_
        std::unique_ptr<OpenBlock> open;  ///< where its records were taken out

        [[nodiscard]] bool nearer(const Source& other) const noexcept {
            if (order != other.order) return order < other.order;
            return block != other.block ? block < other.block : offset < other.offset;
        }
    };
    static constexpr std::uint32_t kPart = 0xffff'ffff;
    /// How far the blocks of a part have been put into the heap.
    struct Part {
        Version order = 0;
        std::uint32_t block = 0, offset = 0;  ///< 0: not at all, no record begins there
    };

    KeyHistory(std::string_view key, std::uint64_t hash, VersionStretch wanted, bool oldest_first, std::size_t at_once)
        : key_(key), hash_(hash), wanted_(wanted), oldest_first_(oldest_first), blocks_at_once_(at_once) {}

    /// Nearer versions are smaller.
    [[nodiscard]] Version order_of(Version version) const noexcept { return oldest_first_ ? version : ~version; }
    [[nodiscard]] Version nearest(Version low, Version high) const noexcept;
    [[nodiscard]] static bool before(const Source& a, const Source& b) noexcept { return a.order < b.order; }
    void push(Source source);
    [[nodiscard]] Result<void> settle();
    [[nodiscard]] Result<void> open_part(const Segment& segment, std::size_t number);
    void list_blocks(const Segment& segment, Segment::Place begin, const Segment::Place* end, const Part& from);
    [[nodiscard]] std::unique_ptr<OpenBlock> take_spare();
    [[nodiscard]] Result<void> open_block(Source source);
    [[nodiscard]] Result<void> show();

    std::string key_;
    std::uint64_t hash_;
    VersionStretch wanted_;
    bool oldest_first_;
    std::size_t blocks_at_once_;
    std::vector<Part> parts_;
    std::vector<Source> heap_;
    StoredRecord record_;
    BlockHold value_hold_;
    // They keep their memory: most histories are short, and it would be half of their cost.
    std::vector<Segment::Place> postings_;  ///< of the part being opened
    std::vector<Source> blocks_;  ///< of it
    std::unique_ptr<OpenBlock> spare_;
};

}  // namespace zverse::cold
