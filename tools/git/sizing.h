// Sizing: how large rings a history needs, and how much of a disk, decided before the first write.
//
// Two steps: measure_history() asks git for every change and every blob's size; plan_rings() is arithmetic. What
// can't fit is refused here, with the size needed, instead of failing with `full` after an hour. Rings hold the largest
// commit, not the history: what settles leaves them for segments.
#pragma once

#include <tools/common/progress.h>
#include <tools/git/commit_reader.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace zverse::tools {

/// An upper bound of what a batch takes in a ring, so that the plan does not depend on the layout of a frame.
class FrameEstimate {
public:
    void add(std::uint64_t key_bytes, std::uint64_t value_bytes) noexcept;
    /// In whole 64-byte lines.
    [[nodiscard]] std::uint64_t bytes() const noexcept;

private:
    std::uint64_t operations_bytes_ = 0;
};

struct HistorySize {
    std::uint64_t commits = 0;
    std::uint64_t puts = 0, erases = 0, submodules = 0;  ///< records, without the commits' own
    std::uint64_t content_bytes = 0;  ///< of keys and values
    std::uint64_t largest_frame_bytes = 0;
    std::size_t largest_commit = 0;  ///< ordinal
    std::string largest_path;  ///< largest value of that commit
    std::uint64_t largest_value_bytes = 0;  ///< its size
};

/// Sizes of `line[first..]`. Errors: what git reports; invalid_argument for a path or a commit beyond the limits
/// of the data model, named.
[[nodiscard]] Result<HistorySize> measure_history(const GitRepository& repository, std::span<const Commit> line,
                                                  std::size_t first, Progress& progress);

struct RingPlan {
    unsigned shards = 0;
    std::uint64_t ring_bytes = 0;
    [[nodiscard]] std::uint64_t bytes() const noexcept { return shards * ring_bytes; }
};

/// Rings for a new store. `asked` members that are 0 are chosen: one shard per core, the smallest rings of which the
/// largest commit takes a quarter. Errors: invalid_argument when a commit does not fit what was asked for, or fits no
/// store; the message names the size needed.
[[nodiscard]] Result<RingPlan> plan_rings(const HistorySize& size, const RingPlan& asked, unsigned cores,
                                          std::span<const Commit> line);

/// Whether every commit fits these rings; invalid_argument as above.
[[nodiscard]] Result<void> check_fits(const HistorySize& size, const RingPlan& rings, std::span<const Commit> line);

/// Whether the file system of `store` (or of its nearest existing parent) has room for new rings and for segments with
/// `content_bytes` of keys and values; full when not.
[[nodiscard]] Result<void> check_medium(const std::filesystem::path& store, const RingPlan& plan,
                                        std::uint64_t content_bytes);

}  // namespace zverse::tools
