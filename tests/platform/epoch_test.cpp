// Goal:    A grace period begins with a fence in every thread, also when the kernel had no memory for it at first.
// Method:  syscall(2) replaced in this program: membarrier fails a few times.
#include <platform/epoch.h>

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>

namespace {
std::atomic<int> failures_left{0};
std::atomic<int> fences{0};
}  // namespace

extern "C" long syscall(long number, ...) noexcept {
    std::va_list list;
    va_start(list, number);
    long arguments[6];
    for (long& each : arguments) each = va_arg(list, long);
    va_end(list);
    if (number == SYS_membarrier && static_cast<int>(arguments[0]) == MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
        if (failures_left.load() > 0) {
            --failures_left;
            errno = ENOMEM;
            return -1;
        }
        ++fences;
    }
    using Syscall = long (*)(long, ...);
    static const auto real = reinterpret_cast<Syscall>(::dlsym(RTLD_NEXT, "syscall"));
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

namespace zverse::test {
namespace {

TEST(Epochs, AGracePeriodWaitsUntilItsFenceWorked) {
    if (!platform::asymmetric_fences()) GTEST_SKIP() << "no membarrier here";
    platform::ThreadSlots<platform::EpochSlot> slots;
    platform::Epochs<platform::EpochSlot> epochs(slots);
    failures_left = 3;
    fences = 0;
    const std::uint64_t epoch = epochs.begin_grace();
    EXPECT_EQ(failures_left.load(), 0);
    EXPECT_EQ(fences.load(), 1);
    EXPECT_TRUE(epochs.passed(epoch));
}

TEST(Epochs, AGracePeriodHasPassedOnceEarlierReadersLeft) {
    platform::ThreadSlots<platform::EpochSlot> slots;
    platform::Epochs<platform::EpochSlot> epochs(slots);
    const std::uint64_t outer = epochs.pin(slots.mine());
    const std::uint64_t epoch = epochs.begin_grace();
    EXPECT_FALSE(epochs.passed(epoch));
    platform::Epochs<platform::EpochSlot>::unpin(slots.mine(), outer);
    EXPECT_TRUE(epochs.passed(epoch));
}

}  // namespace
}  // namespace zverse::test
