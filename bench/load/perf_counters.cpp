#include <bench/load/perf_counters.h>

#include <cerrno>
#include <cstring>

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace zverse::bench {

namespace {

struct Event {
    std::string_view name;
    std::uint32_t type;
    std::uint64_t config;
};

constexpr std::uint64_t cache_misses(std::uint64_t cache) noexcept {
    return cache | (std::uint64_t{PERF_COUNT_HW_CACHE_OP_READ} << 8) |
           (std::uint64_t{PERF_COUNT_HW_CACHE_RESULT_MISS} << 16);
}

constexpr Event kEvents[] = {
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"l1d_misses", PERF_TYPE_HW_CACHE, cache_misses(PERF_COUNT_HW_CACHE_L1D)},
    {"dtlb_misses", PERF_TYPE_HW_CACHE, cache_misses(PERF_COUNT_HW_CACHE_DTLB)},
    {"cpu_nanoseconds", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
};

/// Of this process and all threads to come, on any CPU. Below 0: errno says why not.
int open_counter(const Event& event) noexcept {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.inherit = 1;
    attributes.exclude_hv = 1;
    int file = static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
    if (file >= 0 || (errno != EACCES && errno != EPERM)) return file;
    attributes.exclude_kernel = 1;  // the kernel's part may be hidden from users
    return static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

PerfCounters::PerfCounters(std::vector<std::string>& reasons) {
    for (const Event& event : kEvents) {
        const int file = open_counter(event);
        if (file >= 0) {
            counters_.push_back({event.name, file});
        } else {
            reasons.push_back("--perf " + std::string(event.name) + ": perf_event_open: " + std::strerror(errno));
        }
    }
}

PerfCounters::~PerfCounters() {
    for (const Counter& counter : counters_) close(counter.file);
}

std::vector<PerfCounters::Value> PerfCounters::read() const {
    std::vector<Value> values;
    for (const Counter& counter : counters_) {
        std::uint64_t count = 0;
        if (::read(counter.file, &count, sizeof count) == static_cast<ssize_t>(sizeof count))
            values.push_back({counter.name, count});
    }
    return values;
}

}  // namespace zverse::bench
