// RunBuilder: keeps the runs of the view up with the rings, and few.
//
// Data flow: ring frames between the view's coverage and the oldest live announcement -> entries, sorted -> a new run
// in the next view. Four runs of one size class merge into one of the next, so a record is copied log4(n) times. Small
// steps are done by whoever scans and finds the uncovered tail too long; large ones by the worker. Between blocks it
// gives up its pin and merges what has become mergeable in smaller classes: scans pay for each run they find.
#pragma once

#include <cold/settled.h>
#include <hot/tier.h>
#include <warm/view.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace zverse::warm {

class RunBuilder {
public:
    RunBuilder(hot::Tier& tier, Views& views) noexcept : tier_(tier), views_(views) {}

    /// Bytes of frames that no run covers yet, over all rings. Cheap. Not exact.
    [[nodiscard]] std::uint64_t uncovered_bytes() const;

    /// Covers what is stamped, if at least `least_bytes` are uncovered and nobody else is publishing; then merges
    /// small runs. Any thread. False when nothing was done.
    bool extend(std::uint64_t least_bytes);
    /// Whether merge_step() would find something.
    [[nodiscard]] bool mergeable() const;
    /// Merges the smallest size class that is full, whatever its size; the worker's. False when there is none.
    bool merge_step();

    /// Publishes a view of what is settled now, which is asked for when no other view can come in between: its cut, its
    /// floor and its tree belong together. The runs keep only what is above the cut.
    void show(const std::function<cold::Settled()>& settled_now);

    [[nodiscard]] std::uint64_t merged_entries() const noexcept {
        // relaxed: a figure.
        return merged_entries_.load(std::memory_order_relaxed);
    }

private:
    struct Collected {
        std::vector<RunEntry> entries;
        std::vector<Run::Span> spans;
    };
    using Runs = std::vector<std::shared_ptr<const Run>>;

    void collect(const hot::Ring& ring, std::uint64_t begin, std::uint64_t end, Version cut, Collected& into) const;
    /// The smallest size class below `classes_end` that is full.
    [[nodiscard]] static std::optional<Runs> full_class(const Runs& runs, unsigned classes_end);
    bool merge_class(unsigned classes_end);
    /// `cut` receives the cut that the output is trimmed to. Merges classes below `urgent_end` between its blocks.
    [[nodiscard]] std::shared_ptr<const Run> merge(const Runs& inputs, Version& cut, unsigned urgent_end);
    static void replace(Runs& runs, const Runs& inputs, std::shared_ptr<const Run> output);
    [[nodiscard]] std::uint64_t next_id() noexcept {
        // relaxed: only uniqueness matters.
        return ids_.fetch_add(1, std::memory_order_relaxed);
    }

    hot::Tier& tier_;
    Views& views_;
    std::mutex merge_mutex_;  ///< one large merge at a time
    std::atomic<std::uint64_t> ids_{1};
    std::atomic<std::uint64_t> merged_entries_{0};
};

}  // namespace zverse::warm
