#include <warm/merge_choice.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace zverse::warm {

namespace {

using cold::Component;
using cold::Tree;

bool begun(const Component& component) noexcept { return !component.begin().empty(); }

/// Whether `output` is what a merge makes of `input`.
bool replaces(const Component& output, const Component& input) noexcept {
    const cold::SegmentHeader& header = output.parts().back()->header();
    const auto end = header.replaced.begin() + header.replaced_count;
    return std::find(header.replaced.begin(), end, input.id()) != end;
}

/// Whether a version of (after, upto] has a history at the level, or will have one.
bool is_taken(const Tree& tree, std::uint32_t level, Version after, Version upto) {
    return std::ranges::any_of(tree.all(), [&](const auto& component) {
        const bool overlaps = component->slab_after() < upto && after < component->slab_upto();
        const bool may_have = component->kind() == cold::SegmentKind::history || in_the_making(tree, *component);
        return component->level() == level && overlaps && may_have;
    });
}

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

/// Of histories.
MergeChoice history_choice(const Tree& tree, Tree::Components inputs, const MergesRunning& running) {
    MergeChoice choice;
    choice.of_history = true;
    choice.slab_after = inputs.front()->slab_after();
    choice.slab_upto = inputs.front()->slab_upto();
    choice.range_begin = inputs.front()->begin();
    for (const auto& input : inputs) {
        choice.slab_after = std::min(choice.slab_after, input->slab_after());
        choice.slab_upto = std::max(choice.slab_upto, input->slab_upto());
        choice.range_begin = std::min(choice.range_begin, input->begin());
    }
    choice.level = 1;  // of level 0 are those of stripes alone
    while (running.levels.contains(choice.level) || is_taken(tree, choice.level, choice.slab_after, choice.slab_upto)) {
        ++choice.level;
    }
    choice.inputs = std::move(inputs);
    return choice;
}

Tree::Components histories(const Tree& tree) {
    Tree::Components all;
    for (const Tree::Components& level : tree.history()) all.insert(all.end(), level.begin(), level.end());
    return all;
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

namespace {

/// What is left of a merge of histories that ended early, when an output shows it: the output, or null.
std::shared_ptr<const Component> begun_output(const Tree::Components& all, Tree::Components& inputs) {
    for (const auto& output : all) {
        inputs.clear();
        std::ranges::copy_if(all, std::back_inserter(inputs),
                             [&](const auto& input) { return begun(*input) && replaces(*output, *input); });
        const auto same_begin = [&](const auto& input) { return input->begin() == inputs.front()->begin(); };
        if (!inputs.empty() && std::ranges::all_of(inputs, same_begin)) return output;
    }
    return nullptr;
}

/// The smallest ones, as many as are to be merged; see the beginning of the header.
void keep_small(Tree::Components& all) {
    std::ranges::sort(all, {}, [](const auto& each) { return std::pair(each->bytes(), each->id()); });
    std::uint64_t bytes = 0;
    std::size_t small = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i]->bytes() <= 2 * bytes) small = i + 1;
        bytes += all[i]->bytes();
    }
    all.resize(std::min(small, cold::kReplacedMax));
}

}  // namespace

std::optional<MergeChoice> choose_history_merge(const Tree& tree, Version upto, const MergesRunning& running) {
    Tree::Components all = histories(tree), inputs;
    std::erase_if(
        all, [&](const auto& component) { return component->slab_upto() > upto || in_the_making(tree, *component); });
    if (const auto output = begun_output(all, inputs)) {
        MergeChoice choice = history_choice(tree, std::move(inputs), running);
        choice.level = output->level();
        choice.slab_after = output->slab_after();
        choice.slab_upto = output->slab_upto();
        choice.history = output;
        return choice;
    }
    keep_small(all);
    if (all.size() < 2) return std::nullopt;
    return history_choice(tree, std::move(all), running);
}

std::optional<MergeChoice> choose_expired(const Tree& tree, Version floor, std::uint64_t after, std::uint64_t last,
                                          const MergesRunning& running) {
    Tree::Components all = histories(tree);
    std::erase_if(all, [&](const auto& component) {
        // What a slab's history holds was superseded inside it.
        const bool may_expire = component->slab_after() < floor && !in_the_making(tree, *component);
        return !may_expire || component->id() <= after || component->id() > last;
    });
    if (all.empty()) return std::nullopt;
    const auto chosen = *std::ranges::min_element(all, {}, [](const auto& each) { return each->id(); });
    MergeChoice choice = history_choice(tree, {chosen}, running);
    choice.if_expired = true;
    return choice;
}

}  // namespace zverse::warm
