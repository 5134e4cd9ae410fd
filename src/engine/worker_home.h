// WorkerHome: the node that a worker keeps to, its CPUs and its memory, and what became of it.
//
// Workers are many and do much, so each is bound to its node even where there is only one: then its memory and its CPU
// are what the platform report says.
#pragma once

#include <platform/topology.h>
#include <zverse/stats.h>

#include <cstddef>

namespace zverse::engine {

class WorkerHome {
public:
    /// `topology` outlives it.
    WorkerHome(const platform::Topology& topology, unsigned node) noexcept : topology_(&topology), node_(node) {}

    /// In the thread itself: takes its name and its CPUs. `worker`: its number.
    void move_in(unsigned worker);
    /// The row of the platform report, once it has moved in.
    [[nodiscard]] Capability describe(std::size_t worker) const;
    /// The row when there are none.
    [[nodiscard]] static Capability describe_none(const char* why_not);

private:
    const platform::Topology* topology_;
    unsigned node_;
    Result<void> moved_in_;
};

}  // namespace zverse::engine
