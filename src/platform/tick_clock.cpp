#include <platform/tick_clock.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace zverse::platform {

namespace {

bool has_invariant_counter() noexcept {
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    // Leaf 8000_0007, EDX bit 8: the counter's rate is the same in all states of the CPU.
    return __get_cpuid(0x8000'0007, &a, &b, &c, &d) != 0 && (d & 0x100) != 0;
#elif defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

}  // namespace

TickClock::TickClock() : invariant_(has_invariant_counter()) {
    if (!invariant_) return;
    using Steady = std::chrono::steady_clock;
    const auto begin = Steady::now();
    const std::uint64_t first = now();
    auto end = begin;
    while (end - begin < std::chrono::milliseconds(20)) end = Steady::now();
    const std::uint64_t last = now();
    scale_ = std::chrono::duration<double, std::nano>(end - begin).count() / static_cast<double>(last - first);
}

const TickClock& TickClock::instance() {
    static const TickClock clock;
    return clock;
}

}  // namespace zverse::platform
