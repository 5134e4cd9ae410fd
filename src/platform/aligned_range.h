// Address ranges that start on a 2 MiB boundary, so that the kernel can map them by huge pages.
#pragma once

#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace zverse::platform {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

[[nodiscard]] std::size_t page_bytes() noexcept;

/// `bytes` rounded up to whole pages.
[[nodiscard]] std::size_t whole_pages(std::size_t bytes) noexcept;

/// Reserves whole pages for `bytes` without memory behind them, 2 MiB aligned when `bytes` is at least that long. To
/// be mapped over with MAP_FIXED and to be unmapped by the caller. Errors: full (ENOMEM), io.
[[nodiscard]] Result<std::span<std::byte>> reserve_range(std::size_t bytes);

/// Unmaps what covers `range`; does nothing for an empty one.
void unmap_range(std::span<std::byte> range) noexcept;

/// An Error for a failed mmap or madvise: ENOMEM is `full`, everything else `io`.
[[nodiscard]] Error memory_error(const std::string& what, int number);

}  // namespace zverse::platform
