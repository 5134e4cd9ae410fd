#include <platform/pmem2_map.h>

#include <libpmem2.h>

#include <utility>

namespace zverse::platform {

namespace {

template <auto Delete>
struct Pmem2Deleter {
    template <class T>
    void operator()(T* object) const noexcept {
        Delete(&object);
    }
};
using Config = std::unique_ptr<pmem2_config, Pmem2Deleter<pmem2_config_delete>>;
using Source = std::unique_ptr<pmem2_source, Pmem2Deleter<pmem2_source_delete>>;
using Map = std::unique_ptr<pmem2_map, Pmem2Deleter<pmem2_map_delete>>;

Pmem2Answer only_pages(const char* step) {
    const std::string reason = pmem2_errormsg();
    return {Granularity::page, std::string(step) + ": " + (reason.empty() ? "refused by libpmem2" : reason), {}};
}

}  // namespace

struct Pmem2Map::Handle {
    Map map;
};

Pmem2Map::Pmem2Map() noexcept = default;
Pmem2Map::Pmem2Map(std::unique_ptr<Handle> handle, std::span<std::byte> bytes) noexcept
    : handle_(std::move(handle)), bytes_(bytes) {}
Pmem2Map::Pmem2Map(Pmem2Map&& other) noexcept
    : handle_(std::move(other.handle_)), bytes_(std::exchange(other.bytes_, {})) {}
Pmem2Map& Pmem2Map::operator=(Pmem2Map&& other) noexcept {
    handle_ = std::move(other.handle_);
    bytes_ = std::exchange(other.bytes_, {});
    return *this;
}
Pmem2Map::~Pmem2Map() = default;

Pmem2Answer ask_pmem2(int descriptor, std::size_t bytes, bool read_only) {
    pmem2_config* new_config = nullptr;
    if (pmem2_config_new(&new_config) != 0) return only_pages("libpmem2 gave no configuration");
    const Config config(new_config);
    pmem2_source* new_source = nullptr;
    if (pmem2_source_from_fd(&new_source, descriptor) != 0) return only_pages("libpmem2 can't use the file");
    const Source source(new_source);

    // Cache line is the least that is asked for: a page mapping of libpmem2 would abort the process when msync fails.
    const auto least = PMEM2_GRANULARITY_CACHE_LINE;
    const unsigned protection = read_only ? PMEM2_PROT_READ : PMEM2_PROT_READ | PMEM2_PROT_WRITE;
    if (pmem2_config_set_required_store_granularity(config.get(), least) != 0 ||
        pmem2_config_set_length(config.get(), bytes) != 0 ||
        pmem2_config_set_protection(config.get(), protection) != 0) {
        return only_pages("libpmem2 refused the configuration");
    }
    pmem2_map* new_map = nullptr;
    if (pmem2_map_new(&new_map, config.get(), source.get()) != 0) return only_pages("no DAX");

    auto handle = std::make_unique<Pmem2Map::Handle>(Pmem2Map::Handle{Map(new_map)});
    const bool byte = pmem2_map_get_store_granularity(new_map) == PMEM2_GRANULARITY_BYTE;
    const std::span all(static_cast<std::byte*>(pmem2_map_get_address(new_map)), bytes);
    return {byte ? Granularity::byte : Granularity::cache_line,
            byte ? "" : "the platform does not save its CPU caches on power loss (no eADR)",
            Pmem2Map(std::move(handle), all)};
}

}  // namespace zverse::platform
