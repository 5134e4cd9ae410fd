// What somebody wants of a recovery.
#pragma once

#include <tools/common/pass_progress.h>
#include <zverse/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace zverse::tools {

/// What becomes of a key whose newest record may be lost, so that an older one would pass for it.
enum class UncertainPolicy : std::uint8_t {
    keep,  ///< the older record stands
    drop,  ///< the key is erased, at a version above all
    quarantine,  ///< that, and its record is put under "lost+found/"
};

/// What counts as proved.
enum class RecoverLevel : std::uint8_t {
    checksum,  ///< what has a right checksum
    desperate,  ///< and blocks and values that have one when a single bit is turned back: 64 bits say which
};

enum class RecoverFrom : std::uint8_t { all, segments, rings };

struct RecoverRequest {
    std::filesystem::path source, target;
    std::vector<std::filesystem::path>
        hot_paths;  ///< where the rings lie now; empty: where the store has them recorded
    RecoverFrom from = RecoverFrom::all;
    RecoverLevel level = RecoverLevel::checksum;
    UncertainPolicy uncertain = UncertainPolicy::quarantine;
    std::optional<Version> rewind;  ///< nothing newer
    std::optional<Version> as_of;  ///< nothing newer, and nothing that was over by then
    std::optional<Version> floor;  ///< where the catalog, which knows it, is lost
    std::uint64_t ring_bytes = 0;  ///< of the new store; 0: as the superblock says, or as new stores have
    bool dry_run = false;
    bool resume = false;
    std::uint64_t memory_bytes = std::uint64_t{256} << 20;
    PassListener progress = [](const PassProgress&) {};
    std::function<bool()> stopped = [] { return false; };

    [[nodiscard]] Version newest_wanted() const noexcept { return as_of ? *as_of : rewind.value_or(~Version{0}); }
};

}  // namespace zverse::tools
