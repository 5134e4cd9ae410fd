#include <tools/fsck/bit_mending.h>

#include <engine/creation.h>
#include <platform/audit.h>
#include <platform/lock_file.h>
#include <tools/common/result.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace zverse::tools {

namespace {

namespace fs = std::filesystem;

/// Never in the place of a file that is there already.
Result<void> keep_aside(platform::FileIo& io, const fs::path& directory, const std::string& name,
                        std::span<const std::byte> bytes) {
    if (auto made = io.create_directories(directory); !made) return made;
    for (unsigned number = 1;; ++number) {
        const fs::path path = directory / (number == 1 ? name : name + "." + std::to_string(number));
        auto file = io.open(path, platform::OpenMode::create);
        if (!file && file.error().os_errno() == EEXIST) continue;
        if (!file) return pass_on(file);
        if (auto written = (*file)->write(bytes, 0); !written) return written;
        if (auto synced = (*file)->sync(); !synced) return synced;
        return io.sync_directory(directory);
    }
}

Result<void> turn_back(platform::FileIo& io, const fs::path& store, const Finding& finding, const SecondLook& look) {
    const fs::path path = finding.file;
    auto file = io.open(path, platform::OpenMode::read_write);
    if (!file) return pass_on(file);
    std::vector<std::byte> piece(look.bytes);
    if (auto read = (*file)->read_exact(piece, finding.offset); !read) return read;
    const std::string name = path.filename().string() + "-" + std::to_string(finding.offset);
    if (auto kept = keep_aside(io, store / "lost+found", name, piece); !kept) return kept;
    const std::uint64_t at = look.flipped->byte - finding.offset;
    piece[at] ^= std::byte{static_cast<unsigned char>(1U << look.flipped->bit)};
    if (auto written = (*file)->write(std::span(piece).subspan(at, 1), look.flipped->byte); !written) return written;
    return (*file)->sync();
}

}  // namespace

bool is_one_bit(const CheckReport& report, const Finding& finding) noexcept {
    if (finding.code != platform::codes::kBlockChecksum) return false;
    const auto look = report.second_looks.find({finding.file, finding.offset});
    return look != report.second_looks.end() && look->second.reread == Reread::same && look->second.flipped;
}

Result<void> turn_bits_back(platform::FileIo& io, const CheckRequest& request, const CheckReport& report) {
    const auto lock = platform::LockFile::acquire(request.store / engine::kLockName, false);
    if (!lock) return std::unexpected(lock.error());
    for (const Finding& finding : report.seen.findings) {
        if (!is_one_bit(report, finding)) continue;
        const SecondLook& look = report.second_looks.at({finding.file, finding.offset});
        if (auto turned = turn_back(io, request.store, finding, look); !turned) return turned;
    }
    return {};
}

}  // namespace zverse::tools
