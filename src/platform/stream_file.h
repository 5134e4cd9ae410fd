// StreamFile: the medium below a StreamWriter: a new file, written in pieces, several of them on their way at once.
//
// Nouns
//   piece      what one buffer holds, for one place in the file
//   in flight  sent and not known to be written; the buffer belongs to the medium until it is
//   block      4096 bytes: what direct writes need place, length and memory to be multiples of, on every usual disk
//
// Invariants
//   F1  A buffer handed out is not in flight; one in flight is neither handed out nor freed. The destructor waits.
//   F2  A failure is the answer of a later call, sync() at the latest, and from then on of every call but prefetch().
//       It names the path, and offset and length of a piece: of several that fail, the one that is known first.
//   F3  After sync() the file has exactly the bytes it was asked for, and they survive power loss: what is in flight
//       is waited for first, then the file gets its size, then it is synced.
//   F4  Nothing orders pieces in flight: who needs one behind the others calls wait() before it is sent.
//
// Threads: one at a time.
#pragma once

#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace zverse::platform {

inline constexpr std::size_t kStreamBlockBytes = 4096;

class StreamFile {
public:
    StreamFile() = default;
    /// Waits for what is in flight; its failures are lost.
    virtual ~StreamFile() = default;
    StreamFile(const StreamFile&) = delete;
    StreamFile& operator=(const StreamFile&) = delete;

    [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
    /// Memory for the next piece, always of the same size, whole blocks; the same again until it is sent. Waits while
    /// every buffer is in flight.
    [[nodiscard]] virtual Result<std::span<std::byte>> buffer() = 0;
    /// Sends the first `bytes` of that buffer to `offset`, a multiple of the block; may return before they are written.
    /// Pieces do not overlap. Only the one at the end of the file may have part of a block; the whole block may be
    /// written, and sync() cuts it.
    [[nodiscard]] virtual Result<void> send(std::size_t bytes, std::uint64_t offset) = 0;
    /// Returns when nothing is in flight.
    [[nodiscard]] virtual Result<void> wait() = 0;
    /// Waits, cuts the file to `file_bytes` where it is longer, and makes it durable. Nothing is sent after it.
    [[nodiscard]] virtual Result<void> sync(std::uint64_t file_bytes) = 0;
    /// The synced file will be read soon: brings it into the page cache, as far as it is not there. Advice.
    virtual void prefetch(std::uint64_t file_bytes) noexcept = 0;
    /// The opposite: the synced file needs no memory. Advice.
    virtual void let_rest() noexcept {}
};

/// How the latest stream that was long enough for a choice was written; for the table of capabilities.
struct StreamMethod {
    std::string used = "none written yet";
    std::string why_not;  ///< why it was not io_uring with direct writes; empty when it was, or when none was
};

}  // namespace zverse::platform
