// SpaceQueue: writers of one ring that wait for space, first come, first served.
//
// Nobody spins. While the queue is not empty the fast path joins it, so a stream of small writes can't starve a large
// one. A waiter whose time is up leaves and passes the turn on. Any movement of a head wakes every queue's first.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>

namespace zverse::hot {

class SpaceQueue {
public:
    enum class Outcome { done, timed_out, cancelled };

    /// Order: a hint; a writer that misses a waiter merely overtakes it once.
    [[nodiscard]] bool empty() const noexcept {
        // relaxed: see above.
        return waiters_.load(std::memory_order_relaxed) == 0;
    }

    /// How many wait. A figure.
    [[nodiscard]] std::uint32_t size() const noexcept {
        // relaxed: see empty().
        return waiters_.load(std::memory_order_relaxed);
    }

    /// Waits for its turn and calls attempt() at the head of the queue after each wake, until it returns true, the
    /// deadline passes, or cancel_all(). `attempt` runs without the queue's lock.
    template <class Attempt>
    [[nodiscard]] Outcome wait(std::chrono::steady_clock::time_point deadline, Attempt&& attempt) {
        std::unique_lock lock(mutex_);
        const auto place = queue_.emplace(queue_.end());
        waiters_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a hint, see empty()
        Outcome outcome = Outcome::timed_out;
        for (;;) {
            if (cancelled_) {
                outcome = Outcome::cancelled;
                break;
            }
            if (place == queue_.begin()) {
                const std::uint64_t seen = movements_;
                lock.unlock();
                const bool done = attempt();
                lock.lock();
                if (done) {
                    outcome = Outcome::done;
                    break;
                }
                if (movements_ != seen || cancelled_) continue;
            }
            if (place->condition.wait_until(lock, deadline) == std::cv_status::timeout) break;
        }
        queue_.erase(place);
        waiters_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a hint, see empty()
        if (!queue_.empty()) queue_.front().condition.notify_one();
        return outcome;
    }

    /// A head moved, or credits came back.
    void wake_first() {
        const std::scoped_lock lock(mutex_);
        ++movements_;
        if (!queue_.empty()) queue_.front().condition.notify_one();
    }
    void cancel_all() {
        const std::scoped_lock lock(mutex_);
        cancelled_ = true;
        for (Waiter& waiter : queue_) waiter.condition.notify_one();
    }

private:
    struct Waiter {
        std::condition_variable condition;
    };
    std::mutex mutex_;
    std::list<Waiter> queue_;
    std::uint64_t movements_ = 0;
    bool cancelled_ = false;
    std::atomic<std::uint32_t> waiters_{0};
};

}  // namespace zverse::hot
