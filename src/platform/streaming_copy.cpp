// Copies past the cache: from about a kilobyte on, non-temporal stores persist two to four times faster than
// stores followed by flushes, because the line need not be read first and is not kept.
#include <platform/capabilities.h>
#include <platform/flush_kernels.h>

#include <array>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zverse::platform {

namespace {

struct StreamingCopy {
    const char* name;
    bool (*supported)() noexcept;
    CopyLines copy;
};

#if defined(__x86_64__)

[[gnu::target("avx512f")]] void copy_avx512(void* target, const void* source, std::size_t bytes) noexcept {
    auto* to = static_cast<char*>(target);
    const auto* from = static_cast<const char*>(source);
    for (std::size_t done = 0; done < bytes; done += kCacheLineBytes) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to + done), _mm512_loadu_si512(from + done));
    }
}

[[gnu::target("avx2")]] void copy_avx2(void* target, const void* source, std::size_t bytes) noexcept {
    auto* to = static_cast<char*>(target);
    const auto* from = static_cast<const char*>(source);
    for (std::size_t done = 0; done < bytes; done += kCacheLineBytes) {
        const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + done));
        const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + done + 32));
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to + done), low);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to + done + 32), high);
    }
}

void copy_sse2(void* target, const void* source, std::size_t bytes) noexcept {
    auto* to = static_cast<char*>(target);
    const auto* from = static_cast<const char*>(source);
    for (std::size_t done = 0; done < bytes; done += sizeof(__m128i)) {
        const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + done));
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + done), part);
    }
}

bool has_avx512() noexcept { return cpu_features().avx512; }
bool has_avx2() noexcept { return cpu_features().avx2; }
bool always() noexcept { return true; }

constexpr std::array kStreamingCopies{
    StreamingCopy{"avx512", has_avx512, copy_avx512},
    StreamingCopy{"avx2", has_avx2, copy_avx2},
    StreamingCopy{"sse2", always, copy_sse2},
};

#else

// aarch64 has stnp, but it is a hint that write-back memory ignores: memcpy and flush are as good.
constexpr std::array<StreamingCopy, 0> kStreamingCopies{};

#endif

}  // namespace

CopyLines streaming_copy_named(const char* name) noexcept {
    for (const StreamingCopy& candidate : kStreamingCopies) {
        if (std::string_view(candidate.name) == name && candidate.supported()) return candidate.copy;
    }
    return nullptr;
}

CopyLines streaming_copy() noexcept {
#if defined(__SANITIZE_THREAD__)
    // ThreadSanitizer does not see non-temporal stores, so with them it would miss real races on the target.
    return nullptr;
#else
    static const CopyLines best = []() -> CopyLines {
        for (const StreamingCopy& candidate : kStreamingCopies) {
            if (candidate.supported()) return candidate.copy;
        }
        return nullptr;
    }();
    return best;
#endif
}

}  // namespace zverse::platform
