// Files in memory for fuzz targets: what a parser is to read, put there anew for every input.
#pragma once

#include <support/sim_file_io.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace zverse::test {

/// The harness itself failed: no finding about what it tests.
inline void harness_must(bool held) {
    if (!held) std::abort();
}

class FuzzFiles {
public:
    [[nodiscard]] platform::FileIo& io() noexcept { return io_; }

    void put(const std::filesystem::path& path, std::span<const std::byte> bytes) {
        harness_must(io_.create_directories(path.parent_path()).has_value());
        (void)io_.remove(path);
        auto file = io_.open(path, platform::OpenMode::create);
        harness_must(file.has_value() && (*file)->write(bytes, 0).has_value());
    }
    void put(const std::filesystem::path& path, std::string_view bytes) { put(path, std::as_bytes(std::span(bytes))); }

private:
    SimFileIo io_;
};

}  // namespace zverse::test
