// PerfCounters: what the kernel counts of this process, for --perf: instructions, cycles and misses where the CPU shows
// its counters, else what the kernel itself knows, such as page faults.
//
// All threads that begin after it was made are counted, engines' own ones too: make it before any other thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::bench {

class PerfCounters {
public:
    struct Value {
        std::string_view name;
        std::uint64_t count;
    };

    /// What can't be counted here is left out; `reasons` are sentences that say why.
    explicit PerfCounters(std::vector<std::string>& reasons);
    ~PerfCounters();
    PerfCounters(const PerfCounters&) = delete;
    PerfCounters& operator=(const PerfCounters&) = delete;

    /// Since this was made.
    [[nodiscard]] std::vector<Value> read() const;

private:
    struct Counter {
        std::string_view name;
        int file;
    };
    std::vector<Counter> counters_;
};

}  // namespace zverse::bench
