// Orders: every atomic is a figure or a number that only has to be unique; see spill_space.h.
#include <cold/spill_space.h>

#include <cerrno>
#include <string>

namespace zverse::cold {

Result<std::unique_ptr<platform::File>> SpillSpace::make_file() {
    // A name may be taken: by one who died before he removed it, or by another process in the same directory.
    constexpr unsigned kTries = 1'000;
    for (unsigned tried = 1;; ++tried) {
        const std::uint64_t number = files_.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only unique
        const std::filesystem::path path = directory_ / (std::to_string(number) + std::string(kSpillSuffix));
        auto file = io_.open(path, platform::OpenMode::create);
        if (!file && file.error().os_errno() == EEXIST && tried < kTries) continue;
        if (!file) return file;
        // A file that keeps its name would outlive the process.
        if (auto removed = io_.remove(path); !removed) return std::unexpected(std::move(removed.error()));
        return file;
    }
}

SpillSpace::Figures SpillSpace::figures() const noexcept {
    // relaxed: figures.
    return {files_.load(std::memory_order_relaxed), runs_.load(std::memory_order_relaxed),
            bytes_.load(std::memory_order_relaxed), failures_.load(std::memory_order_relaxed)};
}

void SpillSpace::note_run(std::uint64_t bytes) noexcept {
    runs_.fetch_add(1, std::memory_order_relaxed);  // relaxed: figures
    bytes_.fetch_add(bytes, std::memory_order_relaxed);  // relaxed: figures
}

void SpillSpace::note_failure() noexcept {
    failures_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a figure
}

}  // namespace zverse::cold
