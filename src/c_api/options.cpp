#include <c_api/options.h>
#include <c_api/sized_struct.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

namespace zverse::c_api {

namespace {

/// The struct's size in its first edition. Never changes.
constexpr std::size_t kOptionsBytesMin = 168;
static_assert(sizeof(zverse_options) == kOptionsBytesMin, "grown: keep the minimum, say what the new members are");

/// What does not fit becomes what no limit allows.
template <class Unit>
Unit duration(std::uint64_t count) noexcept {
    return Unit(static_cast<Unit::rep>(std::min<std::uint64_t>(count, INT64_MAX)));
}
template <class Unit>
std::uint64_t count(Unit duration) noexcept {
    return static_cast<std::uint64_t>(duration.count());
}

static_assert(static_cast<int>(Durability::process) == ZVERSE_PROCESS);
static_assert(static_cast<int>(Sharding::by_key) == ZVERSE_BY_KEY);
static_assert(static_cast<int>(Compression::history) == ZVERSE_COMPRESS_HISTORY);
static_assert(static_cast<int>(ColdReads::copied) == ZVERSE_COPIED);

/// Options{} as C sees it. The members not named are zero there as here.
zverse_options default_options() noexcept {
    const Options defaults;
    zverse_options options{};
    options.struct_bytes = sizeof options;
    options.create_if_missing = defaults.create_if_missing;
    options.sync_every_ms = count(defaults.sync.every);
    options.sync_every_writes = defaults.sync.every_writes;
    options.retention_max_age_s = ZVERSE_NO_LIMIT;
    options.retention_max_versions_behind = ZVERSE_NO_LIMIT;
    options.write_timeout_ms = count(defaults.write_timeout);
    return options;
}

std::string text(const char* text) { return text != nullptr ? text : ""; }

std::optional<std::uint64_t> limit(std::uint64_t value) noexcept {
    return value != ZVERSE_NO_LIMIT ? std::optional(value) : std::nullopt;
}

void check_hot_paths(Call& call, const zverse_options& options) noexcept {
    call.check(options.hot_paths_count <= 64, "options.hot_paths_count", "is more than 64");
    if (options.hot_paths_count > 0) call.need("options.hot_paths", options.hot_paths);
    for (std::size_t i = 0; call.good() && i < options.hot_paths_count; ++i) {
        call.need("an entry of options.hot_paths", options.hot_paths[i]);
    }
}

}  // namespace

zverse_options read_options(Call& call, const zverse_options* given) noexcept {
    zverse_options options = default_options();
    if (given != nullptr && !read_struct(*given, kOptionsBytesMin, options)) {
        call.refuse("options.struct_bytes", "is no size of a zverse_options that this library knows");
    }
    const auto flag = [&](const char* argument, std::uint32_t value) {
        call.check(value <= 1, argument, "is neither 0 nor 1");
    };
    flag("options.create_if_missing", options.create_if_missing);
    flag("options.error_if_exists", options.error_if_exists);
    flag("options.read_only", options.read_only);
    call.check(options.reserved == 0, "options.reserved", "is not 0");
    check_hot_paths(call, options);
    return options;
}

Options to_options(const zverse_options& from) {
    Options options;
    options.create_if_missing = from.create_if_missing != 0;
    options.error_if_exists = from.error_if_exists != 0;
    options.read_only = from.read_only != 0;
    options.durability = static_cast<Durability>(from.durability);
    options.sync.every = duration<std::chrono::milliseconds>(from.sync_every_ms);
    options.sync.every_writes = from.sync_every_writes;
    options.hot_paths.assign(from.hot_paths, from.hot_paths + from.hot_paths_count);
    options.ring_bytes = from.ring_bytes;
    options.shards = from.shards;
    options.sharding = static_cast<Sharding>(from.sharding);
    options.workers = from.workers;
    options.compression = static_cast<Compression>(from.compression);
    options.curve = text(from.curve);
    options.cold_reads = static_cast<ColdReads>(from.cold_reads);
    if (const auto age = limit(from.retention_max_age_s)) {
        options.retention.max_age = duration<std::chrono::seconds>(*age);
    }
    options.retention.max_versions_behind = limit(from.retention_max_versions_behind);
    options.value_bytes_max = from.value_bytes_max;
    options.memory_bytes_max = from.memory_bytes_max;
    options.background_bytes_per_second = from.background_bytes_per_second;
    options.write_timeout = duration<std::chrono::milliseconds>(from.write_timeout_ms);
    options.force_kernel = text(from.force_kernel);
    options.force_io = text(from.force_io);
    options.force_granularity = text(from.force_granularity);
    return options;
}

}  // namespace zverse::c_api

int zverse_options_init(zverse_options* options, size_t struct_bytes, zverse_error** error) {
    using namespace zverse::c_api;
    Call call(error);
    call.need("options", options);
    call.check(struct_bytes >= kOptionsBytesMin && struct_bytes <= kStructBytesMax, "struct_bytes",
               "is no size of a zverse_options that this library knows");
    return call.answer([&]() -> zverse::Result<void> {
        const zverse_options defaults = default_options();
        std::memset(options, 0, struct_bytes);
        std::memcpy(options, &defaults, std::min(struct_bytes, sizeof defaults));
        std::memcpy(options, &struct_bytes, sizeof struct_bytes);
        return {};
    });
}
