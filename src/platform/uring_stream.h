// UringStream: a StreamFile by direct writes through an io_uring of its own, with registered buffers and a registered
// file, kBuffers of them in flight while the CPU makes the next piece.
//
//   short streams   What ends before kBufferBytes is written as by PosixStream: a ring would cost more than it saves,
//                   and the page cache keeps what will be read soon. The ring is made when the file gets there.
//   fallback        Where a ring, its memory or direct writes are refused, it goes on as a PosixStream. A file system
//                   that refuses only when it comes to writing gets the rest through the same ring, not direct.
//   order           By waiting, not by links: a piece that must come last is sent when nothing is in flight (F4), and
//                   the sync is a plain fdatasync after that. Links would save one wait in a stream; a short write
//                   breaks a link, and draining hung on some kernels (uring_ring.h).
//
// Memory: PosixStream's buffer, later in its place kBuffers * kBufferBytes = 2 MiB, locked (RLIMIT_MEMLOCK applies),
// and the few pages of the ring.
#pragma once

#include <platform/posix_stream.h>
#include <platform/sent_piece.h>
#include <platform/uring_ring.h>

#include <array>
#include <memory>
#include <string>

namespace zverse::platform {

class UringStream final : public PosixStream {
public:
    static constexpr unsigned kBuffers = 4;

    [[nodiscard]] static Result<std::unique_ptr<StreamFile>> create(std::unique_ptr<File> file,
                                                                    std::shared_ptr<StreamNotes> notes);
    UringStream(std::unique_ptr<File> file, AnonymousMemory memory, std::shared_ptr<StreamNotes> notes)
        : PosixStream(std::move(file), std::move(memory)), notes_(std::move(notes)) {}
    ~UringStream() override;

    [[nodiscard]] Result<std::span<std::byte>> buffer() override;
    [[nodiscard]] Result<void> send(std::size_t bytes, std::uint64_t offset) override;
    [[nodiscard]] Result<void> wait() override;
    void prefetch(std::uint64_t file_bytes) noexcept override;

private:
    struct Slot {
        SentPiece piece;
        bool in_flight = false;
        bool direct = false;  ///< it was when it was sent
    };

    /// Goes over to direct writes and a ring, with what the first buffer holds. The error says what is refused; nothing
    /// has changed then.
    [[nodiscard]] Result<void> start_ring();
    [[nodiscard]] Result<void> set_direct(bool direct);
    void leave_direct();
    [[nodiscard]] std::span<std::byte> slot_memory(unsigned slot) const noexcept {
        return memory().subspan(slot * kBufferBytes, kBufferBytes);
    }
    // What these meet is kept (F2).
    void submit(unsigned number);
    /// Waits for one answer and takes it.
    void reap();
    void take(unsigned number, int answer);
    /// The ring itself failed: what is in flight stays unknown. Its memory is pinned as long as the kernel uses it.
    void abandon(int number);

    std::shared_ptr<StreamNotes> notes_;
    UringRing ring_;  ///< null until the file has kBufferBytes, and where it is refused
    bool tried_ = false;
    bool direct_ = false;
    bool closing_ = false;
    unsigned in_flight_ = 0;
    unsigned next_ = 0;  ///< the slot that buffer() handed out
    std::array<Slot, kBuffers> slots_{};
};

}  // namespace zverse::platform
