// PerThread<T, Tag>: one T per thread, made at its first use, destroyed when the thread ends.
//
// Unlike a thread_local T it may be used at any time: a store of static lifetime is closed after the main thread's
// thread_local objects are gone, and destructors of other thread_local objects may call a store too. Whoever comes
// after the end gets a new T, which is destroyed in its turn (by the main thread, once it left main(), never).
#pragma once

#include <cxxabi.h>

#include <memory>

extern "C" void* __dso_handle;  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the ABI's name

namespace zverse::platform {

template <class T, class Tag = T>
class PerThread {
public:
    /// This thread's T; allocates when there is none.
    [[nodiscard]] static T& mine() {
        if (own_ == nullptr) [[unlikely]]
            make();
        return *own_;
    }
    /// This thread's T, if there is one.
    [[nodiscard]] static T* find() noexcept { return own_; }

private:
    static void make() {
        auto made = std::make_unique<T>();
        // What a compiler calls for the destructors of thread_local objects; it may be called again at any time.
        abi::__cxa_thread_atexit(&end, nullptr, static_cast<void*>(&__dso_handle));
        own_ = made.release();
    }
    static void end(void*) {
        const std::unique_ptr<T> ended(own_);
        own_ = nullptr;
    }

    static inline thread_local constinit T* own_ = nullptr;  // trivially destroyed, so there to the end
};

}  // namespace zverse::platform
