#include <tools/fsck/second_look.h>

#include <cold/flipped_bit.h>
#include <cold/segment_checksum.h>
#include <platform/audit.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace zverse::tools {

namespace {

namespace codes = platform::codes;

/// Bytes of a file with a checksum in front of them, or, of a header, one that is known in full.
struct Piece {
    std::uint64_t offset = 0, bytes = 0;
    bool header = false;
};

/// How long a block is its zone says; its own header may be what is damaged.
std::optional<Piece> block_at(platform::FileIo& io, const SeenSegment& seen, const std::uint64_t (&store)[2],
                              std::uint64_t offset) {
    const auto segment =
        cold::Segment::open(io, seen.path, store, seen.header.segment, nullptr, cold::SegmentReads::copied);
    if (!segment) return std::nullopt;
    const cold::ZoneMap& zones = (*segment)->zones();
    for (std::size_t i = 0; i < zones.blocks(); ++i) {
        const cold::Zone& zone = zones.block(i);
        if (zone.child * seen.header.unit_bytes == offset) return Piece{offset, zone.bytes};
    }
    return std::nullopt;
}

std::optional<Piece> piece_of(platform::FileIo& io, const SeenSegment& seen, const std::uint64_t (&store)[2],
                              const Finding& finding) {
    if (finding.code == codes::kBlockChecksum) return block_at(io, seen, store, finding.offset);
    if (finding.code == codes::kIndexPage) return Piece{finding.offset, sizeof(cold::IndexPage)};
    if (finding.code == codes::kSegmentHeader) return Piece{finding.offset, cold::kSegmentHeaderBytes, true};
    return std::nullopt;
}

class PieceLook {
public:
    PieceLook(const Piece& piece, std::uint64_t seed, const cold::SegmentHeader& header)
        : piece_(piece), seed_(seed), header_(header) {}

    /// A header may be whole, and another segment's.
    [[nodiscard]] bool good(std::span<const std::byte> bytes) const {
        if (piece_.header) return std::memcmp(bytes.data(), &header_, sizeof(header_)) == 0;
        std::uint64_t expected = 0;
        std::memcpy(&expected, bytes.data(), sizeof(expected));
        return expected == cold::piece_checksum(bytes.subspan(sizeof(expected)), seed_, piece_.offset);
    }

    /// The one bit that, flipped, makes the checksum right.
    [[nodiscard]] std::optional<FileBit> flipped(std::span<std::byte> bytes,
                                                 const std::function<bool()>& stopped) const {
        const auto bit = cold::turn_bit_back(bytes, stopped, [&] { return good(bytes); });
        if (!bit) return std::nullopt;
        return FileBit{piece_.offset + *bit / 8, static_cast<unsigned>(*bit % 8)};
    }

private:
    const Piece& piece_;
    const std::uint64_t seed_;
    const cold::SegmentHeader& header_;
};

}  // namespace

std::optional<SecondLook> look_again(platform::FileIo& io, const SeenSegment& segment, const std::uint64_t (&store)[2],
                                     const Finding& finding, const std::function<bool()>& stopped) {
    const auto piece = piece_of(io, segment, store, finding);
    if (!piece || piece->offset > segment.header.file_bytes ||
        piece->bytes > segment.header.file_bytes - piece->offset || piece->bytes <= sizeof(std::uint64_t)) {
        return std::nullopt;
    }
    SecondLook second;
    second.seed = cold::segment_seed(store, segment.header.segment);
    const PieceLook look(*piece, second.seed, segment.header);
    second.bytes = piece->bytes;
    std::vector<std::byte> first(piece->bytes), again(piece->bytes);
    auto file = io.open(segment.path, platform::OpenMode::read);
    if (file && (*file)->read_exact(first, piece->offset)) {
        (*file)->advise(platform::Advice::unneeded);
        second.reread = (*file)->read_exact(again, piece->offset) ? Reread::same : Reread::failed;
    } else {
        second.reread = Reread::failed;
    }
    if (second.reread == Reread::failed) return second;
    if (look.good(again)) {
        second.reread = Reread::good;
        return second;
    }
    if (first != again) second.reread = Reread::differs;
    second.flipped = look.flipped(again, stopped);
    return second;
}

SecondLooks look_twice_at(platform::FileIo& io, const std::map<std::uint64_t, std::vector<SeenSegment>>& seen,
                          const std::uint64_t (&store)[2], const std::vector<Finding>& findings, std::size_t looks_max,
                          const std::function<bool()>& stopped) {
    std::map<std::string, const SeenSegment*> by_file;
    for (const auto& [id, parts] : seen) {
        for (const SeenSegment& part : parts) by_file[part.path.string()] = &part;
    }
    SecondLooks looks;
    for (const Finding& finding : findings) {
        if (stopped() || looks.size() == looks_max) break;
        const auto part = by_file.find(finding.file);
        if (part == by_file.end()) continue;
        const auto look = look_again(io, *part->second, store, finding, stopped);
        if (look) looks[{finding.file, finding.offset}] = *look;
    }
    return looks;
}

}  // namespace zverse::tools
