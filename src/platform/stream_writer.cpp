#include <platform/stream_writer.h>

#include <algorithm>
#include <utility>

namespace zverse::platform {

namespace {
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
}  // namespace

StreamWriter::StreamWriter(std::unique_ptr<File> file, std::size_t head_bytes)
    : file_(std::move(file)), written_(head_bytes) {
    buffer_.reserve(kPieceBytes);
}

Result<StreamWriter> StreamWriter::create(FileIo& io, const std::filesystem::path& path, std::size_t head_bytes) {
    auto file = io.open(path, OpenMode::create);
    if (!file) return std::unexpected(std::move(file.error()));
    return StreamWriter(std::move(*file), head_bytes);
}

Result<void> StreamWriter::write_buffer() {
    if (auto done = file_->write(buffer_, written_); !done) return done;
    written_ += buffer_.size();
    buffer_.clear();
    return {};
}

Result<void> StreamWriter::append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::size_t count = std::min(bytes.size(), kPieceBytes - buffer_.size());
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
        bytes = bytes.subspan(count);
        if (buffer_.size() < kPieceBytes) continue;
        if (auto done = write_buffer(); !done) return done;
    }
    return {};
}

Result<void> StreamWriter::pad(std::uint64_t alignment) {
    const std::uint64_t over = position() % alignment;
    if (over == 0) return {};
    const std::vector<std::byte> zeros(alignment - over);
    return append(zeros);
}

Result<void> StreamWriter::finish(std::span<const std::byte> head) {
    if (auto done = write_buffer(); !done) return done;
    if (auto done = file_->write(head, 0); !done) return done;
    return file_->sync();
}

}  // namespace zverse::platform
