#include <platform/sparse_memory.h>

#include <platform/aligned_range.h>

#include <sys/mman.h>

#include <cerrno>
#include <string>

namespace zverse::platform {

SparseMemory::~SparseMemory() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<SparseMemory> SparseMemory::reserve(std::size_t bytes) {
    void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return std::unexpected(memory_error("reserving " + std::to_string(bytes) + " bytes of address space", errno));
    }
    SparseMemory memory;
    memory.bytes_ = {static_cast<std::byte*>(mapped), bytes};
    return memory;
}

void SparseMemory::release(std::size_t offset, std::size_t bytes) const noexcept {
    const std::size_t begin = whole_pages(offset);
    const std::size_t end = (offset + bytes) / page_bytes() * page_bytes();
    // What the system does not take back costs memory, no more.
    if (begin < end) static_cast<void>(::madvise(bytes_.data() + begin, end - begin, MADV_DONTNEED));
}

}  // namespace zverse::platform
