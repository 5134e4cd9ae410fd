// Crew: the calling thread and one helper, each on a CPU of its own, working for the same span of time.
#pragma once

#include <bench/measure.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>

namespace zverse::bench {

class Crew {
public:
    /// `work(0)` and `work(1)` are one thread's share; the helper runs on `helper_cpu`, which is not the caller's: with
    /// a real-time policy two spinning threads on one CPU would wait for ever.
    Crew(unsigned helper_cpu, std::function<void(unsigned)> work);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    /// Seconds until all of `threads` (1 or 2) have done their share, begun at the same moment. With one, the helper
    /// sleeps.
    [[nodiscard]] double run(unsigned threads);

private:
    enum class Phase : int { starting, idle, called, ready, go, done, end };
    void help(unsigned cpu);
    void await(Phase phase) const noexcept;

    std::function<void(unsigned)> work_;
    std::atomic<Phase> phase_{Phase::starting};
    std::exception_ptr failure_;
    std::thread helper_;
};

}  // namespace zverse::bench
