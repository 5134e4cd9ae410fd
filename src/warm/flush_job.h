// FlushJob: everything up to a version leaves the hot tier for a new stripe of the cold one, step by step.
//
//   seal     s = seal and sync: every version <= s is installed, final and durable
//   write    the stripe, a few megabytes a step
//   commit   manifest: the cut is s
//   show     a view with that cut; what rings still hold of it is ignored from here on
//   (grace)  every reader of an older view has left
//   bury     dead heads: index entries below them are dead, their places are swept
//   (grace)  every reader that came by such an entry has left
//   free     the superblock: the cut is s; heads, persisted; then the space is writers' again
//
// tests/model/handover.pml. A crash before `commit` leaves files that the next open removes; one after it leaves frames
// that recovery ignores, because they are at or below the cut.
#pragma once

#include <warm/flush.h>
#include <warm/job.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace zverse::warm {

class FlushJob final : public Job {
public:
    /// `keep`: what settles goes into the cold tier; else it is forgotten, and all that settled before.
    FlushJob(const Workplace& workplace, bool keep) : at_(workplace), keep_(keep) {}

    [[nodiscard]] Result<Progress> step() override;
    [[nodiscard]] bool committed() const noexcept override { return state_ >= State::show; }
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return bytes_written_; }
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept override {
        return writer_ != nullptr ? writer_->memory_bytes() : 0;
    }
    /// Of keys and values.
    [[nodiscard]] std::uint64_t settled_bytes() const noexcept { return settled_bytes_; }
    /// Of the rings, once it is done.
    [[nodiscard]] std::uint64_t freed_bytes() const noexcept { return freed_bytes_; }

private:
    enum class State : std::uint8_t { seal, write, commit, show, bury, free };
    [[nodiscard]] Result<Progress> seal();
    [[nodiscard]] Result<Progress> write();
    [[nodiscard]] Result<Progress> commit();
    [[nodiscard]] Progress show();
    [[nodiscard]] Progress bury();
    [[nodiscard]] Result<Progress> free();

    const Workplace& at_;
    const bool keep_;
    State state_ = State::seal;
    Version cut_ = 0;
    std::optional<Stripe> stripe_;
    std::unique_ptr<cold::SlabWriter> writer_;
    std::uint64_t grace_ = 0;
    std::vector<std::uint64_t> ends_;  ///< per ring: where the heads go
    std::uint64_t bytes_written_ = 0, settled_bytes_ = 0, freed_bytes_ = 0;
};

}  // namespace zverse::warm
