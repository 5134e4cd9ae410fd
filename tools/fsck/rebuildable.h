// Which damaged segments have all of their blocks, so that what is damaged of them can be made again; and making it.
#pragma once

#include <cold/manifest.h>
#include <cold/segment_rebuild.h>
#include <platform/file_io.h>
#include <tools/common/store_identity.h>
#include <tools/fsck/seen_segment.h>
#include <zverse/verification.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace zverse::tools {

struct RebuildableSegment {
    StoreIdentity store{};
    std::uint64_t segment = 0;
    cold::RangeHints hints;
};

/// By path of the file.
using RebuildableSegments = std::map<std::string, RebuildableSegment>;

/// Of the segments that a catalog names: those with findings which say nothing against their blocks, and of which all
/// can be made again. `seen`: what could be opened, by component. Reads those segments.
[[nodiscard]] RebuildableSegments find_rebuildable(platform::FileIo& io, const StoreIdentity& store,
                                                   const std::filesystem::path& directory,
                                                   const cold::ManifestState& catalog,
                                                   const std::map<std::uint64_t, std::vector<SeenSegment>>& seen,
                                                   const std::vector<Finding>& findings,
                                                   const std::function<bool()>& stopped);

/// Writes what is damaged anew; on return it survives power loss. Killed at any point, the file has what it had, or
/// what it must have, or in a piece that was damaged already something of both. Errors: those of rebuild_sections.
[[nodiscard]] Result<void> rebuild(platform::FileIo& io, const std::filesystem::path& path,
                                   const RebuildableSegment& segment);

}  // namespace zverse::tools
