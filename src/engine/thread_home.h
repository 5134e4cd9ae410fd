// ThreadHome: the node whose CPUs the store's own threads keep to, and what became of it.
//
// Those threads serve every ring, so they live where most rings do. On one node there is nothing to choose: they stay
// as free as the thread that opened the store. A thread is never bound to less than what it may use of a node.
#pragma once

#include <platform/topology.h>
#include <zverse/stats.h>

namespace zverse::engine {

class ThreadHome {
public:
    /// `topology` outlives it.
    ThreadHome(const platform::Topology& topology, unsigned node) noexcept : topology_(&topology), node_(node) {}

    /// In the thread itself: takes its name and its CPUs.
    [[nodiscard]] Result<void> move_in(const char* name) const;
    /// The row of the platform report; `moved_in` is what move_in() said, in the thread that fared worst.
    [[nodiscard]] Capability describe(const Result<void>& moved_in) const;
    /// The row when there are no threads.
    [[nodiscard]] Capability describe_none(const char* why_not) const;

private:
    [[nodiscard]] bool has_choice() const noexcept { return topology_->nodes.size() > 1; }
    [[nodiscard]] Capability row() const;

    const platform::Topology* topology_;
    unsigned node_;
};

}  // namespace zverse::engine
