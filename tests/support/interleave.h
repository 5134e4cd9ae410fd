// Interleavings: threads of a test run one at a time, and a seed decides at each atomic operation who goes on.
//
// A test program that is compiled with `-include support/interleave.h`, together with the sources it wants to take
// apart, has every std::atomic, std::atomic_ref, std::mutex and std::condition_variable replaced by one that asks the
// schedule first. So a race that needs a thread to stop between two particular operations is found in milliseconds,
// and found again from its seed. What it can't show is weak ordering: everything is sequentially consistent here.
#pragma once

// All that the code under test includes comes before the names are taken over.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <bit>
#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <expected>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zverse::test::interleave {

/// Before an operation that others may see or do meanwhile. Nothing outside run().
void point() noexcept;
/// How many points this thread came by, in and outside run(): a measure of work that no clock disturbs.
[[nodiscard]] std::uint64_t points() noexcept;
/// This thread can't go on until another one did something.
void give_way() noexcept;
/// Runs all bodies to their end, one thread each, as `seed` decides.
void run(std::uint64_t seed, const std::vector<std::function<void()>>& bodies);
/// The same with the stops given: each thread in turn runs for so many points and is stopped. What is left then runs to
/// its end, the last thread first. Returns how many points each came by, so that all stops can be tried.
struct Stop {
    std::size_t thread;
    std::uint64_t points;
};
std::vector<std::uint64_t> run_with_stops(const std::vector<Stop>& stops,
                                          const std::vector<std::function<void()>>& bodies);

/// While it lives, this thread is not stopped: for what a test does on its own account.
class Undisturbed {
public:
    Undisturbed() noexcept;
    ~Undisturbed();
    Undisturbed(const Undisturbed&) = delete;
    Undisturbed& operator=(const Undisturbed&) = delete;
};

/// std::atomic or std::atomic_ref with a point before each operation.
template <class T, class Real>
class Operations {
public:
    static constexpr bool is_always_lock_free = Real::is_always_lock_free;

    T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
        point();
        return real_.load(order);
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        point();
        real_.store(value, order);
    }
    T exchange(T value, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        point();
        return real_.exchange(value, order);
    }
    T fetch_add(T value, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        point();
        return real_.fetch_add(value, order);
    }
    T fetch_sub(T value, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        point();
        return real_.fetch_sub(value, order);
    }
    template <class... Orders>
    bool compare_exchange_strong(T& expected, T desired, Orders... orders) const noexcept {
        point();
        return real_.compare_exchange_strong(expected, desired, orders...);
    }
    template <class... Orders>
    bool compare_exchange_weak(T& expected, T desired, Orders... orders) const noexcept {
        return compare_exchange_strong(expected, desired, orders...);
    }

protected:
    template <class... Arguments>
    explicit constexpr Operations(Arguments&&... arguments) noexcept : real_(std::forward<Arguments>(arguments)...) {}

private:
    mutable Real real_;
};

}  // namespace zverse::test::interleave

// The names under which the code under test finds them; nothing else can stand behind `std::`.
namespace std {  // NOLINT(cert-dcl58-cpp)

template <class T>
class interleaved_atomic : public zverse::test::interleave::Operations<T, atomic<T>> {
public:
    constexpr interleaved_atomic() noexcept : interleaved_atomic(T{}) {}
    constexpr interleaved_atomic(T value) noexcept  // NOLINT(google-explicit-constructor): as std::atomic
        : zverse::test::interleave::Operations<T, atomic<T>>(value) {}
    interleaved_atomic(const interleaved_atomic&) = delete;
    interleaved_atomic& operator=(const interleaved_atomic&) = delete;
};

template <class T>
class interleaved_atomic_ref : public zverse::test::interleave::Operations<T, atomic_ref<T>> {
public:
    explicit interleaved_atomic_ref(T& value) noexcept
        : zverse::test::interleave::Operations<T, atomic_ref<T>>(value) {}
};

class interleaved_mutex {
public:
    void lock() {
        zverse::test::interleave::point();
        while (!real_.try_lock()) zverse::test::interleave::give_way();
    }
    bool try_lock() {
        zverse::test::interleave::point();
        return real_.try_lock();
    }
    void unlock() { real_.unlock(); }

private:
    mutex real_;
};

class interleaved_condition_variable {
public:
    void notify_one() noexcept { notify_all(); }
    void notify_all() noexcept { calls_.fetch_add(1); }
    void wait(unique_lock<interleaved_mutex>& lock) {
        const auto seen = calls_.load();
        lock.unlock();
        while (calls_.load() == seen) zverse::test::interleave::give_way();
        lock.lock();
    }
    template <class Deadline>
    cv_status wait_until(unique_lock<interleaved_mutex>& lock, const Deadline& deadline) {
        const auto seen = calls_.load();
        lock.unlock();
        while (calls_.load() == seen && Deadline::clock::now() < deadline) zverse::test::interleave::give_way();
        lock.lock();
        return Deadline::clock::now() < deadline ? cv_status::no_timeout : cv_status::timeout;
    }

private:
    atomic<std::uint64_t> calls_{0};
};

namespace this_thread {
/// Who spins can't go on until another thread did something, and should not use up its turn.
inline void interleaved_yield() noexcept { zverse::test::interleave::give_way(); }
}  // namespace this_thread

}  // namespace std

#define atomic interleaved_atomic
#define atomic_ref interleaved_atomic_ref
#define mutex interleaved_mutex
#define condition_variable interleaved_condition_variable
#define yield interleaved_yield
#define _mm_pause zverse::test::interleave::give_way
