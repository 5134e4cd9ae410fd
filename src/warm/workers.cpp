#include <warm/workers.h>

#include <algorithm>
#include <chrono>

namespace zverse::warm {

namespace {

using namespace std::chrono_literals;

// Rings fill between two looks: the first is soon, and an idle store lets the machine sleep.
constexpr std::chrono::microseconds kSoon = 5ms, kRarest = 200ms, kWaiting = 100us, kWaitingAtMost = 2ms;

}  // namespace

Workers::Workers(Mover& mover, unsigned count, const std::function<void(unsigned)>& move_in)
    : mover_(mover), moving_in_(count) {
    threads_.reserve(count);
    try {
        for (unsigned i = 0; i < count; ++i) {
            threads_.emplace_back([this, i, move_in] {
                move_in(i);
                moving_in_.count_down();
                loop();
            });
        }
    } catch (const std::exception&) {
        stop();
        throw;
    }
    moving_in_.wait();
}

Workers::~Workers() { stop(); }

void Workers::stop() noexcept {
    // release: nothing is ordered by it but the loops' end.
    stop_.store(true, std::memory_order_release);
    mover_.alarm().ring();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Workers::loop() {
    std::chrono::microseconds pause = kSoon, waiting = kWaiting;
    // acquire: pairs with stop().
    while (!stop_.load(std::memory_order_acquire)) {
        const std::uint32_t seen = mover_.alarm().observe();
        switch (mover_.work()) {
            case Mover::Worked::yes:
                pause = kSoon;
                waiting = kWaiting;
                break;
            case Mover::Worked::waiting:
                mover_.alarm().sleep(seen, waiting);
                waiting = std::min(waiting * 2, kWaitingAtMost);
                break;
            case Mover::Worked::no:
                mover_.alarm().sleep(seen, pause);
                pause = std::min(pause * 2, kRarest);
                break;
        }
    }
}

}  // namespace zverse::warm
