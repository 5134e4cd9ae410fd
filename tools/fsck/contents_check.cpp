#include <tools/fsck/contents_check.h>

#include <platform/answer.h>
#include <tools/common/result.h>
#include <tools/common/text.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

namespace zverse::tools {

namespace {

namespace codes = platform::codes;

/// The audit's index, and zones and keys twice, as the open segment has them too; blocks and pieces of values.
std::uint64_t memory_needed(const cold::SegmentHeader& header) noexcept {
    constexpr std::uint64_t kBuffers = std::uint64_t{2} << 20;
    return header.index.bytes + 2 * (header.zones.bytes + header.keys.bytes + header.dictionary.bytes) + kBuffers;
}

}  // namespace

ContentsCheck::ContentsCheck(platform::FileIo& io, const ContentsRequest& request,
                             std::vector<const SeenSegment*> segments, platform::Audit& audit)
    : io_(io), request_(request), segments_(std::move(segments)), audit_(audit), looks_(segments_.size()) {
    for (const SeenSegment* each : segments_) total_ += each->header.file_bytes;
}

void ContentsCheck::give_up(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(error);
    memory_freed_.notify_all();
}

/// The next segment to look at, once there is memory for it; nothing when there is none.
Result<std::optional<std::size_t>> ContentsCheck::take() {
    std::unique_lock lock(mutex_);
    for (; next_ < segments_.size(); ++next_) {
        const cold::SegmentHeader& header = segments_[next_]->header;
        if (request_.checked == nullptr || !request_.checked->has(header)) break;
        ++passed_over_;
        looks_[next_].over = true;
        done_ += header.file_bytes;
    }
    if (failure_ || next_ == segments_.size() || request_.stopped()) return std::nullopt;
    const std::size_t number = next_++;
    const SeenSegment& segment = *segments_[number];
    const std::uint64_t needed = memory_needed(segment.header);
    if (needed > request_.memory_bytes) {
        return fail(ErrorCode::full, "to check " + segment.path.string() + " takes " + bytes_text(needed) +
                                         ", and --max-mem allows " + bytes_text(request_.memory_bytes));
    }
    memory_freed_.wait(lock, [&] { return failure_ || memory_used_ + needed <= request_.memory_bytes; });
    if (failure_) return std::nullopt;
    memory_used_ += needed;
    return number;
}

/// Those that all before are over, so that what waits here is little.
void ContentsCheck::add_in_order() {
    for (; added_ < looks_.size() && looks_[added_].over; ++added_) {
        if (looks_[added_].audit) audit_.absorb(std::move(*looks_[added_].audit));
        looks_[added_].audit.reset();
    }
}

void ContentsCheck::finish(std::size_t number, platform::Audit audit) {
    const SeenSegment& segment = *segments_[number];
    const bool whole = audit.seen().clean() && !audit.stopped();
    auto kept = std::make_unique<platform::Audit>(std::move(audit));
    const std::scoped_lock lock(mutex_);
    looks_[number] = {true, std::move(kept)};
    add_in_order();
    memory_used_ -= memory_needed(segment.header);
    memory_freed_.notify_all();
    done_ += segment.header.file_bytes;
    request_.progress(done_, total_, segment.path.string());
    if (request_.checked == nullptr || !whole || note_failure_) return;
    if (auto noted = request_.checked->note(segment.header); !noted) note_failure_ = std::move(noted.error());
}

Result<void> ContentsCheck::look_at(std::size_t number) {
    const SeenSegment& seen = *segments_[number];
    platform::Audit audit(request_.stopped);
    auto segment =
        cold::Segment::open(io_, seen.path, request_.store, seen.header.segment, nullptr, cold::SegmentReads::copied);
    if (segment) {
        cold::audit_segment(io_, **segment, request_.store, audit, request_.depth);
        segment->reset();
    } else if (segment.error().code() == ErrorCode::corrupt) {
        audit.find(codes::kSegmentUnusable, seen.path, 0, segment.error().message());
    } else {
        audit.find(segment.error(), seen.path, 0);
    }
    finish(number, std::move(audit));
    return {};
}

void ContentsCheck::work() {
    for (;;) {
        auto number = take();
        if (number && !*number) return;
        auto looked = number ? platform::answer("the check of a segment", [&] { return look_at(**number); })
                             : Result<void>(pass_on(number));
        if (looked) continue;
        give_up(std::move(looked.error()));
        return;
    }
}

Result<void> ContentsCheck::run() {
    request_.progress(0, total_, segments_.empty() ? "" : segments_.front()->path.string());
    std::vector<std::jthread> others;
    try {
        while (others.size() + 1 < request_.threads) others.emplace_back([this] { work(); });
    } catch (const std::system_error&) {  // those that there are do it
    }
    work();
    others.clear();
    for (Look& look : looks_) look.over = true;
    add_in_order();
    if (failure_) return std::unexpected(std::move(*failure_));
    request_.progress(total_, total_, "");
    return {};
}

}  // namespace zverse::tools
