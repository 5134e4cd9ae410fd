// ReadMapping: a file's bytes for reading. Mapped where the file has a descriptor; where it has none (the simulator),
// or mapping is not wanted, read into memory.
#pragma once

#include <platform/file_io.h>
#include <zverse/error.h>

#include <cstddef>
#include <memory>
#include <span>

namespace zverse::platform {

class ReadMapping {
public:
    ReadMapping() noexcept = default;
    ReadMapping(ReadMapping&& other) noexcept;
    ReadMapping& operator=(ReadMapping&& other) noexcept;
    ~ReadMapping();

    /// All of the file; it must not shrink while it is mapped. A mapping is for random reads (no read-ahead).
    /// Errors: io, full (ENOMEM).
    [[nodiscard]] static Result<ReadMapping> map(File& file);

    /// Asks the system to have these bytes read soon, without waiting: several such reads are in flight together.
    /// Clipped to what there is.
    void will_need(std::uint64_t offset, std::uint64_t bytes) const noexcept;
    /// Reads these bytes in, in one go, and waits: where the medium fails, or the file has become shorter, this says
    /// so, while whoever touched them would be killed by SIGBUS. They may leave memory again. Clipped to what there is.
    /// Kernels before 5.14 can't: then it does nothing. Cost: a system call. Errors: io.
    [[nodiscard]] Result<void> load(std::uint64_t offset, std::uint64_t bytes) const;
    /// Tells the system that hardly anybody will read it any more: its pages are the first to go. They stay readable.
    void will_rest() const noexcept;
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    [[nodiscard]] std::span<std::byte> pages(std::uint64_t offset, std::uint64_t bytes) const noexcept;

    std::span<const std::byte> bytes_;
    std::unique_ptr<std::byte[]> copy_;  ///< behind bytes_ when they are not mapped
};

}  // namespace zverse::platform
