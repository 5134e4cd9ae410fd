// RetentionJob: moves the floor as far as policy and pins allow, and lets go of components that hold nothing else than
// what may be forgotten. One step.
//
// Order: the pins are asked first (engine/version_pins.h), then the floor is durable in the manifest together with what
// it removes, then a view shows both; files go when the last view that has them does.
#pragma once

#include <warm/job.h>

namespace zverse::warm {

class RetentionJob final : public Job {
public:
    /// `wanted`: the floor that the policy asks for.
    RetentionJob(const Workplace& workplace, Version wanted) : at_(workplace), wanted_(wanted) {}

    [[nodiscard]] Result<Progress> step() override;
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return 0; }

private:
    const Workplace& at_;
    const Version wanted_;
};

}  // namespace zverse::warm
