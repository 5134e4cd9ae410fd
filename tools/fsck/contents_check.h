// The contents of segments: every block and record, indexes, zones, and large values if asked for; several segments at
// a time.
//
// Data flow: segments -> threads, each the next one that memory is there for -> an audit of each -> the audit of all,
// in the order of the segments, so that a report does not depend on who was faster.
//
// Invariants: C1 what segments under way need is at most `memory_bytes`. C2 everything that threads share is
// under one mutex, which nobody holds while reading a segment.
#pragma once

#include <cold/segment_audit.h>
#include <platform/audit.h>
#include <platform/file_io.h>
#include <tools/fsck/checked_segments.h>
#include <tools/fsck/seen_segment.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace zverse::tools {

struct ContentsRequest {
    std::uint64_t store[2] = {0, 0};
    cold::AuditDepth depth = cold::AuditDepth::blocks;
    unsigned threads = 1;
    std::uint64_t memory_bytes = 0;
    CheckedSegments* checked = nullptr;  ///< may be null
    std::function<bool()> stopped;  ///< asked by any thread
    /// Bytes of files looked at, of how many, and the one that was finished. By one thread at a time.
    std::function<void(std::uint64_t done, std::uint64_t total, std::string_view name)> progress;
};

class ContentsCheck {
public:
    /// What is found is added to `audit`.
    ContentsCheck(platform::FileIo& io, const ContentsRequest& request, std::vector<const SeenSegment*> segments,
                  platform::Audit& audit);

    /// Errors: full (a segment needs more than all the memory, or there is none).
    [[nodiscard]] Result<void> run();
    /// Segments that were found whole before, and are not looked at again.
    [[nodiscard]] std::uint64_t passed_over() const noexcept { return passed_over_; }
    /// Why what was whole is not noted in `checked`; the check goes on without it.
    [[nodiscard]] const std::optional<Error>& note_failure() const noexcept { return note_failure_; }

private:
    struct Look {
        bool over = false;  ///< finished, or passed over
        std::unique_ptr<platform::Audit> audit;  ///< until it is added
    };

    [[nodiscard]] Result<std::optional<std::size_t>> take();
    [[nodiscard]] Result<void> look_at(std::size_t number);
    void finish(std::size_t number, platform::Audit audit);
    void add_in_order();
    void give_up(Error error);
    void work();

    platform::FileIo& io_;
    const ContentsRequest& request_;
    const std::vector<const SeenSegment*> segments_;
    std::uint64_t total_ = 0, passed_over_ = 0;
    std::mutex mutex_;  ///< of all below
    platform::Audit& audit_;
    std::condition_variable memory_freed_;
    std::size_t next_ = 0;
    std::uint64_t memory_used_ = 0, done_ = 0;
    std::vector<Look> looks_;  ///< by segment
    std::size_t added_ = 0;  ///< so many of them are in audit_
    std::optional<Error> failure_, note_failure_;
};

}  // namespace zverse::tools
