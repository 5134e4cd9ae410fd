#include <platform/os_error.h>
#include <platform/uring_stream.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/uio.h>

namespace zverse::platform {

namespace {

/// The kernel reads ahead no more than a few MiB for one call.
constexpr std::uint64_t kPrefetchBytes = std::uint64_t{1} << 20;

}  // namespace

Result<std::unique_ptr<StreamFile>> UringStream::create(std::unique_ptr<File> file,
                                                        std::shared_ptr<StreamNotes> notes) {
    auto memory = AnonymousMemory::allocate(kBufferBytes);
    if (!memory) return std::unexpected(std::move(memory.error()));
    return std::make_unique<UringStream>(std::move(file), std::move(*memory), std::move(notes));
}

UringStream::~UringStream() {
    closing_ = true;
    while (in_flight_ > 0) reap();
}

Result<void> UringStream::set_direct(bool direct) {
    const int descriptor = file().descriptor();
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags >= 0 && fcntl(descriptor, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0) {
        direct_ = direct;
        return {};
    }
    const int number = errno;
    return std::unexpected(os_error("O_DIRECT of " + path().string(), number));
}

Result<void> UringStream::start_ring() {
    auto memory = AnonymousMemory::allocate(kBuffers * kBufferBytes);
    if (!memory) return std::unexpected(std::move(memory.error()));
    auto ring = make_uring_ring(kBuffers);
    if (!ring) return std::unexpected(std::move(ring.error()));
    std::array<iovec, kBuffers> buffers{};
    for (unsigned i = 0; i < kBuffers; ++i) {
        buffers[i] = {memory->bytes().data() + i * kBufferBytes, kBufferBytes};
    }
    if (const int result = io_uring_register_buffers(ring->get(), buffers.data(), kBuffers); result < 0) {
        return std::unexpected(uring_error("io_uring_register_buffers of 2 MiB", -result));
    }
    const int descriptor = file().descriptor();
    if (const int result = io_uring_register_files(ring->get(), &descriptor, 1); result < 0) {
        return std::unexpected(uring_error("io_uring_register_files", -result));
    }
    if (auto direct = set_direct(true); !direct) return direct;
    std::ranges::copy(this->memory(), memory->bytes().begin());
    replace_memory(std::move(*memory));
    ring_ = std::move(*ring);
    return {};
}

Result<std::span<std::byte>> UringStream::buffer() {
    if (!ring_) return PosixStream::buffer();
    const auto idle = [&] { return std::ranges::find(slots_, false, &Slot::in_flight); };
    auto found = slots_[next_].in_flight ? idle() : slots_.begin() + next_;
    for (; found == slots_.end(); found = idle()) reap();
    if (auto good = kept(); !good) return std::unexpected(std::move(good.error()));
    next_ = static_cast<unsigned>(found - slots_.begin());
    return slot_memory(next_);
}

Result<void> UringStream::send(std::size_t bytes, std::uint64_t offset) {
    if (!tried_ && (offset + bytes) % kBufferBytes == 0) {
        tried_ = true;
        auto started = start_ring();
        notes_->note(started ? StreamMethod{"io_uring, O_DIRECT, registered buffers", ""}
                             : StreamMethod{"pwrite", started.error().message()});
    }
    if (!ring_) return PosixStream::send(bytes, offset);
    if (auto good = kept(); !good) return good;
    assert(bytes <= kBufferBytes && offset % kStreamBlockBytes == 0);
    const std::span<std::byte> memory = slot_memory(next_);
    const std::size_t blocks = (bytes + kStreamBlockBytes - 1) / kStreamBlockBytes * kStreamBlockBytes;
    slots_[next_].piece = {.data = memory.data(), .bytes = blocks, .offset = offset};
    submit(next_);
    return kept();
}

void UringStream::submit(unsigned number) {
    Slot& slot = slots_[number];
    slot.direct = direct_;
    // Never null: the ring has an entry for each slot, and every one before was submitted at once.
    io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
    const SentPiece& piece = slot.piece;
    io_uring_prep_write_fixed(entry, 0, piece.data + piece.done, static_cast<unsigned>(piece.bytes - piece.done),
                              piece.offset + piece.done, static_cast<int>(number));
    entry->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(entry, number);
    int result = 0;
    do {
        result = io_uring_submit(ring_.get());
    } while (uring_try_again(result));
    if (result < 0) {
        abandon(-result);
        return;
    }
    slot.in_flight = true;
    ++in_flight_;
}

void UringStream::reap() {
    io_uring_cqe* answer = nullptr;
    const int result = io_uring_wait_cqe(ring_.get(), &answer);
    if (uring_try_again(result)) return;
    if (result < 0) {
        abandon(-result);
        return;
    }
    const auto number = static_cast<unsigned>(io_uring_cqe_get_data64(answer));
    const int written = answer->res;
    io_uring_cqe_seen(ring_.get(), answer);
    take(number, written);
}

void UringStream::take(unsigned number, int answer) {
    Slot& slot = slots_[number];
    const SentPiece& piece = slot.piece;
    const SentPiece::Next next = slot.piece.take(answer, slot.direct);
    // Before anything that may find no memory: the destructor waits for what counts as in flight.
    slot.in_flight = false;
    --in_flight_;
    if (closing_ || next == SentPiece::Next::nothing) return;
    if (next == SentPiece::Next::failed) {
        (void)keep(
            std::unexpected(os_error(describe_access("write", path(), piece.bytes, piece.offset), piece.number)));
        return;
    }
    if (next == SentPiece::Next::buffered && slot.direct) leave_direct();
    // What failed already needs no more of its pieces.
    if (kept()) submit(number);
}

void UringStream::leave_direct() {
    if (!direct_) return;  // another piece met it first
    if (auto left = set_direct(false); !left) {
        (void)keep(std::move(left));
        return;
    }
    notes_->note({"io_uring, registered buffers", path().string() + " takes no direct writes"});
}

void UringStream::abandon(int number) {
    in_flight_ = 0;
    for (Slot& slot : slots_) slot.in_flight = false;
    if (!closing_) (void)keep(std::unexpected(uring_error("io_uring_enter for " + path().string(), number)));
}

Result<void> UringStream::wait() {
    while (in_flight_ > 0) reap();
    return kept();
}

void UringStream::prefetch(std::uint64_t file_bytes) noexcept {
    if (!direct_) return;
    for (std::uint64_t offset = 0; offset < file_bytes; offset += kPrefetchBytes) {
        static_cast<void>(posix_fadvise(file().descriptor(), static_cast<off_t>(offset),
                                        static_cast<off_t>(kPrefetchBytes), POSIX_FADV_WILLNEED));
    }
}

}  // namespace zverse::platform
