// MergeChoice: which merge comes next. Pure: from a tree to a decision.
//
// A merge that was interrupted goes first, and goes on where it ended: its inputs answer only for keys behind that
// place, and its parts belong to the same components, so that a slab has one component of a kind at a level. Else the
// oldest live components of the lowest level that has enough of them.
#pragma once

#include <cold/component.h>
#include <cold/slab_writer.h>

#include <cstdint>
#include <optional>
#include <string>

namespace zverse::warm {

struct MergeChoice {
    cold::Tree::Components inputs;  ///< newest slab first
    std::uint32_t level = 0;  ///< of the output
    Version slab_after = 0, slab_upto = 0;
    std::string range_begin;
    bool oldest = false;  ///< no older live component is left: tombstones below the floor cover nothing
    /// The output's components so far; null: none yet.
    std::shared_ptr<const cold::Component> live, history;

    /// Fills in what a plan says about inputs and output. `live_id`, `history_id`: ids for new components.
    void fill(cold::SlabPlan& plan, std::uint64_t live_id, std::uint64_t history_id) const;
};

/// Nothing when no level has `fan_in` live components and no merge is unfinished.
[[nodiscard]] std::optional<MergeChoice> choose_merge(const cold::Tree& tree, std::size_t fan_in);

}  // namespace zverse::warm
