#include <bench/measure.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sched.h>

namespace zverse::bench {

namespace {

void allow(const std::vector<unsigned>& cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const unsigned cpu : cpus) CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
    }
}

}  // namespace

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

std::vector<unsigned> usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
    }
    std::vector<unsigned> cpus;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    return cpus;
}

unsigned bench_cpu() { return usable_cpus().back(); }

OnCpu::OnCpu(unsigned cpu) : before_(usable_cpus()) { allow({cpu}); }
OnCpu::~OnCpu() { allow(before_); }

FairScheduling::FairScheduling() : policy_(sched_getscheduler(0)) {
    sched_param parameters{};
    if (sched_getparam(0, &parameters) == 0) priority_ = parameters.sched_priority;
    const sched_param fair{};
    if (policy_ != SCHED_OTHER && sched_setscheduler(0, SCHED_OTHER, &fair) != 0) {
        throw std::system_error(errno, std::generic_category(), "sched_setscheduler");
    }
}

FairScheduling::~FairScheduling() {
    // May fail without the right to raise it again; then the rest of the run is noisier, and nothing else.
    sched_param parameters{};
    parameters.sched_priority = priority_;
    if (policy_ != SCHED_OTHER) static_cast<void>(sched_setscheduler(0, policy_, &parameters));
}

}  // namespace zverse::bench
