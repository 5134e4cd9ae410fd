#include <platform/answer.h>
#include <platform/probes.h>
#include <warm/scrubber.h>

#include <algorithm>
#include <utility>

namespace zverse::warm {

namespace {

constexpr std::chrono::nanoseconds kNothingThere = std::chrono::seconds(1);

/// In bytes a second.
struct Rates {
    double average, burst;
};

std::chrono::nanoseconds time_for(std::uint64_t bytes, double bytes_per_second) {
    const std::chrono::duration<double> time(static_cast<double>(bytes) / bytes_per_second);
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::min<std::chrono::duration<double>>(time, Scrubber::kPeriod));
}

Rates rates_of(const ScrubRate& rate, std::uint64_t settled_bytes) {
    const double all_in_period = static_cast<double>(settled_bytes) / static_cast<double>(Scrubber::kPeriod.count());
    Rates rates{rate.average != 0 ? static_cast<double>(rate.average) : all_in_period, 0};
    rates.burst = std::max(rates.average, static_cast<double>(Scrubber::kBurstBytesPerSecond));
    if (rate.limit != 0) rates.burst = std::min(rates.burst, static_cast<double>(rate.limit) / 8);
    rates.average = std::min(rates.average, rates.burst);
    return rates;
}

}  // namespace

std::vector<Scrubber::SegmentPointer> Scrubber::segments() const {
    std::vector<SegmentPointer> segments;
    for (const auto& component : cold_.tree()->all()) {
        segments.insert(segments.end(), component->parts().begin(), component->parts().end());
    }
    std::ranges::sort(segments, {}, [](const auto& each) { return each->header().segment; });
    return segments;
}

/// The segment behind the last one, or the first; false when there is none.
bool Scrubber::choose(const std::vector<SegmentPointer>& segments) {
    if (segments.empty()) return false;
    auto next = std::ranges::upper_bound(segments, last_, {}, [](const auto& each) { return each->header().segment; });
    if (!std::exchange(began_, true)) {
        constexpr std::int64_t kSecond = 1'000'000'000;
        const auto place = static_cast<std::uint64_t>(opened_ / kSecond % kPeriod.count());
        next = segments.begin() +
               static_cast<std::ptrdiff_t>(place * segments.size() / static_cast<std::uint64_t>(kPeriod.count()));
    }
    segment_ = next == segments.end() ? segments.front() : *next;
    last_ = segment_->header().segment;
    audit_.emplace();
    noted_ = {};
    findings_noted_ = 0;
    check_ = std::make_unique<cold::SegmentCheck>(io_, *segment_, cold_.uuid(), *audit_);
    return true;
}

void Scrubber::note_progress() {
    const Verification& seen = audit_->seen();
    const std::scoped_lock lock(mutex_);
    figures_.bytes += seen.bytes - noted_.bytes;
    figures_.records += seen.records - noted_.records;
    figures_.segments += seen.segments - noted_.segments;
    figures_.memory_bytes = check_->memory_bytes();
    noted_.bytes = seen.bytes;
    noted_.records = seen.records;
    noted_.segments = seen.segments;
    if (seen.findings.size() == findings_noted_) return;
    // What this look found takes the place of what the one before did.
    std::vector<Finding>& found = findings_[segment_->header().segment];
    if (findings_noted_ == 0) found.clear();
    std::size_t kept = 0;
    for (const auto& [segment, each] : findings_) kept += each.size();
    const auto begin = seen.findings.begin() + static_cast<std::ptrdiff_t>(findings_noted_);
    const std::size_t room = platform::Audit::kFindingsMax - std::min(kept, platform::Audit::kFindingsMax);
    found.insert(found.end(), begin,
                 begin + static_cast<std::ptrdiff_t>(std::min(room, seen.findings.size() - findings_noted_)));
    figures_.findings += seen.findings.size() - findings_noted_;
    ZVERSE_PROBE2(scrub__error, segment_->header().segment, seen.findings.size() - findings_noted_);
    findings_noted_ = seen.findings.size();
}

void Scrubber::end_segment() {
    const std::scoped_lock lock(mutex_);
    if (findings_noted_ == 0) findings_.erase(segment_->header().segment);
    figures_.memory_bytes = 0;
    check_ = nullptr;
    segment_ = nullptr;
}

/// A look that found no memory says nothing of the segment: it begins anew.
void Scrubber::give_up() noexcept {
    const std::scoped_lock lock(mutex_);
    if (segment_ == nullptr) return;
    const std::uint64_t id = segment_->header().segment;
    last_ = id - 1;
    // Also those that there was a place for, and no memory.
    const auto found = findings_.find(id);
    if (found != findings_.end() && (findings_noted_ > 0 || found->second.empty())) findings_.erase(found);
    figures_.findings -= findings_noted_;
    figures_.memory_bytes = 0;
    findings_noted_ = 0;
    check_ = nullptr;
    segment_ = nullptr;
}

std::chrono::nanoseconds Scrubber::step(const ScrubRate& rate) {
    const auto pause = platform::answer("the scrub", [&]() -> Result<std::chrono::nanoseconds> { return look(rate); });
    if (pause) return *pause;
    give_up();
    return kNothingThere;
}

std::chrono::nanoseconds Scrubber::look(const ScrubRate& rate) {
    const std::vector<SegmentPointer> all = segments();
    std::uint64_t settled_bytes = 0;
    for (const auto& each : all) settled_bytes += each->header().file_bytes;
    const auto there = [&](std::uint64_t id) {
        return std::ranges::binary_search(all, id, {}, [](const auto& each) { return each->header().segment; });
    };
    {
        const std::scoped_lock lock(mutex_);
        std::erase_if(findings_, [&](const auto& each) { return !there(each.first); });
    }
    if (segment_ != nullptr && !there(segment_->header().segment)) end_segment();
    if (segment_ == nullptr && !choose(all)) return kNothingThere;
    const Rates rates = rates_of(rate, settled_bytes);
    const std::uint64_t before = audit_->seen().bytes;
    const bool more = check_->step(kStepBytes);
    if (audit_->starved()) {
        give_up();
        return kNothingThere;
    }
    note_progress();
    const auto pause = time_for(audit_->seen().bytes - before, rates.burst);
    if (more) return pause;
    const std::uint64_t bytes = segment_->header().file_bytes;
    end_segment();
    return std::max(pause, time_for(bytes, rates.average));
}

ScrubFigures Scrubber::figures() const {
    const std::scoped_lock lock(mutex_);
    ScrubFigures figures = figures_;
    figures.corrupt_segments = findings_.size();
    return figures;
}

Verification Scrubber::found() const {
    const std::scoped_lock lock(mutex_);
    Verification found;
    found.bytes = figures_.bytes;
    found.records = figures_.records;
    found.segments = figures_.segments;
    for (const auto& [segment, findings] : findings_) {
        const std::size_t room = platform::Audit::kFindingsMax - found.findings.size();
        const auto end = findings.begin() + static_cast<std::ptrdiff_t>(std::min(room, findings.size()));
        found.findings.insert(found.findings.end(), findings.begin(), end);
    }
    return found;
}

}  // namespace zverse::warm
