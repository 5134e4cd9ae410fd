#include <platform/unique_descriptor.h>
#include <platform/uring_queue.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sys/mman.h>

namespace zverse::platform {

namespace {

constexpr std::size_t kDepth = 64;
constexpr std::size_t kOperationBytesMax = std::size_t{1} << 30;

std::unexpected<Error> unusable(const std::string& step, int number) {
    return std::unexpected(uring_error(step, number));
}

}  // namespace

Result<std::unique_ptr<UringQueue>> UringQueue::create() {
    auto ring = make_uring_ring(kDepth);
    if (!ring) return std::unexpected(std::move(ring.error()));
    std::unique_ptr<UringQueue> queue(new UringQueue(std::move(*ring)));
    if (auto proven = queue->prove(); !proven) return std::unexpected(std::move(proven.error()));
    return queue;
}

Result<void> UringQueue::prove() {
    const UniqueDescriptor file(memfd_create("zverse-uring-probe", MFD_CLOEXEC));
    if (!file.valid()) return unusable("memfd_create for the io_uring probe", errno);

    const std::array<char, 8> written{'z', 'v', 'e', 'r', 's', 'e', '?', '\n'};
    std::array<char, 8> read{};
    UringOperation write{.what = UringOperation::What::write,
                         .descriptor = file.get(),
                         .source = written.data(),
                         .bytes = written.size()};
    UringOperation sync{.what = UringOperation::What::data_sync, .descriptor = file.get()};
    UringOperation back{
        .what = UringOperation::What::read, .descriptor = file.get(), .target = read.data(), .bytes = read.size()};
    for (UringOperation* operation : {&write, &sync, &back}) {
        if (auto ran = run({operation, 1}); !ran) return ran;
        if (operation->result < 0) return unusable("an io_uring operation of the probe", -operation->result);
    }
    if (read != written) return unusable("reading back through io_uring", EIO);
    return {};
}

Result<void> UringQueue::run(std::span<UringOperation> operations) {
    const std::lock_guard lock(mutex_);
    while (!operations.empty()) {
        const std::span batch = operations.first(std::min(operations.size(), kDepth));
        if (auto ran = run_batch(batch); !ran) return ran;
        operations = operations.subspan(batch.size());
    }
    return {};
}

Result<void> UringQueue::run_batch(std::span<UringOperation> operations) {
    if (broken_ != 0) return unusable("an earlier io_uring_enter", broken_);
    for (std::size_t index = 0; index < operations.size(); ++index) prepare(operations[index], index);
    for (std::size_t done = 0; done < operations.size(); done += reap(operations)) {
        const int result = io_uring_submit_and_wait(ring_.get(), 1);
        if (result >= 0 || uring_try_again(result)) continue;
        // The kernel may still use the caller's buffers: the ring is not touched again.
        broken_ = -result;
        return unusable("io_uring_enter", -result);
    }
    return {};
}

void UringQueue::prepare(UringOperation& operation, std::size_t index) noexcept {
    // Never null: the queue has kDepth entries, and every batch before was submitted whole.
    io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
    const auto bytes = static_cast<unsigned>(std::min(operation.bytes, kOperationBytesMax));
    switch (operation.what) {
        case UringOperation::What::read:
            io_uring_prep_read(entry, operation.descriptor, operation.target, bytes, operation.offset);
            break;
        case UringOperation::What::write:
            io_uring_prep_write(entry, operation.descriptor, operation.source, bytes, operation.offset);
            break;
        case UringOperation::What::data_sync:
            io_uring_prep_fsync(entry, operation.descriptor, IORING_FSYNC_DATASYNC);
            break;
    }
    // Always set: liburing does not clear what an earlier user of the entry left there.
    io_uring_sqe_set_data64(entry, index);
}

std::size_t UringQueue::reap(std::span<UringOperation> operations) noexcept {
    std::size_t reaped = 0;
    for (io_uring_cqe* entry = nullptr; io_uring_peek_cqe(ring_.get(), &entry) == 0; ++reaped) {
        operations[io_uring_cqe_get_data64(entry)].result = entry->res;
        io_uring_cqe_seen(ring_.get(), entry);
    }
    return reaped;
}

}  // namespace zverse::platform
