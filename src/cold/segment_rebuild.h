// What of a segment is made from its blocks, made again where it is damaged or cut off: index, zones, keys and columns,
// and the other copy of the header.
//
// Nothing is believed that can't be proved. All blocks must be whole, as many as the header says and with as many
// records. Zones, keys and columns are given back only when they have the checksums that the header holds for them, so
// they are what was written, byte for byte. A page of the index has its checksum in itself: those whose checksum is
// right must be what was made now, all of them, and then so are the others.
//
// What blocks do not tell: where the part's key range begins and ends. The heap of keys has them, or, where that is
// lost, the parts beside it. The columns of a history segment are the keys of records at even distances, in key order.
#pragma once

#include <platform/file_io.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace zverse::cold {

/// Bytes of the file that must be others.
struct SegmentPatch {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
};

/// What the parts beside it say; nothing: there is none, or it does not tell.
struct RangeHints {
    std::optional<std::string> begin, end;
};

/// Reads the whole segment, and changes nothing. Empty: the sections are whole. Memory: the index and the zones, and
/// while they are made twice that; where the keys of columns are lost, all keys. Errors: corrupt (not all can be made
/// again; the sentence says why), incompatible, io, full, closed (`stopped` said so, which is asked now and then).
[[nodiscard]] Result<std::vector<SegmentPatch>> rebuild_sections(platform::FileIo& io,
                                                                 const std::filesystem::path& path,
                                                                 const std::uint64_t (&store)[2], std::uint64_t segment,
                                                                 const RangeHints& hints,
                                                                 const std::function<bool()>& stopped);

}  // namespace zverse::cold
