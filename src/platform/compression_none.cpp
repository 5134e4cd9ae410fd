// Stands in for compression.cpp in builds without libzstd.
#include <platform/compression.h>

namespace zverse::platform {

namespace {
Error not_there() { return {ErrorCode::incompatible, "libzstd is not built in"}; }
}  // namespace

bool has_compression() noexcept { return false; }

void Compressor::Free::operator()(ZSTD_CCtx_s*) const noexcept {}

Result<Compressor> Compressor::create(std::span<const std::byte>) { return std::unexpected(not_there()); }

std::size_t Compressor::compress(std::span<const std::byte>, std::span<std::byte>) noexcept { return 0; }

void Decompressor::Free::operator()(ZSTD_DDict_s*) const noexcept {}

Result<Decompressor> Decompressor::create(std::span<const std::byte>) { return std::unexpected(not_there()); }

Result<bool> Decompressor::decompress(std::span<const std::byte>, std::span<std::byte>) const {
    return std::unexpected(not_there());
}

std::vector<std::byte> train_dictionary(std::span<const std::byte>, const std::vector<std::size_t>&, std::size_t) {
    return {};
}

}  // namespace zverse::platform
