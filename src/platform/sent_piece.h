// SentPiece: one write on its way, and what the kernel's answers leave of it to do. Pure, so that answers no disk gives
// on demand can be tried.
#pragma once

#include <platform/stream_file.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace zverse::platform {

struct SentPiece {
    enum class Next : std::uint8_t {
        nothing,  ///< it is written
        rest,  ///< send what is left
        buffered,  ///< the same, and not by direct writes
        failed,  ///< for good; see `number`
    };

    const std::byte* data = nullptr;
    std::size_t bytes = 0;
    std::uint64_t offset = 0;
    std::size_t done = 0;  ///< bytes written; whole blocks as long as writes are direct
    int number = 0;  ///< errno of the failure

    /// Takes the kernel's answer to the write of [done, bytes): how much was written, or -errno.
    [[nodiscard]] Next take(int answer, bool direct) noexcept {
        if (answer == -EINTR || answer == -EAGAIN) return Next::rest;
        // What a file system has against a direct write it says like this, some only when it comes to writing.
        if (answer == -EINVAL && direct) return Next::buffered;
        if (answer <= 0) {
            // No progress is an error, or this would turn for ever.
            number = answer < 0 ? -answer : EIO;
            return Next::failed;
        }
        const std::size_t written = done + static_cast<std::size_t>(answer);
        if (written >= bytes) return Next::nothing;
        if (!direct) {
            done = written;
            return Next::rest;
        }
        // The rest must begin on a block again; the one that was written in part is written once more.
        const std::size_t whole = written / kStreamBlockBytes * kStreamBlockBytes;
        const Next next = whole > done ? Next::rest : Next::buffered;
        done = whole;
        return next;
    }
};

}  // namespace zverse::platform
