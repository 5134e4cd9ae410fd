#include <engine/check_options.h>

#include <cold/curve.h>
#include <hot/layout.h>
#include <platform/compression.h>

#include <bit>
#include <chrono>
#include <cstdint>

namespace zverse::engine {

namespace {
constexpr std::uint64_t kRingBytesMin = std::uint64_t{1} << 20;
constexpr std::uint64_t kRingBytesMax = std::uint64_t{64} << 30;
constexpr std::uint64_t kMemoryBytesMin = std::uint64_t{16} << 20;
}  // namespace

Error bad_option(const std::string& what) { return Error(ErrorCode::invalid_argument, "options." + what); }

Result<void> check_options(const Options& options) {
    using std::chrono::milliseconds;
    constexpr milliseconds kHour = std::chrono::hours(1);
    const std::uint64_t ring = options.ring_bytes;
    if (ring != 0 && (ring < kRingBytesMin || ring > kRingBytesMax || !std::has_single_bit(ring))) {
        return std::unexpected(bad_option("ring_bytes is " + std::to_string(ring) +
                                          "; it must be 0 or a power of two from 1 MiB to 64 GiB"));
    }
    if (options.shards > hot::kShardsMax) {
        return std::unexpected(bad_option("shards is " + std::to_string(options.shards) + "; at most 1024"));
    }
    if (options.workers > 256) {
        return std::unexpected(bad_option("workers is " + std::to_string(options.workers) + "; at most 256"));
    }
    if (options.hot_paths.size() > 64) {
        return std::unexpected(
            bad_option("hot_paths has " + std::to_string(options.hot_paths.size()) + " entries; at most 64"));
    }
    if (options.write_timeout < milliseconds(0) || options.write_timeout > kHour) {
        return std::unexpected(bad_option("write_timeout is " + std::to_string(options.write_timeout.count()) +
                                          " ms; it must be from 0 to one hour"));
    }
    if (options.sync.every < milliseconds(0) || options.sync.every > kHour) {
        return std::unexpected(bad_option("sync.every is " + std::to_string(options.sync.every.count()) +
                                          " ms; it must be from 0 to one hour"));
    }
    if (options.retention.max_age && options.retention.max_age->count() < 0) {
        return std::unexpected(bad_option("retention.max_age is " + std::to_string(options.retention.max_age->count()) +
                                          " s; it must be at least 0"));
    }
    if (options.memory_bytes_max != 0 && options.memory_bytes_max < kMemoryBytesMin) {
        return std::unexpected(bad_option("memory_bytes_max is " + std::to_string(options.memory_bytes_max) +
                                          "; it must be 0 or at least 16 MiB"));
    }
    if (options.durability != Durability::power && options.durability != Durability::process) {
        return std::unexpected(bad_option("durability is not a known class"));
    }
    if (options.sharding != Sharding::by_core && options.sharding != Sharding::by_key) {
        return std::unexpected(bad_option("sharding is not a known kind"));
    }
    if (options.compression != Compression::none && options.compression != Compression::history) {
        return std::unexpected(bad_option("compression is not a known kind"));
    }
    if (options.compression != Compression::none && !platform::has_compression()) {
        return std::unexpected(bad_option("compression is history, and this build has no libzstd"));
    }
    if (options.cold_reads != ColdReads::mapped && options.cold_reads != ColdReads::copied) {
        return std::unexpected(bad_option("cold_reads is not a known kind"));
    }
    if (!options.curve.empty() && !cold::is_curve_rule(options.curve)) {
        return std::unexpected(bad_option("curve is \"" + options.curve + "\"; it must be empty or at most " +
                                          std::to_string(cold::Curve::kBitsMax) + " letters k and v"));
    }
    if (const std::string& force = options.force_granularity;
        !force.empty() && force != "byte" && force != "cache_line" && force != "page") {
        return std::unexpected(
            bad_option("force_granularity is \"" + force + "\"; it must be byte, cache_line or page"));
    }
    return {};
}

}  // namespace zverse::engine
