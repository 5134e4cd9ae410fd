#include <tools/fsck/mending.h>

#include <tools/common/exit_status.h>
#include <tools/common/result.h>
#include <tools/fsck/bit_mending.h>
#include <tools/fsck/preen.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

namespace zverse::tools {

namespace {

class Mending {
public:
    Mending(platform::FileIo& io, const MendRequest& request) : io_(io), request_(request) {
        outcome_.store = request.check.store;
        outcome_.mode = request.mode;
        outcome_.level = request.check.level;
    }

    [[nodiscard]] Result<FsckOutcome> run() {
        auto report = first_look();
        if (!report) return pass_on(report);
        outcome_.report = std::move(*report);
        if (request_.mode == FsckMode::repair) turn_bits_back();
        if (request_.mode != FsckMode::check) preen();
        outcome_.exit = (outcome_.corrected.empty() ? kExitDone : kExitCorrected) |
                        (outcome_.report.clean() ? kExitDone : kExitDamaged) |
                        (outcome_.report.cancelled ? kExitCancelled : kExitDone);
        std::ranges::move(outcome_.report.failures, std::back_inserter(outcome_.failures));
        return std::move(outcome_);
    }

private:
    /// Whether a finding was mended, where no second check says so.
    using IsMended = std::function<bool(const Finding&)>;

    /// At boot, which is what -p is for, a store that was closed cleanly is looked at quickly.
    [[nodiscard]] Result<CheckReport> first_look() {
        CheckRequest asked = request_.check;
        if (request_.mode == FsckMode::preen && request_.quick_when_closed) {
            asked.level = CheckLevel::quick;
            auto report = check_store(io_, asked);
            if (!report || (report->clean() && !report->needs_recovery)) {
                outcome_.level = asked.level;
                return report;
            }
            asked.level = request_.check.level;
        }
        // Blocks may be damaged: nothing is mended before they were looked at.
        if (request_.mode != FsckMode::check && asked.level == CheckLevel::quick) asked.level = CheckLevel::normal;
        outcome_.level = asked.level;
        return check_store(io_, asked);
    }

    void turn_bits_back() {
        const auto one_bit = [&](const Finding& finding) { return is_one_bit(outcome_.report, finding); };
        if (std::ranges::none_of(outcome_.report.seen.findings, one_bit) || stopped_before_mending()) return;
        BitsTurned turned = tools::turn_bits_back(io_, request_.check, outcome_.report);
        if (turned.failure) outcome_.failures.push_back(std::move(*turned.failure));
        if (turned.places.empty()) return;
        look_behind([&](const Finding& finding) { return turned.places.contains({finding.file, finding.offset}); });
    }

    void preen() {
        const CheckReport& report = outcome_.report;
        const bool to_do = !report.clean() || report.needs_recovery;
        if (!to_do || !can_preen(report) || stopped_before_mending()) return;
        if (auto preened = tools::preen(request_.check, report); !preened) {
            outcome_.failures.push_back(std::move(preened.error()));
            return;
        }
        outcome_.recovered = report.needs_recovery;
        look_behind([](const Finding&) { return false; });
    }

    bool stopped_before_mending() {
        outcome_.report.cancelled = outcome_.report.cancelled || request_.check.stopped();
        return outcome_.report.cancelled;
    }

    /// Looks again. What is found no more was mended; where the second check has no end, what is known to be.
    void look_behind(const IsMended& is_mended) {
        CheckRequest asked = request_.check;
        asked.level = outcome_.level;
        auto after = check_store(io_, asked);
        CheckReport& before = outcome_.report;
        if (!after) outcome_.failures.push_back(std::move(after.error()));
        if (!after || after->cancelled) {
            before.cancelled = before.cancelled || after;
            keep_found(before, [&](const Finding& finding) { return !is_mended(finding); });
            return;
        }
        keep_found(before, [&](const Finding& finding) {
            return std::ranges::any_of(after->seen.findings, [&](const Finding& each) {
                return each.code == finding.code && each.file == finding.file && each.offset == finding.offset;
            });
        });
        // What was mended is told with how bad it was, and what a second look showed.
        after->rebuildable.merge(before.rebuildable);
        after->second_looks.merge(before.second_looks);
        before = std::move(*after);
    }

    /// What is not there any more was corrected.
    template <class IsThere>
    void keep_found(CheckReport& report, const IsThere& is_there) {
        auto& findings = report.seen.findings;
        const auto gone = std::ranges::stable_partition(findings, is_there);
        std::ranges::move(gone, std::back_inserter(outcome_.corrected));
        findings.erase(gone.begin(), gone.end());
    }

    platform::FileIo& io_;
    const MendRequest& request_;
    FsckOutcome outcome_;
};

}  // namespace

Result<FsckOutcome> check_and_mend(platform::FileIo& io, const MendRequest& request) {
    return Mending(io, request).run();
}

}  // namespace zverse::tools
