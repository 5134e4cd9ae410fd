// The part of the topology that needs no hwloc: counting, binding a thread, and asking where it runs.
#include <platform/os_error.h>
#include <platform/topology.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <memory>

#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace zverse::platform {

namespace {

struct FreeCpuSet {
    void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};

/// A CPU set of any size, because machines with more than CPU_SETSIZE CPUs exist.
class CpuSet {
public:
    explicit CpuSet(unsigned cpus) : bytes_(CPU_ALLOC_SIZE(cpus)), set_(CPU_ALLOC(cpus)) {
        CPU_ZERO_S(bytes_, set_.get());
    }
    void add(unsigned cpu) noexcept { CPU_SET_S(cpu, bytes_, set_.get()); }
    [[nodiscard]] bool has(unsigned cpu) const noexcept { return CPU_ISSET_S(cpu, bytes_, set_.get()) != 0; }
    [[nodiscard]] int count() const noexcept { return CPU_COUNT_S(bytes_, set_.get()); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] cpu_set_t* get() const noexcept { return set_.get(); }

private:
    std::size_t bytes_;
    std::unique_ptr<cpu_set_t, FreeCpuSet> set_;
};

Result<void> bind_cpus(const Topology::Node& node, unsigned cpu_index_end) {
    const std::string what = "binding a thread to the " + std::to_string(node.cpus.size()) + " CPUs of node " +
                             std::to_string(node.os_index);
    // What somebody took away from this thread (taskset, a cpuset) stays away. The kernel's mask may be longer than
    // ours.
    CpuSet allowed(std::max(cpu_index_end, unsigned{CPU_SETSIZE}));
    if (sched_getaffinity(0, allowed.bytes(), allowed.get()) != 0) return std::unexpected(os_error(what, errno));
    CpuSet wanted(cpu_index_end);
    for (const unsigned cpu : node.cpus) {
        if (allowed.has(cpu)) wanted.add(cpu);
    }
    if (wanted.count() == 0) return std::unexpected(Error(ErrorCode::io, what + " failed: it may use none of them"));
    if (sched_setaffinity(0, wanted.bytes(), wanted.get()) != 0) return std::unexpected(os_error(what, errno));

    // The kernel silently takes away what a cpuset forbids, so what is left is asked for.
    CpuSet got(std::max(cpu_index_end, unsigned{CPU_SETSIZE}));
    if (sched_getaffinity(0, got.bytes(), got.get()) != 0) return std::unexpected(os_error(what, errno));
    int inside = 0;
    for (const unsigned cpu : node.cpus) inside += got.has(cpu) ? 1 : 0;
    if (inside > 0 && inside == got.count()) return {};
    return std::unexpected(Error(ErrorCode::io, what + " was granted and not done: it may run on " +
                                                    std::to_string(got.count()) + " CPUs, " + std::to_string(inside) +
                                                    " of them there"));
}

/// Preferred, not bound: when a node is full, memory of another one is better than none.
Result<void> prefer_memory(const Topology::Node& node) {
    constexpr unsigned kWordBits = sizeof(unsigned long) * CHAR_BIT;
    std::vector<unsigned long> mask(node.os_index / kWordBits + 1);
    mask[node.os_index / kWordBits] |= 1UL << (node.os_index % kWordBits);
    const std::string what = "preferring memory of node " + std::to_string(node.os_index);
    // The kernel reads one bit less than it is told.
    const unsigned long bits = mask.size() * kWordBits + 1;
    if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask.data(), bits) != 0) {
        return std::unexpected(os_error(what, errno));
    }
    int mode = -1;
    if (syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0) != 0) return std::unexpected(os_error(what, errno));
    if (mode == MPOL_PREFERRED) return {};
    return std::unexpected(Error(ErrorCode::io, what + " was granted and not done"));
}

}  // namespace

unsigned Topology::cpu_count() const noexcept {
    std::size_t count = 0;
    for (const Node& node : nodes) count += node.cpus.size();
    return static_cast<unsigned>(count);
}

unsigned Topology::cpu_index_end() const noexcept {
    unsigned end = 0;
    for (const Node& node : nodes) {
        for (const unsigned cpu : node.cpus) end = std::max(end, cpu + 1);
    }
    return end;
}

Result<void> bind_this_thread(const Topology& topology, unsigned node_index) {
    if (node_index >= topology.nodes.size()) {
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "node " + std::to_string(node_index) + " of a topology with " +
                                                   std::to_string(topology.nodes.size()) + " nodes"));
    }
    // CPUs that exist only on paper can't be run on.
    if (topology.synthetic) return {};
    const Topology::Node& node = topology.nodes[node_index];
    if (auto bound = bind_cpus(node, topology.cpu_index_end()); !bound) return bound;
    // On one node all memory is near; asking would only fail where a sandbox forbids the call.
    if (topology.nodes.size() == 1) return {};
    return prefer_memory(node);
}

std::optional<unsigned> node_of_memory(const void* address) noexcept {
    int node = -1;
    if (syscall(SYS_get_mempolicy, &node, nullptr, 0, address, MPOL_F_NODE | MPOL_F_ADDR) != 0) return std::nullopt;
    return node < 0 ? std::nullopt : std::optional(static_cast<unsigned>(node));
}

// Not worth an error: the only one is a name that is too long, and then the thread keeps the old one.
void name_this_thread(const char* name) noexcept { pthread_setname_np(pthread_self(), name); }

unsigned current_cpu() noexcept {
#if defined(RSEQ_SIG)
    // glibc registers each thread and says by a size of 0 when the kernel refused.
    if (__rseq_size > 0) {
        const auto* area =
            reinterpret_cast<const struct rseq*>(static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset);
        // volatile: the kernel writes it behind the compiler's back, whenever it moves this thread.
        const auto cpu = static_cast<int>(*static_cast<const volatile std::uint32_t*>(&area->cpu_id));
        if (cpu >= 0) return static_cast<unsigned>(cpu);
    }
#endif
    const int cpu = sched_getcpu();
    return cpu < 0 ? 0U : static_cast<unsigned>(cpu);
}

}  // namespace zverse::platform
