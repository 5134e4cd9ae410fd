// SparseMemory: a stretch of zeroed address space of which only what was touched takes memory, and gives it back. For
// looking at large files piece by piece as if all of them were there.
//
// Threads: one at a time.
#pragma once

#include <zverse/error.h>

#include <cstddef>
#include <span>
#include <utility>

namespace zverse::platform {

class SparseMemory {
public:
    SparseMemory() noexcept = default;
    SparseMemory(SparseMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    SparseMemory& operator=(SparseMemory&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~SparseMemory();

    /// Takes no memory yet, and asks for no promise of it. On a page boundary. Errors: full.
    [[nodiscard]] static Result<SparseMemory> reserve(std::size_t bytes);

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    /// What was in [offset, offset + bytes) is over: whole pages of it take no memory any more.
    void release(std::size_t offset, std::size_t bytes) const noexcept;

private:
    std::span<std::byte> bytes_;
};

}  // namespace zverse::platform
