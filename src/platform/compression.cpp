#include <platform/compression.h>
#include <platform/per_thread.h>

#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

namespace zverse::platform {

namespace {

/// zstd's own default; a history is written once, by workers.
constexpr int kLevel = 3;

Error no_memory() { return {ErrorCode::full, "no memory for zstd"}; }

/// What a thread decompresses with: some 100 KiB, which would cost more to make each time than a block.
struct DecompressionContext {
    struct Free {
        void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
    };
    std::unique_ptr<ZSTD_DCtx, Free> context{ZSTD_createDCtx()};
};

}  // namespace

bool has_compression() noexcept { return true; }

void Compressor::Free::operator()(ZSTD_CCtx_s* context) const noexcept { ZSTD_freeCCtx(context); }

Result<Compressor> Compressor::create(std::span<const std::byte> dictionary) {
    Context context(ZSTD_createCCtx());
    if (context == nullptr) return std::unexpected(no_memory());
    // Whoever decompresses knows the dictionary.
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel)) != 0 ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_dictIDFlag, 0)) != 0 ||
        ZSTD_isError(ZSTD_CCtx_loadDictionary(context.get(), dictionary.data(), dictionary.size())) != 0) {
        return std::unexpected(no_memory());
    }
    return Compressor(std::move(context));
}

std::size_t Compressor::compress(std::span<const std::byte> from, std::span<std::byte> to) noexcept {
    const std::size_t bytes = ZSTD_compress2(context_.get(), to.data(), to.size(), from.data(), from.size());
    return ZSTD_isError(bytes) != 0 ? 0 : bytes;
}

void Decompressor::Free::operator()(ZSTD_DDict_s* dictionary) const noexcept { ZSTD_freeDDict(dictionary); }

Result<Decompressor> Decompressor::create(std::span<const std::byte> dictionary) {
    if (dictionary.empty()) return Decompressor(nullptr);
    Dictionary made(ZSTD_createDDict(dictionary.data(), dictionary.size()));
    if (made != nullptr) return Decompressor(std::move(made));
    // Bytes without the magic number of a dictionary are taken as they are; with it, tables must follow.
    const std::size_t header = ZDICT_getDictHeaderSize(dictionary.data(), dictionary.size());
    if (ZSTD_getErrorCode(header) == ZSTD_error_dictionary_corrupted) {
        return std::unexpected(Error(ErrorCode::corrupt, "a dictionary that zstd can't read"));
    }
    return std::unexpected(no_memory());
}

Result<bool> Decompressor::decompress(std::span<const std::byte> from, std::span<std::byte> to) const {
    DecompressionContext& mine = PerThread<DecompressionContext>::mine();
    if (mine.context == nullptr) mine.context.reset(ZSTD_createDCtx());
    if (mine.context == nullptr) return std::unexpected(no_memory());
    const std::size_t bytes = ZSTD_decompress_usingDDict(mine.context.get(), to.data(), to.size(), from.data(),
                                                         from.size(), dictionary_.get());
    return bytes == to.size();
}

std::vector<std::byte> train_dictionary(std::span<const std::byte> samples, const std::vector<std::size_t>& sizes,
                                        std::size_t bytes_max) {
    std::vector<std::byte> dictionary(bytes_max);
    const std::size_t bytes = ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), samples.data(), sizes.data(),
                                                    static_cast<unsigned>(sizes.size()));
    dictionary.resize(ZDICT_isError(bytes) != 0 ? 0 : bytes);
    return dictionary;
}

}  // namespace zverse::platform
