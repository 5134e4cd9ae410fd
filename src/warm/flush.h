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
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zverse::warm {

class Stripe {
public:
    /// Everything committed with cut < version <= s. Everything <= s is sealed. Not pinned.
    Stripe(hot::Tier& tier, const Views& views, Version s);

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] Version cut() const noexcept { return cut_; }
    /// Records in it, not yet written; about.
    [[nodiscard]] std::uint64_t records_left() const noexcept;
    /// Writes about `bytes` of keys and values; false when that was the last of it. Errors: io, full.
    [[nodiscard]] Result<bool> write(cold::SlabWriter& writer, std::uint64_t bytes);
    /// The segments that were made.
    [[nodiscard]] const std::vector<std::uint64_t>& segments() const noexcept { return segments_; }

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
    [[nodiscard]] Result<void> end_part(cold::SlabWriter& writer, const std::optional<std::string>& range_end);

    hot::Tier& tier_;
    const Version s_;
    Version cut_ = 0;
    std::vector<std::shared_ptr<const Run>> runs_;
    std::vector<RunEntry> tail_;
    std::vector<Source> heap_;
    cold::Record last_{};  ///< that was written
    std::vector<std::uint64_t> segments_;
};

}  // namespace zverse::warm
