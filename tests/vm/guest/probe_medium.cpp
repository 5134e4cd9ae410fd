// What a store makes of the medium its rings lie on, and, independently, what the kernel says of the same rings. Lines:
//
//   ring RING FOUND | USED | WHY_NOT       the store's own platform report
//   mapping RING SYNC NODE NODE NODE       MAP_SYNC as of smaps, and the node of its first, middle and last page
//   thread NAME CPUS POLICY                the store's threads, the CPUs that each may run on, and its memory policy
//   writer CPU NODE RING...                a thread bound to a CPU wrote, and these rings grew
//   probed                                 that was all
#include <vm/guest/programs.h>

#include <platform/mapping_facts.h>
#include <platform/topology.h>

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

namespace zverse::test {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kWriterPuts = 100, kWriterValueBytes = 100;
/// The store itself writes the time into a ring about once a second, a line or two; the rest is the writer's.
constexpr std::uint64_t kWriterBytes = kWriterPuts * kWriterValueBytes / 10;

struct RingMapping {
    std::uintptr_t begin = 0, end = 0;
};

RingMapping find_ring(unsigned ring) {
    const std::string name = "/ring-" + std::to_string(ring);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        RingMapping found;
        if (line.ends_with(name) && std::sscanf(line.c_str(), "%lx-%lx", &found.begin, &found.end) == 2) return found;
    }
    return {};
}

/// The NUMA node that the page at an address is on, or -1.
int node_of(std::uintptr_t address) {
    *reinterpret_cast<volatile const char*>(address);
    int node = -1;
    const long done = ::syscall(SYS_get_mempolicy, &node, nullptr, 0, address, MPOL_F_NODE | MPOL_F_ADDR);
    return done == 0 ? node : -1;
}

void tell_rings(Report& report, const Store& store, unsigned rings) {
    const Stats stats = store.stats();
    for (const Capability& row : stats.platform()) {
        constexpr std::string_view kRow = "persistence of ring ";
        if (!row.name.starts_with(kRow)) continue;
        report.say("ring " + row.name.substr(kRow.size()) + ' ' + row.found + " | " + row.used + " | " + row.why_not);
    }
    for (unsigned ring = 0; ring < rings; ++ring) {
        const RingMapping mapping = find_ring(ring);
        std::string line = "mapping " + std::to_string(ring);
        line += platform::mapping_facts(reinterpret_cast<const void*>(mapping.begin)).synchronous ? " sync" : " -";
        if (mapping.begin != 0) {
            const std::uintptr_t page = 4096;
            const std::uintptr_t middle = (mapping.begin + (mapping.end - mapping.begin) / 2) & ~(page - 1);
            for (const std::uintptr_t address : {mapping.begin, middle, mapping.end - page}) {
                line += ' ' + std::to_string(node_of(address));
            }
        }
        report.say(line);
    }
}

/// What a thread asks of memory that nothing else is said about: the second word of each such line.
std::string policy_of(const fs::path& task) {
    std::ifstream maps(task / "numa_maps");
    std::string address, policy;
    maps >> address >> policy;
    return policy.empty() ? "unknown" : policy;
}

void tell_threads(Report& report) {
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
        std::ifstream status(task.path() / "status");
        std::string name, cpus;
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("Name:")) name = line.substr(line.find('\t') + 1);
            if (line.starts_with("Cpus_allowed_list:")) cpus = line.substr(line.find('\t') + 1);
        }
        report.say("thread " + name + ' ' + cpus + ' ' + policy_of(task.path()));
    }
}

std::vector<double> used_bytes(const Store& store, unsigned rings) {
    const Stats stats = store.stats();
    std::vector<double> used;
    for (unsigned ring = 0; ring < rings; ++ring) {
        const std::string name = "zverse_ring_used_bytes{ring=\"" + std::to_string(ring) + "\"}";
        used.push_back(stats.value(name).value_or(-1));
    }
    return used;
}

Result<void> write_from(Store& store, unsigned cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    if (::sched_setaffinity(0, sizeof only, &only) != 0) {
        return std::unexpected(Error(ErrorCode::io, "binding to CPU " + std::to_string(cpu)));
    }
    for (std::uint64_t i = 0; i < kWriterPuts; ++i) {
        const Result<Version> put = store.put("from-cpu-" + std::to_string(cpu), std::string(kWriterValueBytes, 'x'));
        if (!put.has_value()) return std::unexpected(put.error());
    }
    return {};
}

Result<void> tell_writers(Report& report, Store& store, unsigned rings) {
    const platform::Topology topology = platform::Topology::detect();
    for (const platform::Topology::Node& node : topology.nodes) {
        for (const unsigned cpu : node.cpus) {
            const std::vector<double> before = used_bytes(store, rings);
            Result<void> wrote;
            std::thread([&] { wrote = write_from(store, cpu); }).join();
            if (!wrote.has_value()) return wrote;
            const std::vector<double> after = used_bytes(store, rings);
            std::string line = "writer " + std::to_string(cpu) + ' ' + std::to_string(node.os_index);
            for (unsigned ring = 0; ring < rings; ++ring) {
                if (after[ring] >= before[ring] + kWriterBytes) line += ' ' + std::to_string(ring);
            }
            report.say(line);
        }
    }
    return {};
}

}  // namespace

int probe_medium(Report& report, const std::vector<std::string>& words) {
    if (words.size() < 2) return 4;
    Options options;
    options.ring_bytes = 4 << 20;
    options.hot_paths.assign(words.begin() + 1, words.end());
    Result<Store> store = Store::open(words[0], options);
    if (!store.has_value()) return failed(report, "opening", store.error());
    const auto rings = static_cast<unsigned>(std::thread::hardware_concurrency());  // one per CPU, by default
    tell_rings(report, *store, rings);
    tell_threads(report);
    if (const Result<void> told = tell_writers(report, *store, rings); !told.has_value()) {
        return failed(report, "writing", told.error());
    }
    if (const Result<void> closed = store->close(); !closed.has_value()) {
        return failed(report, "closing", closed.error());
    }
    report.say("probed");
    return 0;
}

}  // namespace zverse::test
