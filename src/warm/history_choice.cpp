#include <warm/history_choice.h>
#include <warm/history_merge.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace zverse::warm {

namespace {

using cold::Component;
using cold::Tree;

/// Of histories, to the first free level.
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

/// Histories of a level in the order of slabs. Null: not to be packed, and nothing on both sides of it together.
Tree::Components packable(const Tree& tree, std::uint32_t level, double most) {
    const Tree::Components all = tree.all();
    Tree::Components found, unfinished;
    for (const auto& component : all) {
        const bool may_be_one = component->kind() == cold::SegmentKind::history || in_the_making(tree, *component);
        if (component->level() == level && may_be_one) found.push_back(component);
        if (begun(*component)) unfinished.push_back(component);
    }
    std::ranges::sort(found, {}, [](const auto& each) { return each->slab_after(); });
    for (auto& each : found) {
        const auto output_of = [&](const auto& input) { return replaces(*each, *input); };
        const auto replaces_it = [&](const auto& output) { return replaces(*output, *each); };
        const bool in_merge =
            std::ranges::any_of(unfinished, output_of) || (begun(*each) && std::ranges::any_of(all, replaces_it));
        if (in_merge || waiting_bytes(*each) > most) each = nullptr;
    }
    return found;
}

/// The first of them that are to be packed; none when they are too few, or one of them is nearly all.
Tree::Components pack_from(std::span<const std::shared_ptr<const Component>> level, double memory, std::size_t enough) {
    double bytes = 0, largest = 0;
    Tree::Components pack;
    for (const auto& each : level) {
        if (each == nullptr || pack.size() == cold::kReplacedMax || bytes + waiting_bytes(*each) > memory) break;
        bytes += waiting_bytes(*each);
        largest = std::max(largest, waiting_bytes(*each));
        pack.push_back(each);
    }
    const bool pays = pack.size() >= enough || bytes > memory / 2;
    if (!pays || bytes < 2 * largest) pack.clear();
    return pack;
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
        choice.compacts = true;
        return choice;
    }
    keep_small(all);
    if (all.size() < 2) return std::nullopt;
    MergeChoice choice = history_choice(tree, std::move(all), running);
    choice.compacts = true;
    return choice;
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
    choice.if_expired = choice.compacts = true;
    return choice;
}

std::optional<MergeChoice> choose_pack(const Tree& tree, std::uint64_t memory_bytes, const MergesRunning& running,
                                       std::size_t enough) {
    const auto memory = static_cast<double>(memory_bytes);
    for (const Tree::Components& histories_of_level : tree.history()) {
        const std::uint32_t level = histories_of_level.front()->level();
        if (running.levels.contains(level)) continue;
        const Tree::Components all = packable(tree, level, memory / 4);
        for (std::size_t first = 0; first + 1 < all.size(); ++first) {
            Tree::Components inputs = pack_from(std::span(all).subspan(first), memory, enough);
            if (inputs.empty()) continue;
            MergeChoice choice = history_choice(tree, std::move(inputs), running);
            choice.level = level;
            choice.at_once = true;
            return choice;
        }
    }
    return std::nullopt;
}

}  // namespace zverse::warm
