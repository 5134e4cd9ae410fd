#include <engine/check_options.h>
#include <engine/memory_plan.h>

#include <cold/block_cache.h>
#include <cold/bulk_reader.h>

#include <algorithm>
#include <bit>
#include <optional>

namespace zverse::engine {

namespace {

constexpr std::uint64_t kKiB = std::uint64_t{1} << 10, kMiB = kKiB << 10;
constexpr std::uint64_t kBudgetMin = 16 * kMiB, kBudgetStep = 64 * kKiB;
constexpr std::uint64_t kJobsMin = 3, kJobsMax = 17;  ///< a flush and its merges
constexpr std::uint64_t kHalfMin = 128 * kKiB, kHalfGood = 8 * kMiB, kHalfMax = 32 * kMiB;  ///< of W and B
constexpr std::uint64_t kStreamBytes = 2 * kMiB, kJobOverhead = 256 * kKiB;
constexpr std::uint64_t kScrubOverhead = kMiB + 256 * kKiB;
constexpr std::uint64_t kInputsUsual = 4;
constexpr std::uint64_t kCursors = 4, kPlaceBytes = 64;
constexpr std::uint64_t kLargeBudget = 128 * kMiB;  ///< from here on pieces are large

/// W and B of so many jobs that share `bytes` with the scrub; nothing when there is too little.
std::optional<std::uint64_t> half_of_job(std::uint64_t bytes, std::uint64_t jobs, std::uint64_t fixed) {
    const std::uint64_t taken = jobs * fixed + kScrubOverhead;
    if (bytes < taken) return std::nullopt;
    // The scrub has as much as one of the halves.
    const std::uint64_t half = (bytes - taken) / (2 * jobs + 1);
    if (half < kHalfMin) return std::nullopt;
    return std::min(half, kHalfMax);
}

std::uint64_t largest_value(const MemoryNeeds& needs) noexcept {
    const std::uint64_t of_ring = needs.ring_bytes / 4;
    return needs.value_bytes_max != 0 ? std::min(needs.value_bytes_max, of_ring) : of_ring;
}

bool plan_moves(std::uint64_t bytes, std::uint64_t budget, const MemoryNeeds& needs, MemoryPlan& plan) {
    const std::uint64_t piece = budget >= kLargeBudget ? std::uint64_t{cold::BulkReader::kPieceBytesUsual} : 64 * kKiB;
    const std::uint64_t fixed = kStreamBytes + kInputsUsual * piece + largest_value(needs) + kJobOverhead;
    std::uint64_t jobs = kJobsMax;
    auto half = half_of_job(bytes, jobs, fixed);
    while (jobs > kJobsMin && (!half || *half < kHalfGood)) half = half_of_job(bytes, --jobs, fixed);
    if (!half) return false;
    plan.merges_max = jobs - 1;
    plan.job = {.waiting_bytes = *half, .builder_bytes = *half, .read_bytes = kInputsUsual * piece};
    plan.parts[MemoryPlan::kMoves].bytes = jobs * (fixed + 2 * *half);
    plan.parts[MemoryPlan::kScrub].bytes = *half + kScrubOverhead;
    return true;
}

std::optional<MemoryPlan> plan_for(std::uint64_t budget, const MemoryNeeds& needs) {
    const std::uint64_t rings = needs.ring_bytes * needs.shards;
    MemoryPlan plan;
    plan.parts = {{{"index", 0},
                   {"runs", 0},
                   {"cache", 0},
                   {"cursors", 0},
                   {"settled", 0},
                   {"moves", 0},
                   {"scrub", 0},
                   {"spare", 0}}};
    plan.index_table_bytes = std::bit_floor(std::min(rings, budget) / 8);
    plan.cursor_batch_bytes = std::clamp(budget / 256, 64 * kKiB, kMiB);
    plan.changes_places = std::clamp<std::uint64_t>(budget / 8192, kKiB, 64 * kKiB);
    plan.changes_sort_bytes = std::clamp(budget / 128, 128 * kKiB, 16 * kMiB);
    plan.parts[MemoryPlan::kIndex].bytes = plan.index_table_bytes + plan.index_table_bytes / 2;
    plan.parts[MemoryPlan::kRuns].bytes = rings / 64 * 33;
    plan.parts[MemoryPlan::kCache].bytes = std::min(cold::BlockCache::kBytesUsual, budget / 16);
    plan.parts[MemoryPlan::kCursors].bytes =
        kCursors * (plan.cursor_batch_bytes + std::max(plan.changes_places * kPlaceBytes, plan.changes_sort_bytes));
    plan.parts[MemoryPlan::kSettled].bytes = budget / 32;
    plan.parts[MemoryPlan::kSpare].bytes = budget / 8;
    const std::uint64_t so_far = plan.total();
    if (so_far > budget) return std::nullopt;
    if (needs.writes && !plan_moves(budget - so_far, budget, needs, plan)) return std::nullopt;
    return plan;
}

/// Between powers of two shares grow slower than the budget; at one the index and the pieces may leap. Who can't use
/// what is given beyond a power of two gets the plan of what is below it, so that what is enough stays enough.
std::optional<MemoryPlan> best_plan(std::uint64_t budget, const MemoryNeeds& needs) {
    for (std::uint64_t used = budget; used >= kBudgetMin; used = std::bit_floor(used) - 1) {
        auto plan = plan_for(used, needs);
        if (!plan) continue;
        plan->parts[MemoryPlan::kSpare].bytes += budget - used;
        return plan;
    }
    return std::nullopt;
}

}  // namespace

std::uint64_t memory_needed(const MemoryNeeds& needs) {
    std::uint64_t high = kBudgetMin;
    while (!best_plan(high, needs)) high *= 2;
    std::uint64_t low = std::max(kBudgetMin, high / 2);
    while (high - low > kBudgetStep) {
        const std::uint64_t middle = low + (high - low) / 2;
        (best_plan(middle, needs) ? high : low) = middle;
    }
    return best_plan(low, needs) ? low : high;
}

Result<MemoryPlan> plan_memory(std::uint64_t bytes, const MemoryNeeds& needs) {
    if (auto plan = best_plan(bytes, needs)) return *plan;
    return std::unexpected(bad_option("memory_bytes_max is " + std::to_string(bytes) + "; " +
                                      std::to_string(needs.shards) + " rings of " + std::to_string(needs.ring_bytes) +
                                      " bytes and the largest value of " + std::to_string(largest_value(needs)) +
                                      " need at least " + std::to_string(memory_needed(needs))));
}

}  // namespace zverse::engine
