// Runs code that may touch a forbidden page, and says where it did.
#pragma once

#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <optional>

namespace zverse::platform::testing {

namespace detail {
inline thread_local sigjmp_buf fault_return;
inline thread_local std::uintptr_t fault_address;

inline void on_fault(int /*signal*/, siginfo_t* info, void* /*context*/) {
    fault_address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    siglongjmp(fault_return, 1);
}
}  // namespace detail

/// The address at which `action` faulted with SIGSEGV, if it did.
template <class Action>
std::optional<std::uintptr_t> fault_of(Action&& action) {
    struct sigaction mine = {}, previous = {};
    mine.sa_sigaction = detail::on_fault;
    mine.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &mine, &previous);
    std::optional<std::uintptr_t> fault;
    if (sigsetjmp(detail::fault_return, 1) == 0) {
        action();
    } else {
        fault = detail::fault_address;
    }
    sigaction(SIGSEGV, &previous, nullptr);
    return fault;
}

}  // namespace zverse::platform::testing
