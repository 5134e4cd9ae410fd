#include <engine/worker_home.h>

#include <platform/answer.h>

#include <string>

namespace zverse::engine {

void WorkerHome::move_in(unsigned worker) {
    platform::name_this_thread(("zverse-work-" + std::to_string(worker)).c_str());
    moved_in_ = platform::answer("binding a worker", [&] { return platform::bind_this_thread(*topology_, node_); });
}

Capability WorkerHome::describe(std::size_t worker) const {
    const std::string node = "node " + std::to_string(topology_->nodes[node_].os_index);
    Capability row{"worker " + std::to_string(worker), "on " + node,
                   std::to_string(topology_->nodes[node_].cpus.size()) + " CPUs there", "bound to " + node, ""};
    if (topology_->synthetic) {
        row.used = "not bound";
        row.why_not = node + " exists in a synthetic topology only";
    } else if (!moved_in_) {
        row.used = "not, or not wholly, bound to " + node;
        row.why_not = moved_in_.error().message();
    }
    return row;
}

Capability WorkerHome::describe_none(const char* why_not) { return {"workers", "one per node", "", "none", why_not}; }

}  // namespace zverse::engine
