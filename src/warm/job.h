// Job: work that workers do step by step; and what it needs of the store around it.
#pragma once

#include <cold/cold_tier.h>
#include <hot/tier.h>
#include <platform/file_io.h>
#include <platform/kernels.h>
#include <warm/run_builder.h>
#include <warm/view.h>
#include <zverse/error.h>

#include <cstdint>
#include <functional>

namespace zverse::warm {

/// What one job may take. Beside it: the buffers of a stream, and the largest value.
struct JobMemory {
    std::uint64_t waiting_bytes = std::uint64_t{32} << 20;  ///< see SlabPlan
    std::uint64_t builder_bytes = std::uint64_t{32} << 20;  ///< see SlabPlan
    std::uint64_t read_bytes = std::uint64_t{1} << 20;  ///< for pieces of all inputs
};

/// What jobs work on. All of it outlives them.
struct Workplace {
    hot::Tier& tier;
    Views& views;
    RunBuilder& runs;
    cold::ColdTier& cold;
    platform::FileIo& io;
    const platform::Kernels& kernels;
    Compression compression = Compression::none;  ///< of what is written from now on
    cold::CurvePolicy curve{};  ///< the same
    cold::QueryCounts* queries = nullptr;  ///< what histories are asked; may be null
    cold::CurveLog* curves = nullptr;  ///< what was chosen for it; may be null
    JobMemory memory{};
    /// Adds the times of versions in (after, upto] to an edit.
    std::function<void(Version after, Version upto, cold::Edit& edit)> add_times;
    std::function<std::int64_t()> wall_clock_nanoseconds;
    /// The floor that the policy of retention asks for; 0: none. At most the cut.
    std::function<Version()> wanted_floor;
    /// Asks the pins: the floor that is reached.
    std::function<Version(Version)> raise_floor;
    /// Remembers apart from the manifest that everything up to a version has settled; on return that survives power
    /// loss.
    std::function<Result<void>(Version)> note_settled;

    [[nodiscard]] Version cut() const;
    /// Publishes what is settled now.
    void show() const;
    [[nodiscard]] cold::SlabPlan slab_plan() const;
};

/// How far a step got.
enum class Progress : std::uint8_t {
    more,  ///< there is a next step
    wait,  ///< there is, once readers have left
    done,
};

/// One thread at a time.
class Job {
public:
    virtual ~Job() = default;
    /// A step of some milliseconds. After an error the job is over and leaves nothing behind, unless it says
    /// committed().
    [[nodiscard]] virtual Result<Progress> step() = 0;
    /// What it changed counts, and the rest must be done whatever happens: a failed step is tried again. Without
    /// space or memory that may take long, so there the job ends, and the next one of its kind does the rest.
    [[nodiscard]] virtual bool committed() const noexcept { return false; }
    /// Written to files so far.
    [[nodiscard]] virtual std::uint64_t bytes_written() const noexcept = 0;
    /// What it holds between two steps, about.
    [[nodiscard]] virtual std::uint64_t memory_bytes() const noexcept { return 0; }
};

}  // namespace zverse::warm
