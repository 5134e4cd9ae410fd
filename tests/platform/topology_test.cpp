// Goal:    shards and workers live where their CPUs are, whatever the machine looks like; a bound thread stays there.
// Method:  properties of place() over hwloc's synthetic machines of 1, 2, 3 and 8 nodes and over random ones made by
//          hand; binding and the CPU number are checked against the kernel on the real machine.
#include <platform/topology.h>

#include <support/results.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <thread>

#include <sched.h>

#include <zverse_config.h>

namespace zverse::platform {
namespace {

/// Everything that is promised about a placement, for any machine.
void expect_sound(const Topology& topology, unsigned shards, unsigned workers) {
    SCOPED_TRACE(std::to_string(topology.nodes.size()) + " nodes, " + std::to_string(topology.cpu_count()) + " CPUs, " +
                 std::to_string(shards) + " shards");
    const Placement placement = place(topology, shards, workers);
    const auto nodes = static_cast<unsigned>(topology.nodes.size());
    ASSERT_EQ(placement.shard_of_cpu.size(), topology.cpu_index_end());
    ASSERT_EQ(placement.node_of_shard.size(), shards);
    ASSERT_EQ(placement.overflow_order.size(), shards);
    ASSERT_EQ(placement.node_of_worker.size(), workers);

    std::vector<unsigned> shards_on(nodes, 0), workers_on(nodes, 0);
    for (const unsigned node : placement.node_of_shard) {
        ASSERT_LT(node, nodes);
        ++shards_on[node];
    }
    for (const unsigned node : placement.node_of_worker) {
        ASSERT_LT(node, nodes);
        ++workers_on[node];
    }
    if (shards >= nodes) {
        EXPECT_GE(std::ranges::min(shards_on), 1U) << "a node without a shard writes to far memory";
    } else {
        EXPECT_LE(std::ranges::max(shards_on), 1U);
    }
    EXPECT_LE(std::ranges::max(workers_on) - std::ranges::min(workers_on), 1U);
    ASSERT_LT(placement.home, nodes);
    EXPECT_EQ(shards_on[placement.home], std::ranges::max(shards_on));

    for (unsigned node = 0; node < nodes; ++node) {
        const auto& cpus = topology.nodes[node].cpus;
        std::vector<unsigned> cpus_of_shard(shards, 0);
        for (const unsigned cpu : cpus) {
            const unsigned shard = placement.shard_of_cpu[cpu];
            ASSERT_LT(shard, shards);
            ++cpus_of_shard[shard];
            EXPECT_TRUE(shards < nodes || placement.node_of_shard[shard] == node)
                << "CPU " << cpu << " writes far away";
        }
        if (shards < nodes) continue;
        // Within a node, no shard has two CPUs more than another.
        unsigned most = 0, least = topology.cpu_count();
        for (unsigned shard = 0; shard < shards; ++shard) {
            if (placement.node_of_shard[shard] != node) continue;
            most = std::max(most, cpus_of_shard[shard]);
            least = std::min(least, cpus_of_shard[shard]);
        }
        EXPECT_LE(most - least, 1U) << "node " << node;
    }

    for (unsigned shard = 0; shard < shards; ++shard) {
        const auto& order = placement.overflow_order[shard];
        const std::set<unsigned> others(order.begin(), order.end());
        ASSERT_EQ(order.size(), shards - 1);
        ASSERT_EQ(others.size(), shards - 1) << "each once";
        ASSERT_FALSE(others.contains(shard));
        ASSERT_TRUE(others.empty() || *others.rbegin() < shards);
        const auto own = [&](unsigned other) {
            return placement.node_of_shard[other] == placement.node_of_shard[shard];
        };
        EXPECT_TRUE(std::ranges::is_partitioned(order, own)) << "own node first, shard " << shard;
    }
}

Topology by_hand(const std::vector<std::vector<unsigned>>& cpus_of_node) {
    Topology topology;
    topology.synthetic = true;
    for (const auto& cpus : cpus_of_node) {
        topology.nodes.push_back({static_cast<unsigned>(topology.nodes.size()), cpus});
    }
    return topology;
}

TEST(Placement, IsSoundOnSyntheticMachines) {
    if (ZVERSE_HAVE_HWLOC == 0) GTEST_SKIP() << "built without hwloc";
    for (const auto& [description, nodes, cpus] :
         {std::tuple{"numa:1 core:2 pu:1", 1U, 2U}, std::tuple{"numa:2 core:8 pu:1", 2U, 16U},
          std::tuple{"numa:8 core:4 pu:2", 8U, 64U}, std::tuple{"package:3 numa:1 core:5 pu:1", 3U, 15U}}) {
        const Topology topology = test::must(Topology::synthetic_of(description));
        ASSERT_EQ(topology.nodes.size(), nodes) << description;
        ASSERT_EQ(topology.cpu_count(), cpus) << description;
        ASSERT_TRUE(topology.synthetic);
        for (unsigned shards = 1; shards <= 2 * cpus; ++shards) expect_sound(topology, shards, shards % 11);
    }
}

TEST(Placement, IsSoundOnRandomMachines) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    for (int round = 0; round < 300; ++round) {
        std::vector<unsigned> indices(random.between(1, 80));
        std::iota(indices.begin(), indices.end(), 0U);
        for (std::size_t i = indices.size(); i > 1; --i) std::swap(indices[i - 1], indices[random.below(i)]);
        std::vector<std::vector<unsigned>> nodes(std::min<std::size_t>(random.between(1, 9), indices.size()));
        // Every node has a CPU; the rest fall where they fall: nodes of different sizes, and some CPUs missing.
        for (std::size_t i = 0; i < indices.size(); ++i) {
            if (i >= nodes.size() && random.one_in(8)) continue;
            nodes[i < nodes.size() ? i : random.below(nodes.size())].push_back(indices[i]);
        }
        expect_sound(by_hand(nodes), static_cast<unsigned>(random.between(1, 100)),
                     static_cast<unsigned>(random.below(20)));
    }
}

TEST(Placement, OneShardPerCoreIsOneCpuPerShard) {
    const Placement placement = place(by_hand({{0, 2, 4, 6}, {1, 3, 5, 7}}), 8, 2);
    const std::set<unsigned> shards(placement.shard_of_cpu.begin(), placement.shard_of_cpu.end());
    EXPECT_EQ(shards.size(), 8U);
    EXPECT_EQ(placement.node_of_worker, (std::vector<unsigned>{0, 1}));
}

TEST(Placement, ShardsGoWhereTheCpusAre) {
    const Placement placement = place(by_hand({{0, 1, 2, 3, 4, 5}, {6, 7}}), 4, 1);
    EXPECT_EQ(std::ranges::count(placement.node_of_shard, 0U), 3);
    EXPECT_EQ(std::ranges::count(placement.node_of_shard, 1U), 1);
    EXPECT_EQ(placement.home, 0U);
    EXPECT_EQ(place(by_hand({{0}, {1, 2, 3}}), 4, 1).home, 1U) << "who serves all shards lives where most of them are";
}

/// Rings are dealt out over the folders of hot_paths, so those of one node do not follow each other.
TEST(Placement, ShardsAreWhereTheirMediaAre) {
    const Topology topology = by_hand({{0, 1}, {2, 3}});
    const std::vector<std::optional<unsigned>> in_turn{0, 1, 0, 1};
    EXPECT_EQ(place(topology, 4, 2, in_turn).node_of_shard, (std::vector<unsigned>{0, 1, 0, 1}));
    EXPECT_EQ(place(topology, 4, 2, in_turn).shard_of_cpu, (std::vector<unsigned>{0, 2, 1, 3}));
    EXPECT_EQ(place(topology, 4, 2, in_turn).overflow_order[0].front(), 2U) << "the other one of its own node";
    const std::vector<std::optional<unsigned>> other_way_round{1, 0, 1, 0};
    EXPECT_EQ(place(topology, 4, 2, other_way_round).shard_of_cpu, (std::vector<unsigned>{1, 3, 0, 2}));
    const std::vector<std::optional<unsigned>> all_on_one{1, 1, 1, 1};
    EXPECT_EQ(place(topology, 4, 2, all_on_one).home, 1U);
}

TEST(Placement, MediaOfUnknownNodesAreAsNone) {
    const Topology topology = by_hand({{0, 1}, {2, 3}});
    const std::vector<unsigned> by_cpus = place(topology, 4, 2).shard_of_cpu;
    EXPECT_EQ(place(topology, 4, 2, std::vector<std::optional<unsigned>>{0, 1, std::nullopt, 1}).shard_of_cpu, by_cpus);
    EXPECT_EQ(place(topology, 4, 2, std::vector<std::optional<unsigned>>{0, 1, 0, 7}).shard_of_cpu, by_cpus);
}

TEST(Placement, MemoryHasANode) {
    const std::vector<char> touched(4096, 'x');
    const std::optional<unsigned> node = node_of_memory(touched.data());
    if (!node) GTEST_SKIP() << "the kernel does not tell the node of memory";
    EXPECT_EQ(node_of_memory(nullptr), std::nullopt);
}

TEST(Placement, NeighboursOverflowToDifferentShards) {
    const Placement placement = place(by_hand({{0, 1, 2, 3}}), 4, 1);
    std::set<unsigned> first;
    for (const auto& order : placement.overflow_order) first.insert(order.front());
    EXPECT_EQ(first.size(), 4U) << "all shards overflowing into the same one would fill it next";
}

TEST(Synthetic, RefusesWhatHwlocDoesNotUnderstand) {
    const auto refused = Topology::synthetic_of("numa:none at all");
    test::expect_error(refused, ErrorCode::invalid_argument, "numa:none at all");
}

TEST(Synthetic, BindingIsSkipped) {
    std::thread([] {
        cpu_set_t before, after;
        sched_getaffinity(0, sizeof before, &before);
        test::must(bind_this_thread(by_hand({{0}, {1}}), 1));
        sched_getaffinity(0, sizeof after, &after);
        EXPECT_TRUE(CPU_EQUAL(&before, &after));
    }).join();
}

TEST(Detect, FindsThisMachine) {
    const Topology topology = Topology::detect();
    ASSERT_FALSE(topology.nodes.empty());
    std::set<unsigned> cpus;
    for (const Topology::Node& node : topology.nodes) {
        EXPECT_FALSE(node.cpus.empty());
        cpus.insert(node.cpus.begin(), node.cpus.end());
    }
    EXPECT_EQ(cpus.size(), topology.cpu_count()) << "a CPU in two nodes";
    EXPECT_EQ(topology.why_not.empty(), ZVERSE_HAVE_HWLOC != 0);
    expect_sound(topology, topology.cpu_count(), 1);
}

TEST(Bind, KeepsTheThreadOnItsNode) {
    const Topology topology = Topology::detect();
    if (topology.synthetic) GTEST_SKIP() << "HWLOC_SYNTHETIC is set";
    std::thread([&] {
        const auto& cpus = topology.nodes.front().cpus;
        test::must(bind_this_thread(topology, 0));
        cpu_set_t now;
        ASSERT_EQ(sched_getaffinity(0, sizeof now, &now), 0);
        EXPECT_LE(CPU_COUNT(&now), static_cast<int>(cpus.size()));
        EXPECT_NE(std::ranges::find(cpus, current_cpu()), cpus.end());
    }).join();
}

TEST(Bind, KeepsToTheCpusThatTheThreadMayUse) {
    const Topology machine = Topology::detect();
    const std::vector<unsigned>& cpus = machine.nodes.front().cpus;
    if (machine.synthetic || cpus.size() < 2) GTEST_SKIP() << "one CPU, or a synthetic machine";
    Topology topology = by_hand({{cpus[0], cpus[1]}});
    topology.synthetic = false;
    Topology elsewhere = by_hand({{cpus[0]}});
    elsewhere.synthetic = false;
    std::thread([&] {
        cpu_set_t only, now;
        CPU_ZERO(&only);
        CPU_SET(cpus[1], &only);
        ASSERT_EQ(sched_setaffinity(0, sizeof only, &only), 0);
        test::must(bind_this_thread(topology, 0));
        ASSERT_EQ(sched_getaffinity(0, sizeof now, &now), 0);
        EXPECT_TRUE(CPU_EQUAL(&now, &only)) << "binding gave back what taskset had taken away";
        test::expect_error(bind_this_thread(elsewhere, 0), ErrorCode::io, "it may use none of them");
        ASSERT_EQ(sched_getaffinity(0, sizeof now, &now), 0);
        EXPECT_TRUE(CPU_EQUAL(&now, &only));
    }).join();
}

TEST(Bind, SaysWhenTheKernelRefuses) {
    Topology topology = by_hand({{4090}});
    topology.synthetic = false;
    std::thread([&] { test::expect_error(bind_this_thread(topology, 0), ErrorCode::io, "node 0"); }).join();
    test::expect_error(bind_this_thread(topology, 3), ErrorCode::invalid_argument, "node 3");
}

TEST(Bind, OneCpuIsTheCurrentOne) {
    const Topology topology = Topology::detect();
    if (topology.synthetic) GTEST_SKIP() << "HWLOC_SYNTHETIC is set";
    for (const unsigned cpu : topology.nodes.front().cpus) {
        Topology one = by_hand({{cpu}});
        one.synthetic = false;
        std::thread([&] {
            test::must(bind_this_thread(one, 0));
            EXPECT_EQ(current_cpu(), cpu);
        }).join();
    }
}

}  // namespace
}  // namespace zverse::platform
