// What the subcommands share about opening a store: options from the command line, rings from its figures.
#pragma once

#include <tools/zverse/sizing.h>
#include <zverse/store.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace zverse::tools {

struct StoreSetup {
    std::filesystem::path store;
    Durability durability = Durability::power;
    std::string granularity;  ///< forced; empty: what the medium has
    RingPlan rings;           ///< asked for; 0: chosen
};

/// The options that a setup means, for a store that is there already.
[[nodiscard]] Options existing_store(const StoreSetup& setup);

/// The rings of an open store, and how much of them is used.
struct RingUse {
    RingPlan rings;
    std::uint64_t used_bytes = 0;
};
[[nodiscard]] RingUse ring_use(const Store& store);

/// The `used` column of the first row of the platform report whose name begins so, or "unknown".
[[nodiscard]] std::string platform_used(const Stats& stats, const std::string& capability);

}  // namespace zverse::tools
