// Where shards and workers live. Pure: the same topology gives the same answer, on this machine or on paper.
#include <platform/topology.h>

#include <algorithm>
#include <cstddef>

namespace zverse::platform {

namespace {

/// How many shards each node gets: every node one as long as there are enough, then each further one goes where the
/// most CPUs share a shard.
std::vector<unsigned> shards_per_node(const Topology& topology, unsigned shards) {
    const std::size_t nodes = topology.nodes.size();
    std::vector<unsigned> count(nodes, 0);
    if (shards < nodes) {
        // Spread over the machine: nodes of neighbouring numbers are often neighbours.
        for (std::size_t shard = 0; shard < shards; ++shard) ++count[(shard * nodes + shards - 1) / shards];
        return count;
    }
    std::ranges::fill(count, 1U);
    for (std::size_t given = nodes; given < shards; ++given) {
        std::size_t busiest = 0;
        for (std::size_t node = 1; node < nodes; ++node) {
            // cpus / count, compared crosswise without division.
            if (topology.nodes[node].cpus.size() * count[busiest] > topology.nodes[busiest].cpus.size() * count[node]) {
                busiest = node;
            }
        }
        ++count[busiest];
    }
    return count;
}

/// The shards of each node, numbered through node by node.
std::vector<std::vector<unsigned>> number_shards(const std::vector<unsigned>& count) {
    std::vector<std::vector<unsigned>> of_node(count.size());
    unsigned next = 0;
    for (std::size_t node = 0; node < count.size(); ++node) {
        for (unsigned i = 0; i < count[node]; ++i) of_node[node].push_back(next++);
    }
    return of_node;
}

/// The shards of each node as their media lie; empty when that is not known of all.
std::vector<std::vector<unsigned>> shards_by_medium(const Topology& topology, unsigned shards,
                                                    std::span<const std::optional<unsigned>> medium_nodes) {
    std::vector<std::vector<unsigned>> of_node(topology.nodes.size());
    if (medium_nodes.size() != shards) return {};
    for (unsigned shard = 0; shard < shards; ++shard) {
        const auto node = std::ranges::find(topology.nodes, medium_nodes[shard], &Topology::Node::os_index);
        if (node == topology.nodes.end()) return {};
        of_node[static_cast<std::size_t>(node - topology.nodes.begin())].push_back(shard);
    }
    return of_node;
}

std::vector<unsigned> assign_cpus(const Topology& topology, const std::vector<std::vector<unsigned>>& of_node,
                                  unsigned shards) {
    std::vector<unsigned> shard_of_cpu(topology.cpu_index_end());
    // A CPU that is not in the topology may come online later: any shard is right for it.
    for (std::size_t cpu = 0; cpu < shard_of_cpu.size(); ++cpu) shard_of_cpu[cpu] = static_cast<unsigned>(cpu % shards);
    for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
        const std::vector<unsigned>& cpus = topology.nodes[node].cpus;
        const std::vector<unsigned>& own = of_node[node];
        for (std::size_t i = 0; i < cpus.size(); ++i) {
            // Neighbours share: CPUs are listed so that those with a common cache follow each other.
            shard_of_cpu[cpus[i]] = own.empty() ? static_cast<unsigned>(node * shards / topology.nodes.size())
                                                : own[i * own.size() / cpus.size()];
        }
    }
    return shard_of_cpu;
}

/// Each shard begins its round at another place, or all would overflow into the same one.
std::vector<unsigned> order_from(const std::vector<std::vector<unsigned>>& of_node, std::size_t home, unsigned shard) {
    std::vector<unsigned> order;
    for (std::size_t distance = 0; distance < of_node.size(); ++distance) {
        const std::vector<unsigned>& there = of_node[(home + distance) % of_node.size()];
        for (std::size_t i = 0; i < there.size(); ++i) {
            const unsigned other = there[(shard + 1 + i) % there.size()];
            if (other != shard) order.push_back(other);
        }
    }
    return order;
}

}  // namespace

Placement place(const Topology& topology, unsigned shards, unsigned workers,
                std::span<const std::optional<unsigned>> medium_nodes) {
    shards = std::max(shards, 1U);
    auto of_node = shards_by_medium(topology, shards, medium_nodes);
    if (of_node.empty()) of_node = number_shards(shards_per_node(topology, shards));
    Placement placement;
    placement.shard_of_cpu = assign_cpus(topology, of_node, shards);
    placement.node_of_shard.resize(shards);
    placement.overflow_order.resize(shards);
    for (std::size_t node = 0; node < of_node.size(); ++node) {
        for (const unsigned shard : of_node[node]) {
            placement.node_of_shard[shard] = static_cast<unsigned>(node);
            placement.overflow_order[shard] = order_from(of_node, node, shard);
        }
    }
    const auto most =
        std::ranges::max_element(of_node, {}, [](const auto& shards_there) { return shards_there.size(); });
    placement.home = static_cast<unsigned>(most - of_node.begin());
    for (unsigned worker = 0; worker < workers; ++worker) {
        placement.node_of_worker.push_back(worker % static_cast<unsigned>(topology.nodes.size()));
    }
    return placement;
}

}  // namespace zverse::platform
