// Compression of pieces of some KiB by zstd, with or without a dictionary trained on samples of what they hold.
//
// What is decompressed is not trusted: it fits what it is decompressed into, or it is refused. A build without libzstd
// has compression_none.cpp instead: nothing can be compressed there, and nothing decompressed.
//
// Threads: a Compressor has one user at a time, a Decompressor any number.
#pragma once

#include <zverse/error.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

struct ZSTD_CCtx_s;
struct ZSTD_DDict_s;

namespace zverse::platform {

/// Whether this build has libzstd.
[[nodiscard]] bool has_compression() noexcept;

class Compressor {
public:
    /// `dictionary`: may be empty. Errors: incompatible (no libzstd in this build), full (memory).
    [[nodiscard]] static Result<Compressor> create(std::span<const std::byte> dictionary);
    /// Compresses all of `from`, which is not empty, into `to`; what it takes there, or 0 when it does not fit.
    [[nodiscard]] std::size_t compress(std::span<const std::byte> from, std::span<std::byte> to) noexcept;

private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const noexcept;
    };
    using Context = std::unique_ptr<ZSTD_CCtx_s, Free>;
    explicit Compressor(Context context) noexcept : context_(std::move(context)) {}

    Context context_;
};

class Decompressor {
public:
    /// `dictionary`: that of the compressor; copied. Errors: incompatible (no libzstd in this build), full (memory),
    /// corrupt.
    [[nodiscard]] static Result<Decompressor> create(std::span<const std::byte> dictionary);
    /// Whether `from` is whole and makes exactly the bytes of `to`. Errors: full (memory).
    [[nodiscard]] Result<bool> decompress(std::span<const std::byte> from, std::span<std::byte> to) const;

private:
    struct Free {
        void operator()(ZSTD_DDict_s* dictionary) const noexcept;
    };
    using Dictionary = std::unique_ptr<ZSTD_DDict_s, Free>;
    explicit Decompressor(Dictionary dictionary) noexcept : dictionary_(std::move(dictionary)) {}

    Dictionary dictionary_;
};

/// A dictionary of at most `bytes_max` for pieces like the samples, which lie behind each other in `samples` and have
/// `sizes`; empty when none can be made of them.
[[nodiscard]] std::vector<std::byte> train_dictionary(std::span<const std::byte> samples,
                                                      const std::vector<std::size_t>& sizes, std::size_t bytes_max);

}  // namespace zverse::platform
