#include <warm/history_merge.h>
#include <warm/merge_job.h>
#include <warm/slab_merge.h>

#include <utility>

namespace zverse::warm {

namespace {
constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;
}  // namespace

Result<std::unique_ptr<PartMerge>> MergeJob::create() {
    cold::SlabPlan plan = at_.slab_plan();
    choice_.fill(plan, at_.cold.next_id(), at_.cold.next_id());
    if (choice_.of_history) {
        return std::make_unique<HistoryMerge>(at_.io, choice_.inputs, std::move(plan), choice_.if_expired);
    }
    return SlabMerge::create(at_.io, choice_.inputs, std::move(plan), at_.memory.read_bytes);
}

Result<Progress> MergeJob::step() {
    if (merge_ == nullptr) {
        auto merge = create();
        if (!merge) return std::unexpected(std::move(merge.error()));
        merge_ = std::move(*merge);
        left_ = choice_.inputs;
    }
    auto part = merge_->step(kStepBytes);
    if (!part) return std::unexpected(std::move(part.error()));
    bytes_written_ = merge_->bytes_written();
    if (*part && !choice_.at_once) return commit(**part);
    if (*part) gathered_.segments.insert(gathered_.segments.end(), (*part)->segments.begin(), (*part)->segments.end());
    if (!merge_->done()) return Progress::more;
    return choice_.at_once ? commit(gathered_) : Progress::done;
}

void MergeJob::forget_gone_inputs() {
    const auto state = at_.cold.state();
    std::erase_if(left_, [&](const auto& input) { return !state->components.contains(input->id()); });
}

Result<Progress> MergeJob::commit(const cold::SlabPart& part) {
    for (;;) {
        forget_gone_inputs();
        if (left_.empty()) return Progress::done;
        cold::TreeChange change;
        change.segments = part.segments;
        for (const auto& input : left_) {
            // Of histories some may begin behind the part.
            const bool taken = !part.range_end || *part.range_end > input->begin();
            if (taken) change.begins.emplace_back(input->id(), part.range_end);
        }
        auto committed = at_.cold.commit(change);
        if (!committed && committed.error().code() == ErrorCode::not_found) continue;
        merge_->keep_part();
        if (!committed) return std::unexpected(std::move(committed.error()));
        break;
    }
    forget_gone_inputs();
    at_.show();
    return merge_->done() ? Progress::done : Progress::more;
}

}  // namespace zverse::warm
