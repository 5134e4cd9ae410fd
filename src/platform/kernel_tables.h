// The tables behind kernels_for(), one for each level; private to kernels*.cpp.
#pragma once

#include <platform/kernels.h>

namespace zverse::platform {

[[nodiscard]] std::size_t count_less_scalar(const std::uint64_t* ascending, std::size_t count,
                                            std::uint64_t bound) noexcept;
void merge_bits_scalar(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                       const BitSpread& xs, const BitSpread& ys) noexcept;

#if defined(__x86_64__)
[[nodiscard]] std::size_t count_less_avx2(const std::uint64_t* ascending, std::size_t count,
                                          std::uint64_t bound) noexcept;
[[nodiscard]] std::size_t count_less_avx512(const std::uint64_t* ascending, std::size_t count,
                                            std::uint64_t bound) noexcept;
void merge_bits_bmi2(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                     const BitSpread& xs, const BitSpread& ys) noexcept;
void merge_bits_avx512(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                       const BitSpread& xs, const BitSpread& ys) noexcept;
#elif defined(__aarch64__)
[[nodiscard]] std::size_t count_less_neon(const std::uint64_t* ascending, std::size_t count,
                                          std::uint64_t bound) noexcept;
void merge_bits_neon(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                     const BitSpread& xs, const BitSpread& ys) noexcept;
#endif

}  // namespace zverse::platform
