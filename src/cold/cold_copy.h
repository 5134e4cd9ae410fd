// Puts what has settled into another directory, as the cold tier of a store there: the same segments under names of its
// own, and a manifest of one edit.
//
// Order: segments, each whole and synced -> their directory synced -> the manifest, which is the moment they count.
#pragma once

#include <cold/cold_tier.h>

#include <filesystem>

namespace zverse::cold {

/// `state`: the manifest's; its segments are those of `tree`, which is held until then. `from`: the directory of the
/// segments, `to`: the directory of the other store; nothing of ours is there. Segments are hard-linked, and copied
/// where that can't be (another file system, or one without links, or too many of them). On return it survives power
/// loss. Errors: io, full; what was made by then stays.
[[nodiscard]] Result<void> copy_cold(platform::FileIo& io, const ManifestState& state, const std::uint64_t (&store)[2],
                                     const std::filesystem::path& from, const std::filesystem::path& to);

/// Removes what copy_cold() made of `state`, and forgets what fails.
void remove_cold_copy(platform::FileIo& io, const ManifestState& state, const std::filesystem::path& to);

}  // namespace zverse::cold
