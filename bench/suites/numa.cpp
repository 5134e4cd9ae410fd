// Suite numa: what memory of each node costs from each node's CPUs, one line after the other and as a stream.
#include <bench/must.h>
#include <bench/suites/hardware.h>
#include <bench/suites/suites.h>
#include <platform/mapping.h>
#include <platform/topology.h>
#include <support/random.h>

#include <cstring>
#include <string>
#include <thread>

namespace zverse::bench {

namespace {

constexpr std::size_t kMemoryBytes = std::size_t{256} << 20;  // more than any cache

/// Memory that a thread of the node touched first.
platform::AnonymousMemory memory_on(const platform::Topology& topology, unsigned node) {
    auto memory = must(platform::AnonymousMemory::allocate(kMemoryBytes));
    Result<void> bound;
    std::jthread([&] {
        bound = platform::bind_this_thread(topology, node);
        auto* words = reinterpret_cast<std::uint64_t*>(memory.bytes().data());
        test::Random random(node + 1);
        for (std::size_t i = 0; i < kMemoryBytes / sizeof(std::uint64_t); i += 8) words[i] = random.next();
    }).join();
    must(std::move(bound));
    return memory;
}

void rows(HardwareRun& run, const platform::Topology& topology, unsigned from, unsigned of) {
    const auto memory = memory_on(topology, of);
    const auto* words = reinterpret_cast<const std::uint64_t*>(memory.bytes().data());
    const std::string variant = "node " + std::to_string(topology.nodes[from].os_index) + ", memory of node " +
                                std::to_string(topology.nodes[of].os_index);
    std::exception_ptr failure;
    std::jthread([&] {
        try {
            must(platform::bind_this_thread(topology, from));
            run.row("read_line_chained", variant, [&](std::uint64_t count) {
                std::uint64_t next = 0;
                for (std::uint64_t i = 0; i < count; ++i) next = words[(next + i) % (kMemoryBytes / 64) * 8];
                keep(next);
            });
            run.row("read_mebibyte", variant, [&](std::uint64_t count) {
                std::uint64_t sum = 0;
                for (std::uint64_t i = 0; i < count; ++i) {
                    const auto* part = words + i % (kMemoryBytes >> 20) * (std::size_t{1} << 17);
                    for (std::size_t word = 0; word < std::size_t{1} << 17; word += 8) sum += part[word];
                }
                keep(sum);
            });
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

void measure_numa(HardwareRun& run) {
    const platform::Topology topology = platform::Topology::detect();
    if (topology.nodes.size() < 2) {
        run.skip("read_line_chained",
                 "this machine has one NUMA node" +
                     (topology.why_not.empty() ? "" : " as far as it can be asked: " + topology.why_not));
        return;
    }
    for (unsigned from = 0; from < topology.nodes.size(); ++from) {
        for (unsigned of = 0; of < topology.nodes.size(); ++of) rows(run, topology, from, of);
    }
}

}  // namespace zverse::bench
