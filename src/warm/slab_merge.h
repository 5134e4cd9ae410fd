// SlabMerge: neighbouring live components of one level -> a live and a history component of the next, part by part.
//
// Only live components are read: what was superseded before is never touched again. Of each key the newest record stays
// live, and each older one is superseded by the one above it. Memory is bounded by what SlabWriter lets wait and one
// block of each input. After each part the caller publishes it, and the inputs no longer answer for its keys.
#pragma once

#include <cold/slab_writer.h>
#include <cold/tree_scan.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::warm {

class SlabMerge {
public:
    /// `inputs`: newest slab first; they begin where the plan does.
    [[nodiscard]] static Result<std::unique_ptr<SlabMerge>> create(platform::FileIo& io, cold::Tree::Components inputs,
                                                                   cold::SlabPlan plan);

    /// Merges about `bytes` of keys and values; the part, when one ended. Errors: corrupt, io, full.
    [[nodiscard]] Result<std::optional<cold::SlabPart>> step(std::uint64_t bytes);
    /// The part that step() returned is about to be committed.
    void keep_part() noexcept { writer_.keep_parts(); }
    [[nodiscard]] std::uint64_t bytes_written() const noexcept { return writer_.bytes_written(); }
    /// Whether the last part ended.
    [[nodiscard]] bool done() const noexcept { return done_; }

private:
    SlabMerge(platform::FileIo& io, cold::Tree::Components inputs, cold::SlabPlan plan)
        : inputs_(std::move(inputs)), writer_(io, std::move(plan)) {}
    [[nodiscard]] bool before(std::size_t a, std::size_t b) const noexcept;
    [[nodiscard]] Result<void> take_key(std::uint64_t& bytes);

    cold::Tree::Components inputs_;
    cold::SlabWriter writer_;
    std::vector<std::unique_ptr<cold::ComponentCursor>> cursors_;
    std::vector<std::size_t> heap_;  ///< of cursors_, by (key, newest slab first)
    std::string key_;
    bool done_ = false;
};

}  // namespace zverse::warm
