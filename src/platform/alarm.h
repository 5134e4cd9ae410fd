// Alarm: idle threads sleep on it and are woken when there is something to do; a futex, because ringing it must cost a
// writer next to nothing while nobody sleeps.
//
// Invariant A1: a ring() after observe() is not slept through: it changes the count, and the kernel compares the count
// before it lets the thread sleep. That ring() sees the sleeper, or the sleeper the new count, needs both to be
// seq_cst: each stores one word and then reads the other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace zverse::platform {

class Alarm {
public:
    /// Before looking for something to do.
    [[nodiscard]] std::uint32_t observe() const noexcept {
        // acquire: what was there to do when it rang is found.
        return count_.load(std::memory_order_acquire);
    }
    /// Wakes everybody. Cost: one shared line; a system call when somebody sleeps.
    void ring() noexcept;
    /// Sleeps until it rings, has rung since `observed`, or the time is up. May wake for no reason.
    void sleep(std::uint32_t observed, std::chrono::microseconds at_most) noexcept;

private:
    std::atomic<std::uint32_t> count_{0};
    std::atomic<std::uint32_t> sleepers_{0};
};

}  // namespace zverse::platform
