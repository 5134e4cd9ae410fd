// What the kernel really did with a mapping, read from /proc/self/smaps: madvise says yes to much that never happens.
#pragma once

#include <cstddef>
#include <istream>

namespace zverse::platform {

struct MappingFacts {
    bool known = false;          ///< the address was found in smaps
    bool synchronous = false;    ///< mapped with MAP_SYNC: real DAX
    std::size_t huge_bytes = 0;  ///< mapped by huge pages, of whatever kind
};

[[nodiscard]] MappingFacts mapping_facts(const void* address);
/// The same from a text in the format of smaps; for tests.
[[nodiscard]] MappingFacts mapping_facts_from(std::istream& smaps, const void* address);

}  // namespace zverse::platform
