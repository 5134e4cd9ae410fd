// ExpiryJob: writes a history component again without what retention allows to forget. All its parts are replaced at
// once, because reads look into one history component of a slab and level.
#pragma once

#include <cold/bulk_reader.h>
#include <cold/slab_writer.h>
#include <warm/job.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace zverse::warm {

class ExpiryJob final : public Job {
public:
    ExpiryJob(const Workplace& workplace, std::shared_ptr<const cold::Component> component);

    /// Ends without a change when nothing is expired, or when the component is gone.
    [[nodiscard]] Result<Progress> step() override;
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return writer_.bytes_written(); }
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept override { return writer_.memory_bytes(); }

private:
    [[nodiscard]] Result<void> copy(std::size_t block);
    [[nodiscard]] Result<void> end_part(const cold::Segment& part);
    [[nodiscard]] Result<Progress> commit();

    const Workplace& at_;
    const std::shared_ptr<const cold::Component> component_;
    cold::SlabWriter writer_;
    std::unique_ptr<cold::BulkReader> reader_;  ///< of the part
    std::size_t part_ = 0, block_ = 0;  ///< what comes next
    std::vector<std::uint64_t> segments_;
    std::string key_;
};

/// A history component with records that may be forgotten, and that no merge goes on with; `after`: those with ids up
/// to it were looked at. Null when there is none.
[[nodiscard]] std::shared_ptr<const cold::Component> choose_expired(const cold::Tree& tree, Version floor,
                                                                    std::uint64_t after);

}  // namespace zverse::warm
