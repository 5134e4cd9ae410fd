// Tick clock: the CPU's own counter where it runs at one rate on all CPUs, else the system's steady clock. For timing
// single operations of some hundred nanoseconds, of which clock_gettime() would be a tenth.
#pragma once

#include <chrono>
#include <cstdint>

namespace zverse::platform {

class TickClock {
public:
    /// Ticks since some moment; on x86 not ordered with the instructions around it, which shifts single figures by some
    /// nanoseconds and sums by none.
    [[nodiscard]] std::uint64_t now() const noexcept {
#if defined(__x86_64__)
        if (invariant_) [[likely]]
            return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
        std::uint64_t ticks = 0;
        asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
#endif
        return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                          std::chrono::nanoseconds(1));
    }
    [[nodiscard]] double nanoseconds(std::uint64_t ticks) const noexcept { return static_cast<double>(ticks) * scale_; }
    [[nodiscard]] std::uint64_t ticks(double nanoseconds) const noexcept {
        return static_cast<std::uint64_t>(nanoseconds / scale_);
    }

    /// Measured against the steady clock on first use, which takes 20 ms. Any thread.
    [[nodiscard]] static const TickClock& instance();

private:
    TickClock();

    bool invariant_ = false;
    double scale_ = 1;  ///< nanoseconds per tick
};

}  // namespace zverse::platform
