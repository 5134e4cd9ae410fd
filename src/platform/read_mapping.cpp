#include <platform/aligned_range.h>
#include <platform/os_error.h>
#include <platform/read_mapping.h>

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace zverse::platform {

ReadMapping::ReadMapping(ReadMapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), copy_(std::move(other.copy_)) {}

ReadMapping& ReadMapping::operator=(ReadMapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(copy_, other.copy_);
    return *this;
}

ReadMapping::~ReadMapping() {
    if (copy_ == nullptr && !bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

/// The pages that [offset, offset + bytes) lies in, as far as it is mapped.
std::span<std::byte> ReadMapping::pages(std::uint64_t offset, std::uint64_t bytes) const noexcept {
    if (copy_ != nullptr || offset >= bytes_.size()) return {};
    const std::uint64_t into_page = offset % 4096;
    auto* const page = const_cast<std::byte*>(bytes_.data() + offset - into_page);
    return {page, std::min(bytes, bytes_.size() - offset) + into_page};
}

void ReadMapping::will_need(std::uint64_t offset, std::uint64_t bytes) const noexcept {
    const std::span<std::byte> wanted = pages(offset, bytes);
    if (!wanted.empty()) (void)::madvise(wanted.data(), wanted.size(), MADV_WILLNEED);  // advice
}

Result<void> ReadMapping::load(std::uint64_t offset, std::uint64_t bytes) const {
    const std::span<std::byte> wanted = pages(offset, bytes);
    if (wanted.empty()) return {};
    // All of it in one read; page by page it would be as many, because the mapping is for random reads.
    if (wanted.size() > 4096) (void)::madvise(wanted.data(), wanted.size(), MADV_WILLNEED);
    while (::madvise(wanted.data(), wanted.size(), MADV_POPULATE_READ) != 0) {
        if (errno == EINTR || errno == EAGAIN) continue;
        if (errno == EINVAL) return {};
        return std::unexpected(
            os_error("reading " + std::to_string(bytes) + " bytes at offset " + std::to_string(offset),
                     errno == EFAULT ? EIO : errno));
    }
    return {};
}

void ReadMapping::will_rest() const noexcept {
    if (copy_ != nullptr || bytes_.empty()) return;
    // Advice, and since Linux 5.4.
    (void)::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_COLD);
}

Result<ReadMapping> ReadMapping::map(File& file) {
    auto size = file.size();
    if (!size) return std::unexpected(std::move(size.error()));
    ReadMapping mapping;
    if (*size == 0) return mapping;
    if (file.descriptor() < 0) {
        mapping.copy_ = std::make_unique_for_overwrite<std::byte[]>(*size);
        if (auto read = file.read_exact({mapping.copy_.get(), *size}, 0); !read) {
            return std::unexpected(std::move(read.error()));
        }
        mapping.bytes_ = {mapping.copy_.get(), *size};
        return mapping;
    }
    void* address = ::mmap(nullptr, *size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (address == MAP_FAILED) return std::unexpected(memory_error("mapping " + file.path().string(), errno));
    mapping.bytes_ = {static_cast<const std::byte*>(address), *size};
    (void)::madvise(address, *size, MADV_RANDOM);  // advice: what does not take it reads ahead
    return mapping;
}

}  // namespace zverse::platform
