// libpmem2: asked whether a file's medium is better than a page cache, and mapping it when it is.
#pragma once

#include <platform/persist_domain.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace zverse::platform {

/// A mapping that libpmem2 made and owns. Empty when it offers only page granularity.
class Pmem2Map {
public:
    struct Handle;

    Pmem2Map() noexcept;
    Pmem2Map(std::unique_ptr<Handle> handle, std::span<std::byte> bytes) noexcept;
    Pmem2Map(Pmem2Map&&) noexcept;
    Pmem2Map& operator=(Pmem2Map&&) noexcept;
    ~Pmem2Map();

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

private:
    std::unique_ptr<Handle> handle_;
    std::span<std::byte> bytes_;
};

struct Pmem2Answer {
    Granularity granularity = Granularity::page;
    std::string why_not;  ///< why it is not better, as a sentence; empty for byte
    Pmem2Map map;         ///< the first `bytes` of the file, unless granularity is page
};

/// `descriptor` may be read-only when `read_only` is set; then the mapping is, too.
[[nodiscard]] Pmem2Answer ask_pmem2(int descriptor, std::size_t bytes, bool read_only);

}  // namespace zverse::platform
