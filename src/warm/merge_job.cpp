#include <warm/merge_job.h>

#include <utility>

namespace zverse::warm {

namespace {
constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;
}  // namespace

Result<Progress> MergeJob::step() {
    if (merge_ == nullptr) {
        if (auto started = at_.cold.start_writing(); !started) return std::unexpected(std::move(started.error()));
        cold::SlabPlan plan = at_.slab_plan();
        choice_.fill(plan, at_.cold.next_id(), at_.cold.next_id());
        auto merge = SlabMerge::create(at_.io, choice_.inputs, std::move(plan), at_.memory.read_bytes);
        if (!merge) return std::unexpected(std::move(merge.error()));
        merge_ = std::move(*merge);
        for (const auto& input : choice_.inputs) left_.push_back(input->id());
    }
    auto part = merge_->step(kStepBytes);
    if (!part) return std::unexpected(std::move(part.error()));
    bytes_written_ = merge_->bytes_written();
    return *part ? commit(**part) : Progress::more;
}

Result<Progress> MergeJob::commit(const cold::SlabPart& part) {
    merge_->keep_part();
    cold::TreeChange change;
    change.segments = part.segments;
    for (const std::uint64_t input : left_) change.begins.emplace_back(input, part.range_end);
    if (auto committed = at_.cold.commit(change); !committed) {
        if (committed.error().code() == ErrorCode::not_found) return Progress::done;
        return std::unexpected(std::move(committed.error()));
    }
    const auto state = at_.cold.state();
    std::erase_if(left_, [&](std::uint64_t input) { return !state->components.contains(input); });
    at_.show();
    return merge_->done() ? Progress::done : Progress::more;
}

}  // namespace zverse::warm
