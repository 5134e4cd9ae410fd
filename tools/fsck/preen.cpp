#include <tools/fsck/preen.h>

#include <cold/layout.h>
#include <cold/segment_checksum.h>
#include <engine/creation.h>
#include <platform/file_io.h>
#include <platform/lock_file.h>
#include <tools/common/result.h>
#include <tools/fsck/finding_kinds.h>
#include <zverse/store.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

namespace zverse::tools {

namespace {

namespace codes = platform::codes;

/// One of the two headers was found bad, so the other one is good: the segment opened.
Result<void> renew_header(platform::FileIo& io, const std::filesystem::path& path) {
    auto file = io.open(path, platform::OpenMode::read_write);
    if (!file) return pass_on(file);
    auto size = (*file)->size();
    if (!size) return pass_on(size);
    if (*size < 2 * cold::kSegmentHeaderBytes) return fail(ErrorCode::corrupt, path.string() + " ends too early");
    const std::array<std::uint64_t, 2> places = {0, *size - cold::kSegmentHeaderBytes};
    for (std::size_t good = 0; good < places.size(); ++good) {
        auto header = std::make_unique<cold::SegmentHeader>();
        const auto bytes = std::as_writable_bytes(std::span(header.get(), 1));
        if (auto read = (*file)->read_exact(bytes, places[good]); !read) continue;
        if (header->magic != cold::kSegmentMagic || header->checksum != cold::header_checksum(*header)) continue;
        if (header->file_bytes != *size) continue;
        if (auto written = (*file)->write(bytes, places[1 - good]); !written) return written;
        return (*file)->sync();
    }
    return fail(ErrorCode::corrupt, "neither header of " + path.string() + " is whole");
}

Result<void> renew_segments(const CheckRequest& request, const CheckReport& report) {
    const auto lock = platform::LockFile::acquire(request.store / engine::kLockName, false);
    if (!lock) return std::unexpected(lock.error());
    const auto io = platform::make_posix_file_io();
    for (const Finding& finding : report.seen.findings) {
        if (finding.code != codes::kSegmentHeader || report.rebuildable.contains(finding.file)) continue;
        if (auto renewed = renew_header(*io, finding.file); !renewed) return renewed;
    }
    for (const auto& [path, segment] : report.rebuildable) {
        if (auto made = rebuild(*io, path, segment); !made) return made;
    }
    return {};
}

}  // namespace

bool can_preen(const CheckReport& report) noexcept {
    if (report.cancelled || report.load_unfinished) return false;
    return std::ranges::all_of(report.seen.findings, [&](const Finding& finding) {
        return kind_of(report, finding).severity == Severity::derived;
    });
}

Result<void> preen(const CheckRequest& request, const CheckReport& report) {
    if (auto renewed = renew_segments(request, report); !renewed) return renewed;
    Options options;
    options.create_if_missing = false;
    options.hot_paths = request.hot_paths;
    auto store = Store::open(request.store, options);
    if (!store) return pass_on(store);
    return store->close();
}

}  // namespace zverse::tools
