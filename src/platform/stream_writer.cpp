#include <platform/stream_writer.h>

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace zverse::platform {

Result<StreamWriter> StreamWriter::create(FileIo& io, const std::filesystem::path& path, std::size_t head_bytes) {
    assert(head_bytes % kStreamBlockBytes == 0);
    auto file = io.create_stream(path);
    if (!file) return std::unexpected(std::move(file.error()));
    return StreamWriter(std::move(*file), head_bytes);
}

Result<void> StreamWriter::next_buffer() {
    auto buffer = file_->buffer();
    if (!buffer) return std::unexpected(std::move(buffer.error()));
    // Up to where a whole number of buffers reaches: the disk, or what it is made of, likes pieces that lie so.
    buffer_ = buffer->first(buffer->size() - sent_ % buffer->size());
    return {};
}

/// All bytes of a stream pass here, piece by piece: the place to wait for a share of the background's bandwidth.
Result<void> StreamWriter::send(std::uint64_t offset) {
    const std::size_t bytes = std::exchange(filled_, 0);
    buffer_ = {};
    return file_->send(bytes, offset);
}

Result<void> StreamWriter::append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (buffer_.empty()) {
            if (auto given = next_buffer(); !given) return given;
        }
        const std::size_t count = std::min(bytes.size(), buffer_.size() - filled_);
        std::ranges::copy(bytes.first(count), buffer_.begin() + static_cast<std::ptrdiff_t>(filled_));
        filled_ += count;
        bytes = bytes.subspan(count);
        if (filled_ < buffer_.size()) continue;
        const std::uint64_t offset = std::exchange(sent_, position());
        if (auto sent = send(offset); !sent) return sent;
    }
    return {};
}

Result<void> StreamWriter::pad(std::uint64_t alignment) {
    const std::uint64_t over = position() % alignment;
    if (over == 0) return {};
    const std::vector<std::byte> zeros(alignment - over);
    return append(zeros);
}

Result<void> StreamWriter::finish(std::span<const std::byte> head, Next next) {
    const std::uint64_t file_bytes = position();
    if (filled_ > 0) {
        if (auto sent = send(sent_); !sent) return sent;
    }
    // The head says that everything else is there, so everything else goes before it.
    if (auto waited = file_->wait(); !waited) return waited;
    auto buffer = file_->buffer();
    if (!buffer) return std::unexpected(std::move(buffer.error()));
    assert(head.size() % kStreamBlockBytes == 0 && head.size() <= buffer->size());
    std::ranges::copy(head, buffer->begin());
    filled_ = head.size();
    if (auto sent = send(0); !sent) return sent;
    if (auto synced = file_->sync(file_bytes); !synced) return synced;
    if (next == Next::reads) {
        file_->prefetch(file_bytes);
    } else {
        file_->let_rest();
    }
    return {};
}

}  // namespace zverse::platform
