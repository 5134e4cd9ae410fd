#include <warm/merge_choice.h>

#include <algorithm>
#include <utility>

namespace zverse::warm {

namespace {

using cold::Component;
using cold::Tree;

std::uint32_t highest_level(const Tree::Components& components) noexcept {
    std::uint32_t level = 0;
    for (const auto& component : components) level = std::max(level, component->level());
    return level;
}

/// Of live components, `level` or the first one above it that is free.
MergeChoice choice_of(const Tree& tree, Tree::Components inputs, std::uint32_t level) {
    MergeChoice choice;
    choice.slab_after = inputs.back()->slab_after();
    choice.slab_upto = inputs.front()->slab_upto();
    choice.level = level;
    while (is_taken(tree, choice.level, choice.slab_after, choice.slab_upto)) ++choice.level;
    choice.oldest = inputs.back() == tree.live().back();
    choice.range_begin = inputs.front()->begin();
    choice.inputs = std::move(inputs);
    return choice;
}

/// The output of an unfinished merge: its slab is larger than that of the inputs left when some had no more keys.
void find_output(const Tree& tree, MergeChoice& choice) {
    for (const auto& component : tree.all()) {
        if (!replaces(*component, *choice.inputs.front())) continue;
        choice.level = component->level();
        choice.slab_after = component->slab_after();
        choice.slab_upto = component->slab_upto();
        (component->kind() == cold::SegmentKind::live ? choice.live : choice.history) = component;
    }
    // The output itself is older than none of its inputs.
    choice.oldest = std::ranges::all_of(
        tree.live(), [&](const auto& component) { return component->slab_after() >= choice.slab_after; });
}

/// The inputs of the newest merge that has begun and that nobody goes on with. They stand at the same key, and one
/// output replaces all of them, or none was needed so far.
Tree::Components unfinished(const Tree& tree, const MergesRunning& running) {
    Tree::Components found;
    const auto same_merge = [&](const Component& a, const Component& b) {
        if (a.begin() != b.begin()) return false;
        const Tree::Components all = tree.all();
        return std::ranges::all_of(all,
                                   [&](const auto& output) { return replaces(*output, a) == replaces(*output, b); });
    };
    for (const auto& component : tree.live()) {
        if (!begun(*component) || running.inputs.contains(component->id())) continue;
        if (found.empty() || same_merge(*found.front(), *component)) found.push_back(component);
    }
    return found;
}

/// The oldest `fan_in` neighbours of a level; fewer when there are not enough.
Tree::Components neighbours(const Tree& tree, std::uint32_t level, std::size_t fan_in, const MergesRunning& running) {
    Tree::Components found;
    for (auto each = tree.live().rbegin(); each != tree.live().rend() && found.size() < fan_in; ++each) {
        const Component& component = **each;
        if (component.level() == level && !begun(component) && !running.inputs.contains(component.id()) &&
            !in_the_making(tree, component)) {
            found.push_back(*each);
        } else {
            found.clear();
        }
    }
    std::ranges::reverse(found);
    return found;
}

}  // namespace

bool begun(const Component& component) noexcept { return !component.begin().empty(); }

bool replaces(const Component& output, const Component& input) noexcept {
    const cold::SegmentHeader& header = output.parts().back()->header();
    const auto end = header.replaced.begin() + header.replaced_count;
    return std::find(header.replaced.begin(), end, input.id()) != end;
}

bool is_taken(const Tree& tree, std::uint32_t level, Version after, Version upto) {
    return std::ranges::any_of(tree.all(), [&](const auto& component) {
        const bool overlaps = component->slab_after() < upto && after < component->slab_upto();
        const bool may_have = component->kind() == cold::SegmentKind::history || in_the_making(tree, *component);
        return component->level() == level && overlaps && may_have;
    });
}

bool in_the_making(const Tree& tree, const Component& component) {
    return std::ranges::any_of(tree.live(),
                               [&](const auto& input) { return begun(*input) && replaces(component, *input); });
}

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

std::optional<MergeChoice> choose_merge(const Tree& tree, std::size_t fan_in, const MergesRunning& running) {
    if (Tree::Components inputs = unfinished(tree, running); !inputs.empty()) {
        const std::uint32_t level = highest_level(inputs) + 1;
        MergeChoice choice = choice_of(tree, std::move(inputs), level);
        find_output(tree, choice);
        if (!running.levels.contains(choice.level)) return choice;
    }
    for (std::uint32_t level = 0, highest = highest_level(tree.live()); level <= highest; ++level) {
        Tree::Components inputs = neighbours(tree, level, fan_in, running);
        if (inputs.size() != fan_in) continue;
        MergeChoice choice = choice_of(tree, std::move(inputs), level + 1);
        if (!running.levels.contains(choice.level)) return choice;
    }
    return std::nullopt;
}

std::optional<MergeChoice> choose_compaction(const Tree& tree, Version upto) {
    Tree::Components inputs = tree.live();
    std::erase_if(inputs, [upto](const auto& component) { return component->slab_upto() > upto; });
    if (inputs.size() < 2) return std::nullopt;
    // As many as a segment's header can name; the rest is left to a second round.
    if (inputs.size() > cold::kReplacedMax) {
        inputs.erase(inputs.begin(), inputs.end() - static_cast<std::ptrdiff_t>(cold::kReplacedMax));
    }
    // As high as the largest one, so that it is not merged again with a few small ones.
    const std::uint32_t level = std::max(highest_level(inputs), 1U);
    MergeChoice choice = choice_of(tree, std::move(inputs), level);
    choice.compacts = true;
    return choice;
}

}  // namespace zverse::warm
