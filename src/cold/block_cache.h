// BlockCache: the blocks that were decompressed last, for all segments of a store.
//
// Sets of four places each, the one used last in front; a block's set is drawn from its segment and unit. Whoever reads
// a block holds it, so that what leaves the cache stays until the last reader lets it go.
//
// Memory: at most what create() is told, and what readers hold. Threads: any; a mutex per set.
#pragma once

#include <cold/compressed_block.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace zverse::cold {

class BlockCache {
public:
    /// Of decompressed blocks: larger ones are not kept; most have little more than half of it.
    static constexpr std::size_t kBlockBytesKept = 2 * kCompressedBlockBytes;
    static constexpr std::uint64_t kBytesUsual = std::uint64_t{32} << 20;

    /// `block_bytes`: larger blocks are not kept.
    explicit BlockCache(std::uint64_t bytes_max, std::size_t block_bytes = kBlockBytesKept);

    /// The block of a segment at a unit; null when it is not there.
    [[nodiscard]] BlockHold find(std::uint64_t segment, std::uint64_t unit);
    /// Of the blocks that are in it.
    [[nodiscard]] std::uint64_t memory_bytes();
    void keep(std::uint64_t segment, std::uint64_t unit, std::size_t bytes, BlockHold block);

private:
    static constexpr std::size_t kPlaces = 4;

    struct Place {
        std::uint64_t segment = 0, unit = 0;
        std::size_t bytes = 0;
        BlockHold block;
    };
    struct Set {
        std::mutex mutex;
        std::array<Place, kPlaces> places;
    };
    [[nodiscard]] Set& set_of(std::uint64_t segment, std::uint64_t unit) noexcept;

    const std::size_t block_bytes_;
    std::vector<Set> sets_;
};

}  // namespace zverse::cold
