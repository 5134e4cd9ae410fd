// From the hot tier to the cold one. Order: seal and sync; write the stripe; manifest; view with the new cut; grace;
// dead heads; grace; free heads. tests/model/handover.pml.
#include <engine/answer.h>
#include <engine/engine.h>

#include <warm/flush.h>
#include <warm/merge_choice.h>
#include <warm/slab_merge.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace zverse::engine {

namespace {

constexpr std::size_t kFanIn = 4;
constexpr std::uint64_t kMergeStepBytes = std::uint64_t{1} << 20;

}  // namespace

std::shared_ptr<const cold::Tree> Engine::settled_tree() const {
    auto tree = cold_->tree();
    return tree->empty() ? nullptr : tree;
}

cold::SlabPlan Engine::slab_plan() {
    cold::SlabPlan plan;
    plan.store[0] = cold_->uuid()[0];
    plan.store[1] = cold_->uuid()[1];
    plan.directory = cold_->directory();
    plan.next_id = [this] { return cold_->next_id(); };
    plan.floor = cold_->state().floor;
    plan.created = wall_clock_nanoseconds();
    plan.kernels = kernels_;
    return plan;
}

/// Publishes what the manifest says, unless the view has it. Where that fails for want of memory the next one makes up
/// for it, before it looks at what to flush: a record must not settle twice.
void Engine::show_settled() {
    const Version cut = cold_->state().cut;
    if (this->cut() != cut) runs_->advance_cut(cut, settled_tree());
}

/// Writes what has settled since the cut as a stripe.
Result<cold::TreeChange> Engine::settle_stripe(Version s) {
    cold::TreeChange change;
    warm::Stripe stripe(*tier_, *views_, s);
    if (stripe.empty()) return change;
    cold::SlabPlan plan = slab_plan();
    plan.live_component = cold_->next_id();
    plan.history_component = cold_->next_id();
    plan.slab_after = stripe.cut();
    plan.slab_upto = s;
    cold::SlabWriter writer(*io_, std::move(plan));
    auto segments = stripe.write(writer);
    if (!segments) return std::unexpected(std::move(segments.error()));
    writer.keep_parts();
    change.segments = std::move(*segments);
    return change;
}

Result<Version> Engine::hand_over(bool keep) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (options_.read_only) return std::unexpected(*tier_->refusal());
    const std::scoped_lock one_at_a_time(flush_mutex_);
    if (auto started = cold_->start_writing(); !started) {
        return std::unexpected(std::move(started.error()).during("flushing"));
    }
    show_settled();
    auto sealed = tier_->sync_all();
    if (!sealed) return std::unexpected(std::move(sealed.error()));
    const Version s = *sealed;
    cold::TreeChange change;
    if (keep) {
        auto settled = settle_stripe(s);
        if (!settled) return std::unexpected(std::move(settled.error()).during("flushing"));
        change = std::move(*settled);
    } else {
        for (const auto& component : cold_->tree()->all()) change.begins.emplace_back(component->id(), std::nullopt);
    }
    change.cut = s;
    for (const auto& [version, nanoseconds] : times_.between(cold_->state().cut, s)) {
        change.others.add_time(version, nanoseconds);
    }
    if (auto committed = cold_->commit(change); !committed) {
        return std::unexpected(std::move(committed.error()).during("flushing"));
    }
    const auto grace = [this] {
        const std::uint64_t epoch = tier_->epochs().begin_grace();
        while (!tier_->epochs().passed(epoch)) std::this_thread::yield();
    };
    show_settled();
    grace();
    const std::vector<std::uint64_t> ends = tier_->prefix_ends(s);
    tier_->move_dead_heads(ends);
    tier_->sweep_index();
    grace();
    if (auto moved = tier_->move_free_heads(ends); !moved) return std::unexpected(std::move(moved.error()));
    return s;
}

/// Merges whatever is due, part by part.
Result<void> Engine::merge_slabs() {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    const std::scoped_lock one_at_a_time(flush_mutex_);
    if (auto started = cold_->start_writing(); !started) return started;
    while (const auto choice = warm::choose_merge(*cold_->tree(), kFanIn)) {
        cold::SlabPlan plan = slab_plan();
        choice->fill(plan, cold_->next_id(), cold_->next_id());
        auto merge = warm::SlabMerge::create(*io_, choice->inputs, std::move(plan));
        if (!merge) return std::unexpected(std::move(merge.error()).during("merging"));
        while (!(*merge)->done()) {
            auto part = (*merge)->step(kMergeStepBytes);
            if (!part) return std::unexpected(std::move(part.error()).during("merging"));
            if (!*part) continue;
            (*merge)->keep_part();
            cold::TreeChange change;
            change.segments = (*part)->segments;
            for (const auto& input : choice->inputs) {
                if (cold_->state().components.contains(input->id())) {
                    change.begins.emplace_back(input->id(), (*part)->range_end);
                }
            }
            if (auto committed = cold_->commit(change); !committed) return committed;
            runs_->replace_tree(settled_tree());
        }
    }
    return {};
}

Result<void> Engine::flush() {
    const hot::WriterSlot* slot = tier_->slots().find_mine();
    if (slot != nullptr && slot->callbacks > 0) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "flush() inside a visit callback"));
    }
    if (auto done = hand_over(true); !done) return std::unexpected(std::move(done.error()));
    return merge_slabs();
}

Result<Version> Engine::drain() { return hand_over(false); }

}  // namespace zverse::engine
