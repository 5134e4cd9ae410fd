#include <tools/zverse/store_setup.h>

namespace zverse::tools {

Options existing_store(const StoreSetup& setup) {
    Options options;
    options.create_if_missing = false;
    options.durability = setup.durability;
    options.force_granularity = setup.granularity;
    options.ring_bytes = setup.rings.ring_bytes;
    options.shards = setup.rings.shards;
    return options;
}

RingUse ring_use(const Store& store) {
    const Stats stats = store.stats();
    RingUse use;
    for (const Stats::Metric& metric : stats.metrics()) {
        if (metric.name == "zverse_ring_bytes") {
            use.rings.shards += 1;
            use.rings.ring_bytes = static_cast<std::uint64_t>(metric.value);
        }
        if (metric.name == "zverse_ring_used_bytes") use.used_bytes += static_cast<std::uint64_t>(metric.value);
    }
    return use;
}

std::string platform_used(const Stats& stats, const std::string& capability) {
    for (const Capability& row : stats.platform()) {
        if (row.name.starts_with(capability)) return row.used;
    }
    return "unknown";
}

}  // namespace zverse::tools
