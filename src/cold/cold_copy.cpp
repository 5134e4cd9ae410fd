// Order: see cold_copy.h.
#include <cold/cold_copy.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace zverse::cold {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

std::filesystem::path directory_in(const std::filesystem::path& store) { return store / "cold"; }

/// Whether there can't be a link, but a copy.
bool only_copies(const Error& error) noexcept {
    const int number = error.os_errno();
    return number == EXDEV || number == EPERM || number == EMLINK || number == EOPNOTSUPP;
}

Result<void> copy_file(platform::FileIo& io, const std::filesystem::path& from, const std::filesystem::path& to) {
    auto source = io.open(from, platform::OpenMode::read);
    if (!source) return std::unexpected(std::move(source.error()));
    auto bytes = (*source)->size();
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    auto copy = io.open(to, platform::OpenMode::create);
    if (!copy) return std::unexpected(std::move(copy.error()));
    std::vector<std::byte> piece(std::min<std::uint64_t>(*bytes, kPieceBytes));
    for (std::uint64_t done = 0; done < *bytes; done += piece.size()) {
        piece.resize(std::min<std::uint64_t>(piece.size(), *bytes - done));
        if (auto read = (*source)->read_exact(piece, done); !read) return read;
        if (auto written = (*copy)->write(piece, done); !written) return written;
    }
    return (*copy)->sync();
}

}  // namespace

Result<void> copy_cold(platform::FileIo& io, const ManifestState& state, const std::uint64_t (&store)[2],
                       const std::filesystem::path& from, const std::filesystem::path& to) {
    const std::filesystem::path directory = directory_in(to);
    if (auto made = io.create_directories(directory); !made) return made;
    for (const auto& [id, component] : state.components) {
        for (const std::uint64_t segment : component.segments) {
            const auto source = segment_path(from, segment), target = segment_path(directory, segment);
            auto done = io.link(source, target);
            if (!done && only_copies(done.error())) done = copy_file(io, source, target);
            if (!done) return done;
        }
    }
    if (auto synced = io.sync_directory(directory); !synced) return synced;
    return Manifest::create(io, to, store, state);
}

void remove_cold_copy(platform::FileIo& io, const ManifestState& state, const std::filesystem::path& to) {
    Manifest::remove_created(io, to);
    for (const auto& [id, component] : state.components) {
        for (const std::uint64_t segment : component.segments) {
            (void)io.remove(segment_path(directory_in(to), segment));
        }
    }
}

}  // namespace zverse::cold
