#include <tools/git/store_setup.h>

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

namespace {

/// The value of a label in {name="value",...}.
std::string label_of(const std::string& labels, const std::string& name) {
    const std::size_t at = labels.find(name + "=\"");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 2;
    return labels.substr(begin, labels.find('"', begin) - begin);
}

}  // namespace

StoreUse store_use(const Stats& stats) {
    StoreUse use;
    const auto number = [&](const char* name) { return static_cast<std::uint64_t>(stats.value(name).value_or(0)); };
    for (const Stats::Metric& metric : stats.metrics()) {
        const auto value = static_cast<std::uint64_t>(metric.value);
        if (metric.name == "zverse_ring_bytes") {
            use.rings.shards += 1;
            use.rings.ring_bytes = value;
        }
        if (metric.name == "zverse_ring_used_bytes") use.ring_used_bytes += value;
        if (metric.name == "zverse_level_components") {
            use.levels.push_back({label_of(metric.labels, "kind"), label_of(metric.labels, "level"),
                                  label_of(metric.labels, "curve"), value});
        }
    }
    use.segments = number("zverse_segments");
    use.segment_bytes = number("zverse_segment_bytes");
    use.settled_bytes = number("zverse_settled_bytes_total");
    use.flushes = number("zverse_flushes_total");
    use.merges = number("zverse_merges_total");
    use.moved_bytes = number("zverse_flushed_segment_bytes_total") + number("zverse_merged_segment_bytes_total");
    return use;
}

}  // namespace zverse::tools
