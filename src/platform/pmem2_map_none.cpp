// Stands in for pmem2_map.cpp in builds without libpmem2.
#include <platform/pmem2_map.h>

#include <utility>

namespace zverse::platform {

struct Pmem2Map::Handle {};

Pmem2Map::Pmem2Map() noexcept = default;
Pmem2Map::Pmem2Map(std::unique_ptr<Handle> handle, std::span<std::byte> bytes) noexcept
    : handle_(std::move(handle)), bytes_(bytes) {}
Pmem2Map::Pmem2Map(Pmem2Map&&) noexcept = default;
Pmem2Map& Pmem2Map::operator=(Pmem2Map&&) noexcept = default;
Pmem2Map::~Pmem2Map() = default;

Pmem2Answer ask_pmem2(int /*descriptor*/, std::size_t /*bytes*/, bool /*read_only*/) {
    return {Granularity::page, "libpmem2 is not built in", {}};
}

}  // namespace zverse::platform
