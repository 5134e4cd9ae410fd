// What the subcommands share about opening a store: options from the command line, rings from its figures.
#pragma once

#include <tools/git/sizing.h>
#include <zverse/store.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace zverse::tools {

struct StoreSetup {
    std::filesystem::path store;
    Durability durability = Durability::power;
    std::string granularity;  ///< forced; empty: what the medium has
    RingPlan rings;           ///< asked for; 0: chosen
};

/// The options that a setup means, for a store that is there already.
[[nodiscard]] Options existing_store(const StoreSetup& setup);

/// Components of one kind, level and curve.
struct LevelUse {
    std::string kind;   ///< "live" or "history"
    std::string level;
    std::string curve;  ///< of histories
    std::uint64_t components = 0;
};

/// The rings of an open store and how much of them is used, and what has settled.
struct StoreUse {
    RingPlan rings;
    std::uint64_t ring_used_bytes = 0;
    std::uint64_t segments = 0, segment_bytes = 0;
    std::vector<LevelUse> levels;
    /// Since it was opened:
    std::uint64_t settled_bytes = 0;  ///< of keys and values that left the rings
    std::uint64_t flushes = 0, merges = 0, moved_bytes = 0;  ///< bytes: written to segments

    /// Bytes written to segments for each byte that settled; 0 when nothing did.
    [[nodiscard]] double write_amplification() const noexcept {
        return settled_bytes == 0 ? 0 : static_cast<double>(moved_bytes) / static_cast<double>(settled_bytes);
    }
};
[[nodiscard]] StoreUse store_use(const Stats& stats);

}  // namespace zverse::tools
