// Stands in for hwloc_topology.cpp in builds without hwloc.
#include <platform/single_node.h>
#include <platform/topology.h>

namespace zverse::platform {

Topology Topology::detect() { return single_node_topology("hwloc is not built in"); }

Result<Topology> Topology::synthetic_of(const std::string& description) {
    return std::unexpected(
        Error(ErrorCode::invalid_argument, "\"" + description + "\" can't be read: hwloc is not built in"));
}

}  // namespace zverse::platform
