#include <bench/crew.h>

#include <utility>

namespace zverse::bench {

Crew::Crew(unsigned helper_cpu, std::function<void(unsigned)> work)
    : work_(std::move(work)), helper_([this, helper_cpu] { help(helper_cpu); }) {
    // Asleep, not spinning: the helper begins on the caller's CPU and has to get away from it first.
    phase_.wait(Phase::starting);
}

Crew::~Crew() {
    phase_.store(Phase::end);
    phase_.notify_all();
    helper_.join();
}

void Crew::await(Phase phase) const noexcept {
    while (phase_.load() != phase) {}
}

void Crew::help(unsigned cpu) {
    const OnCpu here(cpu);
    phase_.store(Phase::idle);
    phase_.notify_all();
    for (;;) {
        phase_.wait(Phase::idle);
        if (phase_.load() == Phase::end) return;
        phase_.store(Phase::ready);
        await(Phase::go);
        try {
            work_(1);
        } catch (...) {
            failure_ = std::current_exception();
        }
        phase_.store(Phase::done);
        phase_.wait(Phase::done);
    }
}

double Crew::run(unsigned threads) {
    if (threads > 1) {
        phase_.store(Phase::called);
        phase_.notify_all();
        await(Phase::ready);
        phase_.store(Phase::go);
    }
    const auto begin = Clock::now();
    work_(0);
    if (threads > 1) await(Phase::done);
    const double seconds = seconds_since(begin);
    if (threads > 1) {
        phase_.store(Phase::idle);
        phase_.notify_all();
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    return seconds;
}

}  // namespace zverse::bench
