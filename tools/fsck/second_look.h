// A second look at a damaged piece of a segment: does the medium give the same again, and would one flipped bit explain
// it? Memory that fails, or a cable, gives other bytes the second time; a bit that flipped in memory before a block was
// written is in it for ever, and alone.
#pragma once

#include <platform/file_io.h>
#include <tools/fsck/seen_segment.h>
#include <zverse/verification.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zverse::tools {

enum class Reread : std::uint8_t {
    same,  ///< the same bytes, with a wrong checksum
    differs,  ///< other bytes, with a wrong checksum
    good,  ///< what was written
    failed,  ///< an error
};

/// A bit of a file.
struct FileBit {
    std::uint64_t byte;
    unsigned bit;
};

struct SecondLook {
    std::uint64_t bytes = 0;  ///< of the piece
    std::uint64_t seed = 0;  ///< of the segment's checksums
    Reread reread = Reread::same;
    std::optional<FileBit> flipped;  ///< to flip it back makes the checksum right
};

/// Of a finding about a header, a page of the index or a block of the segment; nothing for others. Between two reads
/// the system is asked to forget what it holds of the file, which it does not do for files in memory (tmpfs). All bits
/// of pieces up to 64 KiB are tried, in a time that grows with the square of their size: 0.2 s for 19 KiB.
[[nodiscard]] std::optional<SecondLook> look_again(platform::FileIo& io, const SeenSegment& segment,
                                                   const std::uint64_t (&store)[2], const Finding& finding,
                                                   const std::function<bool()>& stopped);

/// So many are enough to tell what is the matter with the machine.
constexpr std::size_t kSecondLooksUsual = 16;

/// By file and offset of a finding.
using SecondLooks = std::map<std::pair<std::string, std::uint64_t>, SecondLook>;

/// The same of the first findings for which there is one: a device that fails has thousands. `seen`: by component.
[[nodiscard]] SecondLooks look_twice_at(platform::FileIo& io,
                                        const std::map<std::uint64_t, std::vector<SeenSegment>>& seen,
                                        const std::uint64_t (&store)[2], const std::vector<Finding>& findings,
                                        std::size_t looks_max, const std::function<bool()>& stopped);

}  // namespace zverse::tools
