#include <tools/fsck/rebuildable.h>

#include <cold/slab_writer.h>
#include <platform/answer.h>
#include <tools/common/result.h>
#include <tools/fsck/finding_kinds.h>

#include <algorithm>
#include <set>

namespace zverse::tools {

namespace {

namespace codes = platform::codes;

/// Of a part, by those beside it that could be opened.
cold::RangeHints hints_of(const std::vector<std::uint64_t>& parts, std::size_t number,
                          const std::vector<SeenSegment>& seen) {
    const auto part = [&](std::size_t i) -> const SeenSegment* {
        const auto found =
            std::ranges::find_if(seen, [&](const SeenSegment& each) { return each.header.segment == parts[i]; });
        return found == seen.end() ? nullptr : &*found;
    };
    cold::RangeHints hints;
    if (const SeenSegment* before = number > 0 ? part(number - 1) : nullptr) hints.begin = before->range_end;
    if (const SeenSegment* behind = number + 1 < parts.size() ? part(number + 1) : nullptr) {
        hints.end = behind->range_begin;
    }
    return hints;
}

/// Files with findings none of which says anything against their blocks, and more than a copy of the header is damaged.
std::set<std::string> candidates(const std::vector<Finding>& findings) {
    std::set<std::string> files, hopeless;
    for (const Finding& finding : findings) {
        if (!spares_blocks(finding.code)) {
            hopeless.insert(finding.file);
        } else if (finding.code != codes::kSegmentHeader) {
            files.insert(finding.file);
        }
    }
    for (const std::string& file : hopeless) files.erase(file);
    return files;
}

}  // namespace

RebuildableSegments find_rebuildable(platform::FileIo& io, const StoreIdentity& store,
                                     const std::filesystem::path& directory, const cold::ManifestState& catalog,
                                     const std::map<std::uint64_t, std::vector<SeenSegment>>& seen,
                                     const std::vector<Finding>& findings, const std::function<bool()>& stopped) {
    RebuildableSegments found;
    const std::set<std::string> files = candidates(findings);
    if (files.empty()) return found;
    const std::uint64_t ids[2] = {store[0], store[1]};
    for (const auto& [id, component] : catalog.components) {
        for (std::size_t i = 0; i < component.segments.size() && !stopped(); ++i) {
            const std::uint64_t segment = component.segments[i];
            const std::string path = cold::segment_path(directory, segment).string();
            if (!files.contains(path)) continue;
            const auto parts = seen.find(id);
            if (parts == seen.end()) continue;
            RebuildableSegment rebuildable{store, segment, hints_of(component.segments, i, parts->second)};
            // Who has not the memory for it has not the means to make it again.
            const auto patches = platform::answer("making a segment's index again", [&] {
                return cold::rebuild_sections(io, path, ids, segment, rebuildable.hints, stopped);
            });
            if (patches) found.emplace(path, std::move(rebuildable));
        }
    }
    return found;
}

Result<void> rebuild(platform::FileIo& io, const std::filesystem::path& path, const RebuildableSegment& segment) {
    const std::uint64_t store[2] = {segment.store[0], segment.store[1]};
    // Once it has begun to mend, it ends.
    const std::function<bool()> never = [] { return false; };
    auto patches = cold::rebuild_sections(io, path, store, segment.segment, segment.hints, never);
    if (!patches) return pass_on(patches);
    auto file = io.open(path, platform::OpenMode::read_write);
    if (!file) return pass_on(file);
    for (const cold::SegmentPatch& patch : *patches) {
        if (auto written = (*file)->write(patch.bytes, patch.offset); !written) return written;
    }
    return (*file)->sync();
}

}  // namespace zverse::tools
