// Threads of race tests: started together, and a failed must() in any of them fails the test instead of the process.
#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace zverse::test {

/// Runs body(index) on `count` threads that begin at the same moment, waits for all, and rethrows the first exception.
template <class Body>
void run_threads(std::size_t count, Body&& body) {
    std::barrier<> start(static_cast<std::ptrdiff_t>(count));
    std::mutex mutex;
    std::exception_ptr first;
    {
        std::vector<std::jthread> threads;
        for (std::size_t index = 0; index < count; ++index) {
            threads.emplace_back([&, index] {
                start.arrive_and_wait();
                try {
                    body(index);
                } catch (...) {
                    const std::lock_guard lock(mutex);
                    if (!first) first = std::current_exception();
                }
            });
        }
    }
    if (first) std::rethrow_exception(first);
}

/// A thread that repeats body() until this object goes, for drains and scans beside the writers.
class Companion {
public:
    template <class Body>
    explicit Companion(Body body)
        : thread_([this, body = std::move(body)](const std::stop_token& stop) mutable {
              try {
                  while (!stop.stop_requested()) body();
              } catch (...) {
                  failure_ = std::current_exception();
              }
          }) {}
    Companion(const Companion&) = delete;
    Companion& operator=(const Companion&) = delete;
    /// Stops, waits, and rethrows what body() threw.
    void finish() {
        thread_.request_stop();
        thread_.join();
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    std::exception_ptr failure_;
    std::jthread thread_;
};

}  // namespace zverse::test
