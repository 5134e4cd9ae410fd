// The topology of a machine about which nothing can be asked: one node with every CPU this process may use.
#pragma once

#include <platform/topology.h>

#include <string>

namespace zverse::platform {

[[nodiscard]] Topology single_node_topology(std::string why_not);

}  // namespace zverse::platform
