// Scrubber: reads the segments again and again, one after the other, and remembers what is wrong with them.
//
// What has settled may lie unread for years while it rots, and until it is found the copy or backup that could repair
// it may be gone. So each segment is looked at about once in kPeriod, all of it, as verify() does
// (cold/segment_audit.h): by FileIo, block by block, never through the mapping, and without a word to who reads or
// writes.
//
// A segment is read in one go, at a moderate rate, and then there is a pause: so the memory for its index and the file
// itself are held for seconds, not days. One that a merge replaces meanwhile is let go at the next step, and what was
// not looked at by then is no finding.
//
// Where it goes on is not written down. Segments come in the order of their ids, and after an opening it begins where
// the clock says: at that part of them which a store that was never closed would look at now. So one that is opened
// often, and briefly, does not look at its oldest segments alone.
//
// Threads: step() one at a time; the rest any.
#pragma once

#include <cold/cold_tier.h>
#include <cold/segment_audit.h>
#include <platform/audit.h>
#include <warm/job.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace zverse::warm {

/// What it did so far.
struct ScrubFigures {
    std::uint64_t bytes = 0, records = 0, segments = 0;  ///< read
    std::uint64_t findings = 0;  ///< each time they were met
    std::uint64_t corrupt_segments = 0;  ///< that are still in the tree
    std::uint64_t memory_bytes = 0;
};

/// How fast.
struct ScrubRate {
    std::uint64_t average = 0;  ///< bytes a second; 0: all that has settled once in kPeriod
    std::uint64_t limit = 0;  ///< of background work; 0: none. An eighth of it is the scrub's
};

class Scrubber {
public:
    static constexpr std::chrono::seconds kPeriod = std::chrono::days(14);
    static constexpr std::uint64_t kBurstBytesPerSecond = std::uint64_t{8} << 20;
    static constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;

    /// `wall_clock_nanoseconds`: for where it begins.
    Scrubber(cold::ColdTier& cold, platform::FileIo& io, std::int64_t wall_clock_nanoseconds) noexcept
        : cold_(cold), io_(io), opened_(wall_clock_nanoseconds) {}

    /// Looks at about kStepBytes more. Returns how long to wait before the next step.
    [[nodiscard]] std::chrono::nanoseconds step(const ScrubRate& rate);
    [[nodiscard]] ScrubFigures figures() const;
    /// What it found in segments that are still there, and how much it read since it was made.
    [[nodiscard]] Verification found() const;

private:
    using SegmentPointer = std::shared_ptr<const cold::Segment>;
    [[nodiscard]] std::vector<SegmentPointer> segments() const;
    [[nodiscard]] bool choose(const std::vector<SegmentPointer>& segments);
    [[nodiscard]] std::chrono::nanoseconds look(const ScrubRate& rate);
    void note_progress();
    void end_segment();
    void give_up() noexcept;

    cold::ColdTier& cold_;
    platform::FileIo& io_;
    const std::int64_t opened_;

    // Of step() alone.
    SegmentPointer segment_;  ///< null between two of them
    std::optional<platform::Audit> audit_;
    std::unique_ptr<cold::SegmentCheck> check_;
    Verification noted_;  ///< how much of the audit is in the figures; no findings
    std::size_t findings_noted_ = 0;
    std::uint64_t last_ = 0;  ///< id of the segment before
    bool began_ = false;

    mutable std::mutex mutex_;  ///< guards what follows
    ScrubFigures figures_;
    std::map<std::uint64_t, std::vector<Finding>> findings_;  ///< by segment
};

/// A step of the scrubber; done after it.
class ScrubJob final : public Job {
public:
    ScrubJob(Scrubber& scrubber, const ScrubRate& rate) noexcept : scrubber_(scrubber), rate_(rate) {}
    [[nodiscard]] Result<Progress> step() override {
        pause_ = scrubber_.step(rate_);
        return Progress::done;
    }
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return 0; }
    /// After the step.
    [[nodiscard]] std::chrono::nanoseconds pause() const noexcept { return pause_; }

private:
    Scrubber& scrubber_;
    const ScrubRate rate_;
    std::chrono::nanoseconds pause_{std::chrono::seconds(1)};
};

}  // namespace zverse::warm
