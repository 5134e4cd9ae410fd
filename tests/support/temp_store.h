// Directories for stores under test: made anew, removed at the end, in shared memory or on a real file system.
#pragma once

#include <zverse/options.h>

#include <filesystem>
#include <string>

namespace zverse::test {

/// An own directory, removed with all it holds when this object goes. In ZVERSE_TEST_DIR where that is set, else in
/// /dev/shm (`Place::memory`, where it exists) or the system's temporary directory (`Place::disk`).
class TempDirectory {
public:
    enum class Place { memory, disk };

    explicit TempDirectory(Place place = Place::memory);
    ~TempDirectory();
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

/// What most tests want: rings of 1 MiB, one shard, cache-line granularity forced, so that it is the same on every
/// machine, and a full ring told after 1 ms instead of 10 s.
[[nodiscard]] Options small_options();

}  // namespace zverse::test
