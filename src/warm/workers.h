// Workers: the threads that move data between the tiers. Each loops over Mover::work() and sleeps when there is nothing.
#pragma once

#include <warm/mover.h>

#include <atomic>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

namespace zverse::warm {

class Workers {
public:
    /// Starts them and waits until each has moved in: `move_in(i)` runs first in the i-th. Throws what std::thread
    /// throws where one can't be started; then none runs.
    Workers(Mover& mover, unsigned count, const std::function<void(unsigned)>& move_in);
    /// Stops and joins them, each after its step.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

private:
    void loop();
    void stop() noexcept;

    Mover& mover_;
    std::latch moving_in_;
    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

}  // namespace zverse::warm
