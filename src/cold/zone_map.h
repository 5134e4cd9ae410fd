// The zone map of a segment: what each block holds, and a tree of 32 over it, so that a query for a box of keys and
// versions opens only the blocks that can hold an answer, whatever order the blocks are in.
#pragma once

#include <cold/record.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// The heap of keys of a segment: each two bytes of length, then its bytes.
class KeyHeap {
public:
    [[nodiscard]] std::uint32_t add(std::string_view key);
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::string_view at(std::uint32_t offset) const noexcept;

private:
    std::vector<std::byte> bytes_;
};
/// The key at `offset`; nothing when it does not lie inside the heap.
[[nodiscard]] bool heap_key(std::span<const std::byte> heap, std::uint32_t offset, std::string_view& key) noexcept;

class ZoneMapBuilder {
public:
    /// Takes note of a record of the current block.
    void note(const Record& record);
    /// The current block is done and lies at `unit`.
    void end_block(std::uint32_t unit, std::uint32_t bytes);
    [[nodiscard]] std::size_t blocks() const noexcept { return zones_.size(); }
    /// All levels, the blocks first; the zones are spent then, the keys are not.
    [[nodiscard]] std::vector<Zone> build();
    [[nodiscard]] KeyHeap& keys() noexcept { return heap_; }
    /// Memory until all levels are built: vectors double.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept {
        return 2 * (zones_.size() * sizeof(Zone) + heap_.bytes().size());
    }

private:
    KeyHeap heap_;
    std::vector<Zone> zones_;
    Zone current_{};
    std::string first_, last_;
};

/// What a query asks for. Keys: [begin, end), no end when empty; versions: those v with `after` < v <= `upto`, alive
/// after `alive_at` (superseded later; 0: whether or not).
struct Box {
    std::string_view begin, end;
    Version after = 0;
    Version upto = kOpen;
    Version alive_at = 0;
};

/// A zone map in a file: zones of all levels, the blocks first, and the heap that they name.
class ZoneMap {
public:
    ZoneMap() = default;
    ZoneMap(std::span<const Zone> zones, std::size_t blocks, std::span<const std::byte> heap) noexcept
        : zones_(zones), blocks_(blocks), heap_(heap) {}

    /// Whether the levels fit the number of blocks, and every key and child lies where it may.
    [[nodiscard]] bool plausible(std::uint64_t units) const noexcept;
    [[nodiscard]] std::size_t blocks() const noexcept { return blocks_; }
    [[nodiscard]] const Zone& block(std::size_t i) const noexcept { return zones_[i]; }
    /// The zone over all blocks.
    [[nodiscard]] const Zone& top() const noexcept { return zones_.back(); }
    [[nodiscard]] std::string_view first_key(const Zone& zone) const noexcept { return key_at(zone.first_key); }
    [[nodiscard]] std::string_view last_key(const Zone& zone) const noexcept { return key_at(zone.last_key); }
    [[nodiscard]] bool may_hold(const Zone& zone, const Box& box) const noexcept;
    /// The first block at or behind `from`, in file order, that may hold something in the box; blocks() when none does.
    [[nodiscard]] std::size_t next(std::size_t from, const Box& box) const noexcept;
    /// Of blocks in key order: the first one whose last key is not below `key`; blocks() when there is none.
    [[nodiscard]] std::size_t find(std::string_view key) const noexcept;

private:
    [[nodiscard]] std::string_view key_at(std::uint32_t offset) const noexcept {
        std::string_view key;
        (void)heap_key(heap_, offset, key);
        return key;
    }

    std::span<const Zone> zones_;
    std::size_t blocks_ = 0;
    std::span<const std::byte> heap_;
};

/// How many zones all levels over `blocks` have.
[[nodiscard]] std::size_t zone_count(std::size_t blocks) noexcept;

}  // namespace zverse::cold
