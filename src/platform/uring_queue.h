// UringQueue: an io_uring, and the one way this engine uses it: submit operations, wait for all of them.
//
// Order between operations is the caller's: run one batch, then the next.
#pragma once

#include <platform/uring_ring.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

namespace zverse::platform {

struct UringOperation {
    enum class What : std::uint8_t { read, write, data_sync };
    What what = What::read;
    int descriptor = -1;
    void* target = nullptr;        ///< of a read
    const void* source = nullptr;  ///< of a write
    std::size_t bytes = 0;         ///< the kernel may do less, as pread and pwrite may
    std::uint64_t offset = 0;
    int result = 0;  ///< set by run(): bytes done, or -errno
};

/// Threads: any; batches of different threads take turns.
class UringQueue {
public:
    /// Sets one up and proves on a memory file that writing, syncing and reading work. Errors say what did not.
    [[nodiscard]] static Result<std::unique_ptr<UringQueue>> create();

    /// Submits all operations, as deep as the queue is, and waits for them; each has its result then. They run in
    /// any order. The error is of the queue itself, and final: the outcome of every operation is unknown.
    [[nodiscard]] Result<void> run(std::span<UringOperation> operations);

private:
    explicit UringQueue(UringRing ring) noexcept : ring_(std::move(ring)) {}

    [[nodiscard]] Result<void> prove();
    /// At most kDepth operations.
    [[nodiscard]] Result<void> run_batch(std::span<UringOperation> operations);
    void prepare(UringOperation& operation, std::size_t index) noexcept;
    std::size_t reap(std::span<UringOperation> operations) noexcept;

    std::mutex mutex_;  ///< guards the ring and broken_
    UringRing ring_;
    int broken_ = 0;  ///< errno of the failure that ended this queue
};

}  // namespace zverse::platform
