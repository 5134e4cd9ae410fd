// The hash of keys, keyed with the store's secret so that nobody can aim keys at one bucket. It lives in memory only:
// the index and the order of a batch's operations are made anew at every open.
//
// Keys of 8 to 16 bytes, the usual ones, are two words: one folded multiplication (the mixing step of wyhash, Wang Yi),
// eight instructions instead of XXH3's thirty, see hot/small_bytes.h for why that counts. All others take XXH3-64
// (Y. Collet).
#pragma once

#include <hot/layout.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace zverse::hot {

[[nodiscard]] inline std::uint64_t hash_key(const Secret& secret, std::string_view key) noexcept {
    const std::size_t size = key.size();
    if (usual_key(size)) [[likely]] {
        // The words of a key shorter than 16 bytes overlap, so its length takes part.
        return fold_multiply(load_word(key.data()) ^ secret.a, load_word(key.data() + size - 8) ^ secret.b ^ size);
    }
    return XXH3_64bits_withSeed(key.data(), size, secret.a ^ secret.b);
}

}  // namespace zverse::hot
