// operator new that fails at the n-th allocation of a thread, or often in all threads but the test's. Of a whole
// program: one file includes it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <functional>
#include <new>
#include <thread>
#include <utility>

namespace zverse::test {

inline thread_local long allocations_left = 0;  // of this thread until one fails; 0: none does
inline thread_local bool is_test_thread = false;
inline std::atomic<bool> others_fail{false};  // every third allocation of a thread that is not the test's
inline thread_local unsigned others_count = 0;

inline bool allocation_fails() noexcept {
    if (allocations_left > 0 && --allocations_left == 0) return true;
    // relaxed: a switch of the test.
    return !is_test_thread && others_fail.load(std::memory_order_relaxed) && ++others_count % 3 == 0;
}

inline void* allocate(std::size_t bytes, std::size_t alignment) {
    if (!allocation_fails()) {
        const std::size_t rounded = (bytes + alignment) / alignment * alignment;
        if (void* memory = std::aligned_alloc(alignment, rounded)) return memory;
    }
    throw std::bad_alloc();
}

/// Lets allocations of this thread succeed again; false when none has failed since they were counted.
inline bool disarm() noexcept { return std::exchange(allocations_left, 0) == 0; }

/// What the test itself does inside a call has memory.
class Unarmed {
public:
    Unarmed() noexcept : left_(std::exchange(allocations_left, 0)) {}
    ~Unarmed() { allocations_left = left_; }
    Unarmed(const Unarmed&) = delete;
    Unarmed& operator=(const Unarmed&) = delete;

private:
    const long left_;
};

/// Runs call() in new threads, where first the first allocation fails, then the second, until none does any more.
/// call() ends with disarm(), whose answer it returns.
inline void without_each_allocation(const char* what, const std::function<bool()>& call) {
    for (long n = 1; n < 3000; ++n) {
        bool failed = false;
        std::thread([&] {
            is_test_thread = true;
            try {
                allocations_left = n;
                failed = call();
            } catch (const std::exception& thrown) {
                disarm();
                failed = true;
                ADD_FAILURE() << what << ", allocation " << n << ": threw " << thrown.what();
            }
        }).join();
        if (!failed) {
            EXPECT_GT(n, 1) << what << " allocates nothing, so the test tells nothing";
            return;
        }
    }
    ADD_FAILURE() << what << " never came to its end";
}

}  // namespace zverse::test

// Not inlined: compilers warn of free() for what they see come from operator new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    return zverse::test::allocate(bytes, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return zverse::test::allocate(bytes, static_cast<std::size_t>(alignment));
}
// Of std::get_temporary_buffer(). A sanitizer brings its own, which would not go with our delete.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    try {
        return zverse::test::allocate(bytes, alignof(std::max_align_t));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
