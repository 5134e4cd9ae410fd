// Structs that the caller fills and that may grow at their end, as those of Linux's openat2(): their first member is
// their size as the caller knows them. What an older caller does not have keeps its default here; what a newer caller
// has beyond ours must be zero, so that nothing it asked for is ignored.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace zverse::c_api {

/// More than any of these structs will ever have: a larger size was never set.
inline constexpr std::size_t kStructBytesMax = 4096;

/// Overwrites the beginning of `ours` with `theirs`, which begins with its size. False when that size is below
/// `bytes_min`, the struct's first edition, or above all sense, or what we do not know is not zero.
template <class Struct>
[[nodiscard]] bool read_struct(const Struct& theirs, std::size_t bytes_min, Struct& ours) noexcept {
    std::size_t size = 0;
    std::memcpy(&size, &theirs, sizeof size);  // all that is known to be there
    if (size < bytes_min || size > kStructBytesMax) return false;
    std::memcpy(&ours, &theirs, std::min(size, sizeof(Struct)));
    if (size <= sizeof(Struct)) return true;
    const std::span tail(reinterpret_cast<const char*>(&theirs) + sizeof(Struct), size - sizeof(Struct));
    return std::ranges::all_of(tail, [](char byte) { return byte == 0; });
}

}  // namespace zverse::c_api
