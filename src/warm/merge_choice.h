// MergeChoice: which merge comes next. Pure: from a tree, and what is being merged, to a decision.
//
// A merge that was interrupted goes first, and goes on where it ended: its inputs answer only for keys behind that
// place, and its parts belong to the same components, so that a slab has one component of a kind at a level. What it
// has made so far is no input of another merge. Else the oldest live components of the lowest level that has enough
// neighbours. Merges of different levels go on side by side, so that a large one holds up no small one.
//
// A level has one history component for a version at most (cold/component.h T1), and a merge writes its history at the
// level of its output: the first one, from that of its inputs up, at which nothing of its slab lies.
//
// Of histories: history_choice.h.
#pragma once

#include <cold/component.h>
#include <cold/slab_writer.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace zverse::warm {

struct MergeChoice {
    cold::Tree::Components inputs;  ///< newest slab first
    std::uint32_t level = 0;  ///< of the output
    Version slab_after = 0, slab_upto = 0;
    std::string range_begin;
    bool compacts = false;  ///< for a compaction
    bool of_history = false;  ///< inputs and output are histories
    bool at_once = false;  ///< its parts count together: the output takes the inputs' place at their own level
    bool if_expired = false;  ///< only when something of it may be forgotten
    bool oldest = false;  ///< no older live component is left: tombstones below the floor cover nothing
    /// The output's components so far; null: none yet.
    std::shared_ptr<const cold::Component> live, history;

    /// Fills in what a plan says about inputs and output. `live_id`, `history_id`: ids for new components.
    void fill(cold::SlabPlan& plan, std::uint64_t live_id, std::uint64_t history_id) const;
};

/// What merges are at work on.
struct MergesRunning {
    std::set<std::uint64_t> inputs;  ///< components
    std::set<std::uint32_t> levels;  ///< of outputs; each has one merge at a time
};

/// Nothing when no level has `fan_in` live components to merge and no merge is unfinished.
[[nodiscard]] std::optional<MergeChoice> choose_merge(const cold::Tree& tree, std::size_t fan_in,
                                                      const MergesRunning& running);
/// All live components of versions <= `upto` into one, on a level of its own; nothing when there is one at most. None
/// of them may be in a merge.
[[nodiscard]] std::optional<MergeChoice> choose_compaction(const cold::Tree& tree, Version upto);
/// Whether a version of (after, upto] has a history at the level, or will have one.
[[nodiscard]] bool is_taken(const cold::Tree& tree, std::uint32_t level, Version after, Version upto);
/// Whether part of what the component holds was merged, and the rest waits for that.
[[nodiscard]] bool begun(const cold::Component& component) noexcept;
/// Whether `output` is what a merge makes of `input`.
[[nodiscard]] bool replaces(const cold::Component& output, const cold::Component& input) noexcept;
/// Whether the component is what an unfinished merge has made so far.
[[nodiscard]] bool in_the_making(const cold::Tree& tree, const cold::Component& component);

}  // namespace zverse::warm
