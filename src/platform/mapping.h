// Mapping: a ring file in memory, and what the medium under it promises.
//
// libpmem2 decides the granularity (byte, cache line, page) and maps DAX files with MAP_SYNC; where it offers only
// page granularity, or is not built in, the file is mapped by mmap and synced by our own msync path, because
// libpmem2's page persist aborts the process when msync fails.
#pragma once

#include <platform/persist_domain.h>
#include <zverse/error.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace zverse::platform {

struct MappingRequest {
    std::filesystem::path path;      ///< of the file, for messages
    int descriptor = -1;             ///< open for reading and writing, or read-only with `private_copy`
    std::size_t bytes = 0;           ///< length of the mapping, from offset 0; at most the file's size
    bool private_copy = false;       ///< MAP_PRIVATE: changes stay in memory (read-only open)
    std::string force_granularity;   ///< "", "byte", "cache_line", "page"
    bool prefault = true;            ///< fault every page in before returning; page granularity: for reading only,
                                     ///< because a write fault makes the page dirty and the file be written back
};

/// Owns a mapped range, 2 MiB aligned when it is at least that long. Move-only.
class Mapping {
public:
    Mapping() noexcept;
    Mapping(Mapping&&) noexcept;
    Mapping& operator=(Mapping&&) noexcept;
    ~Mapping();

    /// Errors: io (mmap, with errno and path), full (ENOMEM), invalid_argument (unknown force_granularity, no bytes),
    /// corrupt (the file is shorter than `bytes`).
    [[nodiscard]] static Result<Mapping> map(const MappingRequest& request);

    [[nodiscard]] std::span<std::byte> bytes() const noexcept;
    /// What libpmem2 found, or page.
    [[nodiscard]] Granularity found() const noexcept;
    /// What is used: found, or the forced one.
    [[nodiscard]] Granularity used() const noexcept;
    [[nodiscard]] bool dax() const noexcept;  ///< mapped with MAP_SYNC
    [[nodiscard]] bool huge_pages() const noexcept;  ///< at least half is mapped by huge pages, as the kernel tells
    [[nodiscard]] const std::string& huge_why_not() const noexcept;  ///< why huge_pages() is false; a sentence
    [[nodiscard]] const std::string& why_not() const noexcept;  ///< why found() is not better; a sentence
    /// The domain that persists this mapping.
    [[nodiscard]] PersistDomain domain() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Anonymous zeroed memory on huge pages where there are any; for tables that live in DRAM.
class AnonymousMemory {
public:
    AnonymousMemory() noexcept = default;
    AnonymousMemory(AnonymousMemory&& other) noexcept;
    AnonymousMemory& operator=(AnonymousMemory&& other) noexcept;
    ~AnonymousMemory();
    /// Errors: full (ENOMEM).
    [[nodiscard]] static Result<AnonymousMemory> allocate(std::size_t bytes);
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

private:
    std::span<std::byte> bytes_;
};

}  // namespace zverse::platform
