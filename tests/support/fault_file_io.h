// FaultFileIo: a FileIo whose Nth call fails, or all calls from there on until it is healed: a bad or full disk under a
// real file system.
//
// Threads: any. The plan is shared with the test, which keeps it when the store owns the FileIo.
#pragma once

#include <platform/file_io.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace zverse::test {

/// Which calls fail. Opening for reading, reads, listing and asking never do: they are the damage tests' matter.
struct FaultPlan {
    /// Fails the `nth` changing call from now (1: the next) with `os_errno`; `for_ever`: every later one, too.
    void fail(std::uint64_t nth, int os_errno, bool for_ever = false);
    void heal();
    /// Whether a call fails now; 0: it does not.
    [[nodiscard]] int next() noexcept;

    std::atomic<std::uint64_t> calls{0};  ///< changing ones
    std::atomic<std::uint64_t> failures{0};

private:
    std::atomic<std::int64_t> left_{0};  ///< calls until one fails; 0: none does
    std::atomic<int> errno_{0};
    std::atomic<bool> for_ever_{false};
};

[[nodiscard]] std::unique_ptr<platform::FileIo> with_faults(std::unique_ptr<platform::FileIo> io,
                                                            std::shared_ptr<FaultPlan> plan);

}  // namespace zverse::test
