// SpillSpace: where a sort puts what its memory does not hold, in files without a name.
//
// A file is made in the directory of segments, so on the disk that the data is on, and its name is removed at once: it
// ends with whoever holds it, and with the process however that ends. Who dies between the two leaves "<n>.spill",
// which ColdTier::start_writing() removes when the store is opened again. What is in it is nobody's durable state:
// nothing is ever synced.
//
// Threads: any.
#pragma once

#include <platform/file_io.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

namespace zverse::cold {

/// What the name of such a file ends with, for the moment that it has one.
inline constexpr std::string_view kSpillSuffix = ".spill";

class SpillSpace {
public:
    SpillSpace(platform::FileIo& io, std::filesystem::path directory) : io_(io), directory_(std::move(directory)) {}

    /// A new, empty file that nobody else sees. Errors: io, full.
    [[nodiscard]] Result<std::unique_ptr<platform::File>> make_file();

    struct Figures {
        std::uint64_t files = 0;
        std::uint64_t runs = 0;  ///< sorted, those that merging made included
        std::uint64_t bytes = 0;  ///< of those runs
        std::uint64_t failures = 0;  ///< files that could not be made, written or read
    };
    [[nodiscard]] Figures figures() const noexcept;
    void note_run(std::uint64_t bytes) noexcept;
    void note_failure() noexcept;

private:
    platform::FileIo& io_;
    const std::filesystem::path directory_;
    // relaxed throughout: names differ, and the rest are figures.
    std::atomic<std::uint64_t> files_{0}, runs_{0}, bytes_{0}, failures_{0};
};

}  // namespace zverse::cold
