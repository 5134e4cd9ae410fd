#include <tools/fsck/bit_mending.h>

#include <cold/segment_checksum.h>
#include <engine/creation.h>
#include <platform/audit.h>
#include <platform/lock_file.h>
#include <tools/common/result.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <vector>

namespace zverse::tools {

namespace {

namespace fs = std::filesystem;

/// Never in the place of a file that is there already; on failure nothing is left behind.
Result<void> keep_aside(platform::FileIo& io, const fs::path& directory, const std::string& name,
                        std::span<const std::byte> bytes) {
    if (auto made = io.create_directories(directory); !made) return made;
    for (unsigned number = 1;; ++number) {
        const fs::path path = directory / (number == 1 ? name : name + "." + std::to_string(number));
        auto file = io.open(path, platform::OpenMode::create);
        if (!file && file.error().os_errno() == EEXIST) continue;
        if (!file) return pass_on(file);
        auto written = (*file)->write(bytes, 0);
        if (written) written = (*file)->sync();
        if (written) written = io.sync_directory(directory);
        if (!written) (void)io.remove(path);
        return written;
    }
}

bool is_block_right(std::span<const std::byte> piece, std::uint64_t seed, std::uint64_t offset) {
    std::uint64_t checksum = 0;
    if (piece.size() <= sizeof(checksum)) return false;
    std::memcpy(&checksum, piece.data(), sizeof(checksum));
    return checksum == cold::piece_checksum(piece.subspan(sizeof(checksum)), seed, offset);
}

/// False: it is not the block any more that was looked at.
Result<bool> turn_back(platform::FileIo& io, const fs::path& store, const Finding& finding, const SecondLook& look) {
    const fs::path path = finding.file;
    auto file = io.open(path, platform::OpenMode::read_write);
    if (!file) return pass_on(file);
    std::vector<std::byte> piece(look.bytes);
    if (auto read = (*file)->read_exact(piece, finding.offset); !read) return pass_on(read);
    const std::vector<std::byte> as_it_was = piece;
    const std::uint64_t at = look.flipped->byte - finding.offset;
    piece.at(at) ^= std::byte{static_cast<unsigned char>(1U << look.flipped->bit)};
    if (!is_block_right(piece, look.seed, finding.offset)) return false;
    const std::string name = path.filename().string() + "-" + std::to_string(finding.offset);
    if (auto kept = keep_aside(io, store / "lost+found", name, as_it_was); !kept) return pass_on(kept);
    auto written = (*file)->write(std::span(piece).subspan(at, 1), look.flipped->byte);
    if (written) written = (*file)->sync();
    if (!written) return pass_on(written);
    return true;
}

}  // namespace

bool is_one_bit(const CheckReport& report, const Finding& finding) noexcept {
    if (finding.code != platform::codes::kBlockChecksum) return false;
    const auto look = report.second_looks.find({finding.file, finding.offset});
    return look != report.second_looks.end() && look->second.reread == Reread::same && look->second.flipped;
}

BitsTurned turn_bits_back(platform::FileIo& io, const CheckRequest& request, const CheckReport& report) {
    BitsTurned turned;
    const auto lock = platform::LockFile::acquire(request.store / engine::kLockName, false);
    if (!lock) {
        turned.failure = lock.error();
        return turned;
    }
    for (const Finding& finding : report.seen.findings) {
        if (!is_one_bit(report, finding)) continue;
        if (request.stopped()) break;
        const SecondLook& look = report.second_looks.at({finding.file, finding.offset});
        auto done = turn_back(io, request.store, finding, look);
        if (!done) {
            turned.failure = std::move(done.error());
            break;
        }
        if (*done) turned.places.emplace(finding.file, finding.offset);
    }
    return turned;
}

}  // namespace zverse::tools
