// Flush: what the hot tier holds up to a version -> the live run and the dead part of a new stripe.
//
// Data flow: the view's runs, and the rings' uncovered tails, sorted here -> merged by (key, version descending) -> a
// slab writer. Nothing is copied on the way: keys and values lie in the rings, whose heads only the caller moves,
// afterwards.
#pragma once

#include <cold/slab_writer.h>
#include <hot/tier.h>
#include <warm/view.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace zverse::warm {

class Stripe {
public:
    /// Everything committed with cut < version <= s. Everything <= s is sealed. Not pinned.
    Stripe(hot::Tier& tier, const Views& views, Version s);

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] Version cut() const noexcept { return cut_; }
    /// Writes all of it; the segments that were made. Errors: io, full.
    [[nodiscard]] Result<std::vector<std::uint64_t>> write(cold::SlabWriter& writer);

private:
    struct Source {
        const RunEntry* next;
        const RunEntry* end;
    };
    void collect_tails(hot::WriterSlot& slot, const View& view);
    void add(std::span<const RunEntry> entries);
    [[nodiscard]] bool skip(Source& source) const noexcept;
    [[nodiscard]] bool before(const Source& a, const Source& b) const noexcept;
    void advance_top() noexcept;

    hot::Tier& tier_;
    const Version s_;
    Version cut_ = 0;
    std::vector<std::shared_ptr<const Run>> runs_;
    std::vector<RunEntry> tail_;
    std::vector<Source> heap_;
};

}  // namespace zverse::warm
