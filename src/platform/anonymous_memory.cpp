// Zeroed memory for tables that live in DRAM; its kernel side is the same as of a mapped file.
#include <platform/aligned_range.h>
#include <platform/mapping.h>

#include <cerrno>
#include <string>
#include <utility>

#include <sys/mman.h>

namespace zverse::platform {

AnonymousMemory::AnonymousMemory(AnonymousMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

AnonymousMemory& AnonymousMemory::operator=(AnonymousMemory&& other) noexcept {
    if (this != &other) {
        unmap_range(bytes_);
        bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
}

AnonymousMemory::~AnonymousMemory() { unmap_range(bytes_); }

Result<AnonymousMemory> AnonymousMemory::allocate(std::size_t bytes) {
    AnonymousMemory memory;
    if (bytes == 0) return memory;
    auto range = reserve_range(bytes);
    if (!range) return std::unexpected(std::move(range.error()));
    void* mapped =
        mmap(range->data(), range->size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (mapped == MAP_FAILED) {
        const int number = errno;
        unmap_range(*range);
        return std::unexpected(memory_error("allocation of " + std::to_string(bytes) + " bytes", number));
    }
    // A wish, not a condition: without huge pages the tables are slower, not wrong.
    if (bytes >= kHugePageBytes) static_cast<void>(madvise(mapped, range->size(), MADV_HUGEPAGE));
    memory.bytes_ = range->first(bytes);
    return memory;
}

}  // namespace zverse::platform
