#include <platform/alarm.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace zverse::platform {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

void Alarm::ring() noexcept {
    // seq_cst, both: A1.
    count_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
    ::syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void Alarm::sleep(std::uint32_t observed, std::chrono::microseconds at_most) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec time{static_cast<std::time_t>(seconds.count()),
                        static_cast<long>(std::chrono::nanoseconds(at_most - seconds).count())};
    // seq_cst: A1.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    ::syscall(SYS_futex, &count_, FUTEX_WAIT_PRIVATE, observed, &time, nullptr, 0);
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);  // seq_cst: as above
}

}  // namespace zverse::platform
