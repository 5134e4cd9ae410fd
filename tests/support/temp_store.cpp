#include <support/temp_store.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace zverse::test {

namespace {

std::filesystem::path parent_of(TempDirectory::Place place) {
    if (const char* chosen = std::getenv("ZVERSE_TEST_DIR"); chosen != nullptr && *chosen != '\0') {
        return chosen;
    }
    std::error_code ignored;
    if (place == TempDirectory::Place::memory && std::filesystem::is_directory("/dev/shm", ignored)) {
        return "/dev/shm";
    }
    return std::filesystem::temp_directory_path();
}

}  // namespace

TempDirectory::TempDirectory(Place place) {
    std::string pattern = (parent_of(place) / "zverse-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
    }
    path_ = pattern;
}

TempDirectory::~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Options small_options() {
    Options options;
    options.ring_bytes = std::uint64_t{1} << 20;
    options.shards = 1;
    options.force_granularity = "cache_line";
    options.write_timeout = std::chrono::milliseconds{1};
    return options;
}

}  // namespace zverse::test
