#include <platform/aligned_range.h>
#include <platform/os_error.h>

#include <cerrno>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace zverse::platform {

std::size_t page_bytes() noexcept {
    static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

std::size_t whole_pages(std::size_t bytes) noexcept { return (bytes + page_bytes() - 1) & ~(page_bytes() - 1); }

Error memory_error(const std::string& what, int number) {
    if (number == ENOMEM) return Error(ErrorCode::full, what + " failed: " + describe_errno(number), number);
    return os_error(what, number);
}

Result<std::span<std::byte>> reserve_range(std::size_t bytes) {
    const std::size_t wanted = whole_pages(bytes);
    const std::size_t slack = wanted >= kHugePageBytes ? kHugePageBytes : 0;
    const std::string what = "reserving " + std::to_string(wanted + slack) + " bytes of address space";
    if (wanted < bytes || wanted + slack < wanted) return std::unexpected(memory_error(what, ENOMEM));

    void* reserved = mmap(nullptr, wanted + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return std::unexpected(memory_error(what, errno));

    auto* first = static_cast<std::byte*>(reserved);
    if (slack == 0) return std::span(first, wanted);
    const std::size_t before = (0 - reinterpret_cast<std::uintptr_t>(first)) & (kHugePageBytes - 1);
    unmap_range({first, before});
    unmap_range({first + before + wanted, slack - before});
    return std::span(first + before, wanted);
}

void unmap_range(std::span<std::byte> range) noexcept {
    if (!range.empty()) munmap(range.data(), whole_pages(range.size()));
}

}  // namespace zverse::platform
