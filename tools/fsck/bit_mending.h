// What zverse-fsck -y does before it does what -p does: a block of which one bit is wrong, and alone, gets that bit
// back. Its checksum of 64 bits then proves that it is what was written (cold/flipped_bit.h). The piece as it was is
// kept first: in lost+found/ of the store's directory, under the file's name and the piece's offset.
#pragma once

#include <platform/file_io.h>
#include <tools/fsck/store_check.h>
#include <zverse/error.h>
#include <zverse/verification.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace zverse::tools {

/// Of a finding whether its bit can be turned back: of a block that was read twice the same.
[[nodiscard]] bool is_one_bit(const CheckReport& report, const Finding& finding) noexcept;

struct BitsTurned {
    std::set<std::pair<std::string, std::uint64_t>> places;  ///< file and offset of each block that was mended
    std::optional<Error> failure;  ///< what ended it: locked, io, full
};

/// Turns back every such bit of the report, until the request is stopped. Takes the store's lock, and then believes the
/// report no more: what is not right with its bit turned back is passed over. What was mended survives power loss;
/// killed at any point, each block is as it was or as it must be.
[[nodiscard]] BitsTurned turn_bits_back(platform::FileIo& io, const CheckRequest& request, const CheckReport& report);

}  // namespace zverse::tools
