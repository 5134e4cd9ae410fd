#include <warm/merge_choice.h>

#include <algorithm>
#include <utility>

namespace zverse::warm {

namespace {

using cold::Tree;

/// The live components of one level, newest first; they are neighbours.
Tree::Components at_level(const Tree& tree, std::uint32_t level) {
    Tree::Components found;
    for (const auto& component : tree.live()) {
        if (component->level() == level) found.push_back(component);
    }
    return found;
}

/// Inputs that a merge has begun to replace.
Tree::Components unfinished(const Tree& tree) {
    Tree::Components found;
    for (const auto& component : tree.live()) {
        if (!component->begin().empty()) found.push_back(component);
    }
    return found;
}

MergeChoice choice_of(const Tree& tree, Tree::Components inputs) {
    MergeChoice choice;
    choice.level = inputs.front()->level() + 1;
    choice.slab_after = inputs.back()->slab_after();
    choice.slab_upto = inputs.front()->slab_upto();
    choice.oldest = inputs.back() == tree.live().back();
    choice.range_begin = inputs.front()->begin();
    choice.inputs = std::move(inputs);
    return choice;
}

/// The output of an unfinished merge: its slab is larger than that of the inputs left when some had no more keys.
void find_output(const Tree& tree, MergeChoice& choice) {
    for (const auto& component : tree.all()) {
        if (component->level() != choice.level || component->slab_after() > choice.inputs.back()->slab_after() ||
            component->slab_upto() < choice.inputs.front()->slab_upto()) {
            continue;
        }
        choice.slab_after = component->slab_after();
        choice.slab_upto = component->slab_upto();
        (component->kind() == cold::SegmentKind::live ? choice.live : choice.history) = component;
    }
    // The output itself is older than none of its inputs.
    choice.oldest = std::ranges::all_of(
        tree.live(), [&](const auto& component) { return component->slab_after() >= choice.slab_after; });
}

}  // namespace

void MergeChoice::fill(cold::SlabPlan& plan, std::uint64_t live_id, std::uint64_t history_id) const {
    plan.level = level;
    plan.slab_after = slab_after;
    plan.slab_upto = slab_upto;
    plan.range_begin = range_begin;
    plan.drop_tombstones = oldest;
    for (const auto& input : inputs) plan.replaced.push_back(input->id());
    plan.live_component = live ? live->id() : live_id;
    plan.live_part = live ? live->parts().back()->header().part + 1 : 0;
    plan.history_component = history ? history->id() : history_id;
    plan.history_part = history ? history->parts().back()->header().part + 1 : 0;
}

std::optional<MergeChoice> choose_merge(const Tree& tree, std::size_t fan_in) {
    if (Tree::Components inputs = unfinished(tree); !inputs.empty()) {
        MergeChoice choice = choice_of(tree, std::move(inputs));
        find_output(tree, choice);
        return choice;
    }
    std::uint32_t levels = 0;
    for (const auto& component : tree.live()) levels = std::max(levels, component->level() + 1);
    for (std::uint32_t level = 0; level < levels; ++level) {
        Tree::Components inputs = at_level(tree, level);
        if (inputs.size() < fan_in) continue;
        inputs.erase(inputs.begin(), inputs.end() - static_cast<std::ptrdiff_t>(fan_in));
        return choice_of(tree, std::move(inputs));
    }
    return std::nullopt;
}

}  // namespace zverse::warm
