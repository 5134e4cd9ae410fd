#include <engine/thread_home.h>

#include <string>

namespace zverse::engine {

Result<void> ThreadHome::move_in(const char* name) const {
    platform::name_this_thread(name);
    return has_choice() ? platform::bind_this_thread(*topology_, node_) : Result<void>();
}

Capability ThreadHome::row() const {
    const std::size_t nodes = topology_->nodes.size();
    return {"upkeep threads", has_choice() ? "on the node with the most rings" : "anywhere",
            std::to_string(nodes) + (nodes == 1 ? " node" : " nodes"), "", ""};
}

Capability ThreadHome::describe(const Result<void>& moved_in) const {
    Capability row = this->row();
    const platform::Topology::Node& node = topology_->nodes[node_];
    if (!has_choice()) {
        row.used = "not bound";
    } else if (topology_->synthetic) {
        row.used = "not bound";
        row.why_not = "node " + std::to_string(node.os_index) + " exists in a synthetic topology only";
    } else if (!moved_in) {
        row.used = "not, or not wholly, bound to node " + std::to_string(node.os_index);
        row.why_not = moved_in.error().message();
    } else {
        row.used = "bound to node " + std::to_string(node.os_index);
    }
    return row;
}

Capability ThreadHome::describe_none(const char* why_not) const {
    Capability row = this->row();
    row.used = "none";
    row.why_not = why_not;
    return row;
}

}  // namespace zverse::engine
