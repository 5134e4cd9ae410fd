// What hwloc knows of this machine, or of one that exists on paper, as a Topology.
#include <platform/single_node.h>
#include <platform/topology.h>

#include <hwloc.h>

#include <algorithm>
#include <memory>

namespace zverse::platform {

namespace {

struct Destroy {
    void operator()(hwloc_topology* topology) const noexcept { hwloc_topology_destroy(topology); }
};
using Hwloc = std::unique_ptr<hwloc_topology, Destroy>;

Hwloc new_hwloc() {
    hwloc_topology_t topology = nullptr;
    return Hwloc(hwloc_topology_init(&topology) == 0 ? topology : nullptr);
}

/// Takes what matters out of a loaded hwloc topology: nodes and their CPUs in hwloc's order, in which CPUs that share
/// a cache follow each other.
Topology take_nodes(hwloc_topology_t loaded) {
    Topology result;
    result.synthetic = hwloc_topology_is_thissystem(loaded) == 0;
    // Nodes may share CPUs (high-bandwidth memory beside DRAM): a CPU belongs to the first that names it. Nodes
    // without a CPU of their own (memory expanders) are no place to run on.
    std::vector<unsigned> taken;
    for (hwloc_obj_t node = hwloc_get_next_obj_by_type(loaded, HWLOC_OBJ_NUMANODE, nullptr); node != nullptr;
         node = hwloc_get_next_obj_by_type(loaded, HWLOC_OBJ_NUMANODE, node)) {
        Topology::Node found{.os_index = node->os_index, .cpus = {}};
        for (hwloc_obj_t cpu = nullptr;
             (cpu = hwloc_get_next_obj_inside_cpuset_by_type(loaded, node->cpuset, HWLOC_OBJ_PU, cpu)) != nullptr;) {
            if (std::ranges::find(taken, cpu->os_index) != taken.end()) continue;
            taken.push_back(cpu->os_index);
            found.cpus.push_back(cpu->os_index);
        }
        if (!found.cpus.empty()) result.nodes.push_back(std::move(found));
    }
    return result;
}

}  // namespace

Topology Topology::detect() {
    const Hwloc loaded = new_hwloc();
    if (!loaded || hwloc_topology_load(loaded.get()) != 0) return single_node_topology("hwloc could not be loaded");
    Topology topology = take_nodes(loaded.get());
    if (topology.nodes.empty()) return single_node_topology("hwloc found no node with a CPU");
    return topology;
}

Result<Topology> Topology::synthetic_of(const std::string& description) {
    const Hwloc loaded = new_hwloc();
    if (!loaded || hwloc_topology_set_synthetic(loaded.get(), description.c_str()) != 0 ||
        hwloc_topology_load(loaded.get()) != 0) {
        return std::unexpected(Error(ErrorCode::invalid_argument,
                                     "\"" + description + "\" is no synthetic topology that hwloc understands"));
    }
    return take_nodes(loaded.get());
}

}  // namespace zverse::platform
