#include <platform/single_node.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include <sched.h>
#include <unistd.h>

namespace zverse::platform {

Topology single_node_topology(std::string why_not) {
    Topology topology;
    topology.why_not = std::move(why_not);
    Topology::Node& node = topology.nodes.emplace_back();
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &allowed)) node.cpus.push_back(cpu);
        }
    }
    // More CPUs than a cpu_set_t holds make the call fail; then they are counted, and numbered from 0.
    if (node.cpus.empty()) {
        node.cpus.resize(static_cast<std::size_t>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L)));
        std::iota(node.cpus.begin(), node.cpus.end(), 0U);
    }
    return topology;
}

}  // namespace zverse::platform
