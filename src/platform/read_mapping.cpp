#include <platform/aligned_range.h>
#include <platform/read_mapping.h>

#include <sys/mman.h>

#include <cerrno>
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
