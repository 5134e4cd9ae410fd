#include <cold/segment_checksum.h>
#include <cold/spill_run.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace zverse::cold {

namespace {

struct PieceHead {
    std::uint64_t checksum;  ///< of what follows it in the piece
    std::uint32_t bytes;  ///< of the piece, this included
    std::uint32_t zero;
};
static_assert(sizeof(PieceHead) == 16);

/// A value that stayed where it lay.
struct PackedPlace {
    OutsideValue outside;
    std::uint32_t segment;
    std::uint32_t value_bytes;
};

constexpr std::uint64_t kSeed = 0x7370696c6c;
constexpr std::uint8_t kTombstone = 1, kOutside = 2;

std::uint64_t checksum_of(std::span<const std::byte> piece, std::uint64_t offset) noexcept {
    return piece_checksum(piece.subspan(sizeof(std::uint64_t)), kSeed, offset);
}

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t to) noexcept { return (bytes + to - 1) / to * to; }

}  // namespace

std::size_t packed_bytes(const SortedRecord& record) noexcept {
    return sizeof(PackedHead) + record.key.size() + (record.is_outside ? sizeof(PackedPlace) : record.value.size());
}

void pack(const SortedRecord& record, std::byte* to) noexcept {
    const std::size_t behind = record.is_outside ? sizeof(PackedPlace) : record.value.size();
    const PackedHead head{
        .version = record.version,
        .value_bytes = static_cast<std::uint32_t>(behind),
        .key_bytes = static_cast<std::uint16_t>(record.key.size()),
        .flags = static_cast<std::uint8_t>((record.tombstone ? kTombstone : 0) | (record.is_outside ? kOutside : 0)),
        .mark = record.mark};
    std::memcpy(to, &head, sizeof(head));
    to += sizeof(head);
    if (!record.key.empty()) std::memcpy(to, record.key.data(), record.key.size());
    to += record.key.size();
    if (record.is_outside) {
        const PackedPlace place{record.outside, record.segment, static_cast<std::uint32_t>(record.value_bytes)};
        std::memcpy(to, &place, sizeof(place));
    } else if (behind != 0) {
        std::memcpy(to, record.value.data(), behind);
    }
}

std::size_t unpack(std::span<const std::byte> bytes, SortedRecord& record) noexcept {
    PackedHead head{};
    if (bytes.size() < sizeof(head)) return 0;
    std::memcpy(&head, bytes.data(), sizeof(head));
    const std::size_t all = sizeof(head) + head.key_bytes + head.value_bytes;
    if (all > bytes.size()) return 0;
    const auto* const key = reinterpret_cast<const char*>(bytes.data() + sizeof(head));
    record.version = head.version;
    record.key = {key, head.key_bytes};
    record.tombstone = (head.flags & kTombstone) != 0;
    record.is_outside = (head.flags & kOutside) != 0;
    record.mark = head.mark;
    if (!record.is_outside) {
        record.value = {key + head.key_bytes, head.value_bytes};
        return all;
    }
    PackedPlace place{};
    if (head.value_bytes != sizeof(place)) return 0;
    std::memcpy(&place, key + head.key_bytes, sizeof(place));
    record.value = {};
    record.value_bytes = place.value_bytes;
    record.segment = place.segment;
    record.outside = place.outside;
    return all;
}

SpillRunWriter::SpillRunWriter(platform::File& file, std::uint64_t begin, std::size_t piece_bytes)
    : file_(file), begin_(begin), piece_bytes_(piece_bytes), at_(begin) {
    piece_.reserve(piece_bytes);
    piece_.resize(sizeof(PieceHead));
}

Result<void> SpillRunWriter::add(std::span<const std::byte> packed) {
    if (piece_.size() > sizeof(PieceHead) && piece_.size() + packed.size() > piece_bytes_) {
        if (auto written = write_piece(); !written) return written;
    }
    piece_.insert(piece_.end(), packed.begin(), packed.end());
    return {};
}

Result<void> SpillRunWriter::write_piece() {
    PieceHead head{.checksum = 0, .bytes = static_cast<std::uint32_t>(piece_.size()), .zero = 0};
    std::memcpy(piece_.data(), &head, sizeof(head));
    head.checksum = checksum_of(piece_, at_);
    std::memcpy(piece_.data(), &head, sizeof(head));
    if (auto written = file_.write(piece_, at_); !written) return written;
    largest_ = std::max(largest_, piece_.size());
    at_ += round_up(piece_.size(), piece_bytes_);
    piece_.resize(sizeof(PieceHead));
    return {};
}

Result<SpillRun> SpillRunWriter::finish() {
    if (piece_.size() > sizeof(PieceHead)) {
        if (auto written = write_piece(); !written) return std::unexpected(std::move(written.error()));
    }
    return SpillRun{begin_, at_};
}

SpillRunReader::SpillRunReader(platform::File& file, SpillRun run, std::size_t piece_bytes)
    : file_(file), run_(run), piece_bytes_(piece_bytes), at_(run.begin) {}

Error SpillRunReader::damaged(const char* what) const {
    return Error(ErrorCode::corrupt, file_.path().string() + " at " + std::to_string(at_) + ": " + what);
}

/// What lies behind the last piece of a file was never written, so that a read may end early there.
Result<void> SpillRunReader::read_piece() {
    piece_.resize(piece_bytes_);
    auto got = file_.read_some(piece_, at_);
    if (!got) return std::unexpected(std::move(got.error()));
    PieceHead head{};
    if (*got < sizeof(head)) return std::unexpected(damaged("no piece lies there"));
    std::memcpy(&head, piece_.data(), sizeof(head));
    const std::uint64_t most = std::min<std::uint64_t>(run_.end - at_, std::max(piece_bytes_, kBlockBytesMax));
    if (head.bytes < sizeof(head) || head.bytes > most) {
        return std::unexpected(damaged("a piece's size makes no sense"));
    }
    if (head.bytes > *got) {
        piece_.resize(head.bytes);
        if (auto read = file_.read_exact(std::span(piece_).subspan(*got), at_ + *got); !read) return read;
    }
    const auto piece = std::span<const std::byte>(piece_).first(head.bytes);
    if (checksum_of(piece, at_) != head.checksum) return std::unexpected(damaged("a piece's checksum is wrong"));
    at_ += round_up(head.bytes, piece_bytes_);
    left_ = piece.subspan(sizeof(head));
    return {};
}

Result<bool> SpillRunReader::next() {
    if (left_.empty()) {
        if (at_ >= run_.end) return false;
        if (auto read = read_piece(); !read) return std::unexpected(std::move(read.error()));
    }
    const std::size_t bytes = unpack(left_, record_);
    if (bytes == 0) return std::unexpected(damaged("a piece's records make no sense"));
    packed_ = left_.first(bytes);
    left_ = left_.subspan(bytes);
    return true;
}

}  // namespace zverse::cold
