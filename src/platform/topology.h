// Topology: NUMA nodes and their CPUs by hwloc, and the pure logic that places shards and workers on them.
#pragma once

#include <zverse/error.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zverse::platform {

/// A value: nodes with their CPUs (OS indices), taken from hwloc, from a synthetic description in tests, or, without
/// hwloc, one node with every CPU.
struct Topology {
    struct Node {
        unsigned os_index = 0;
        std::vector<unsigned> cpus;
    };
    std::vector<Node> nodes;   ///< at least one, each with at least one CPU
    bool synthetic = false;    ///< binding is skipped
    std::string why_not;       ///< why hwloc was not used; empty when it was

    [[nodiscard]] static Topology detect();
    /// hwloc's synthetic syntax, e.g. "numa:2 core:8 pu:1". invalid_argument when hwloc refuses it.
    [[nodiscard]] static Result<Topology> synthetic_of(const std::string& description);

    [[nodiscard]] unsigned cpu_count() const noexcept;
    [[nodiscard]] unsigned cpu_index_end() const noexcept;  ///< one past the largest OS index
};

/// Where shards and workers live. Pure.
struct Placement {
    std::vector<unsigned> shard_of_cpu;      ///< by CPU OS index; CPUs share shards when there are fewer shards
    std::vector<unsigned> node_of_shard;     ///< index into Topology::nodes
    std::vector<unsigned> node_of_worker;
    unsigned home = 0;  ///< node of threads that serve every shard: the first with the most shards
    /// For each shard all other shards in the order a writer should try them: own node first.
    std::vector<std::vector<unsigned>> overflow_order;
};
/// `medium_nodes`: for each shard the OS index of the node that its ring's medium is on. Where all are known, shards
/// are where their media are; else (empty, or one is not known or has no CPUs) where the CPUs are.
[[nodiscard]] Placement place(const Topology& topology, unsigned shards, unsigned workers,
                              std::span<const std::optional<unsigned>> medium_nodes = {});

/// The OS index of the node that the memory at `address`, which is faulted in, lies on.
[[nodiscard]] std::optional<unsigned> node_of_memory(const void* address) noexcept;

/// Binds the calling thread to those CPUs of a node that it may use already, and its memory to the node. Errors: io
/// with the reason.
[[nodiscard]] Result<void> bind_this_thread(const Topology& topology, unsigned node_index);

/// For debuggers and top. At most 15 characters.
void name_this_thread(const char* name) noexcept;

/// The CPU this thread runs on: rseq through thread-local storage (under a nanosecond), else sched_getcpu. A hint:
/// it may have changed when this returns.
[[nodiscard]] unsigned current_cpu() noexcept;

}  // namespace zverse::platform
