// The hash of keys: XXH3-64 (Y. Collet), keyed with the store's secret so that nobody can aim keys at one bucket.
// Inlined: keys are short, and a call costs as much as the hash.
#pragma once

#include <hot/layout.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace zverse::hot {

[[nodiscard]] inline std::uint64_t hash_key(const Secret& secret, std::string_view key) noexcept {
    return XXH3_64bits_withSeed(key.data(), key.size(), secret.a ^ secret.b);
}

}  // namespace zverse::hot
