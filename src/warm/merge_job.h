// MergeJob: one merge, of live components or of histories, part by part; each part counts as soon as it is written.
// Where the choice says so, all of them count together, when the last one is.
//
// An interrupted merge goes on from the manifest: see merge_choice.h.
#pragma once

#include <warm/job.h>
#include <warm/merge_choice.h>
#include <warm/part_merge.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace zverse::warm {

class MergeJob final : public Job {
public:
    MergeJob(const Workplace& workplace, MergeChoice choice) : at_(workplace), choice_(std::move(choice)) {}

    /// Ends early, and quietly, when its inputs are gone: retention removes histories that nobody needs any more.
    [[nodiscard]] Result<Progress> step() override;
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return bytes_written_; }
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept override {
        return merge_ != nullptr ? merge_->memory_bytes() : 0;
    }

private:
    [[nodiscard]] Result<std::unique_ptr<PartMerge>> create();
    [[nodiscard]] Result<Progress> commit(const cold::SlabPart& part);
    void forget_gone_inputs();

    const Workplace& at_;
    MergeChoice choice_;
    std::unique_ptr<PartMerge> merge_;
    cold::Tree::Components left_;  ///< inputs that still answer for keys
    cold::SlabPart gathered_;  ///< parts that are to count together
    std::uint64_t bytes_written_ = 0;
};

}  // namespace zverse::warm
