// Order: see flush_job.h; each grace period is begun after what it guards was published.
#include <warm/flush_job.h>

#include <utility>

namespace zverse::warm {

namespace {
constexpr std::uint64_t kStepBytes = std::uint64_t{2} << 20;
}  // namespace

Version Workplace::cut() const {
    const hot::PinGuard pin(tier.epochs(), tier.slots().mine());
    return views.current().cut;
}

void Workplace::show() const {
    runs.show([this] { return cold.settled(); });
}

cold::SlabPlan Workplace::slab_plan() const {
    cold::SlabPlan plan;
    plan.store[0] = cold.uuid()[0];
    plan.store[1] = cold.uuid()[1];
    plan.directory = cold.directory();
    plan.next_id = [tier = &cold] { return tier->next_id(); };
    plan.floor = cold.state()->floor;
    plan.created = wall_clock_nanoseconds();
    plan.kernels = &kernels;
    plan.compression = compression;
    plan.curve = curve;
    if (queries != nullptr) plan.queries = std::make_shared<const cold::QueryMix>(queries->mix());
    plan.curves = curves;
    plan.waiting_bytes = memory.waiting_bytes;
    plan.builder_bytes = memory.builder_bytes;
    return plan;
}

Result<Progress> FlushJob::step() {
    switch (state_) {
        case State::seal: return seal();
        case State::write: return write();
        case State::commit: return commit();
        case State::show: return show();
        case State::bury: return at_.tier.epochs().passed(grace_) ? bury() : Progress::wait;
        case State::free: return at_.tier.epochs().passed(grace_) ? free() : Progress::wait;
    }
    return Progress::done;
}

Result<Progress> FlushJob::seal() {
    if (auto created = at_.cold.create_directory(); !created) return std::unexpected(std::move(created.error()));
    // The view may lag behind the manifest where an earlier job ended without memory: nothing may settle twice.
    if (const Version cut = at_.cold.state()->cut; at_.cut() != cut) at_.show();
    auto sealed = at_.tier.sync_all();
    if (!sealed) return std::unexpected(std::move(sealed.error()));
    cut_ = *sealed;
    state_ = State::commit;
    if (!keep_) return Progress::more;
    stripe_.emplace(at_.tier, at_.views, cut_);
    if (stripe_->empty()) return Progress::more;
    cold::SlabPlan plan = at_.slab_plan();
    plan.live_component = at_.cold.next_id();
    plan.history_component = at_.cold.next_id();
    plan.slab_after = stripe_->cut();
    plan.slab_upto = cut_;
    writer_ = std::make_unique<cold::SlabWriter>(at_.io, std::move(plan));
    state_ = State::write;
    return Progress::more;
}

Result<Progress> FlushJob::write() {
    auto more = stripe_->write(*writer_, kStepBytes);
    if (!more) return std::unexpected(std::move(more.error()));
    if (!*more) state_ = State::commit;
    return Progress::more;
}

Result<Progress> FlushJob::commit() {
    cold::TreeChange change;
    if (writer_ != nullptr) {
        change.segments = stripe_->segments();
        bytes_written_ = writer_->bytes_written();
        settled_bytes_ = stripe_->bytes();
    }
    if (!keep_) {
        for (const auto& component : at_.cold.tree()->all()) change.begins.emplace_back(component->id(), std::nullopt);
    }
    change.cut = cut_;
    at_.add_times(at_.cold.state()->cut, cut_, change.others);
    auto committed = at_.cold.commit(change);
    if (writer_ != nullptr) writer_->keep_parts();
    if (!committed) return std::unexpected(std::move(committed.error()));
    state_ = State::show;
    return Progress::more;
}

Progress FlushJob::show() {
    writer_.reset();
    at_.show();
    grace_ = at_.tier.epochs().begin_grace();
    state_ = State::bury;
    return Progress::more;
}

Progress FlushJob::bury() {
    {
        const hot::PinGuard pin(at_.tier.epochs(), at_.tier.slots().mine());
        ends_ = at_.tier.prefix_ends(cut_);
        for (std::size_t i = 0; i < ends_.size(); ++i) {
            // relaxed: nobody else moves heads.
            const hot::Ring& ring = at_.tier.rings()[static_cast<unsigned>(i)];
            freed_bytes_ += ends_[i] - ring.dead_head.load(std::memory_order_relaxed);
        }
        at_.tier.move_dead_heads(ends_);
        at_.tier.sweep_index();
    }
    stripe_.reset();
    grace_ = at_.tier.epochs().begin_grace();
    state_ = State::free;
    return Progress::more;
}

Result<Progress> FlushJob::free() {
    // Before the space is used again, so that whoever opens the store knows what the manifest must say.
    if (auto noted = at_.note_settled(cut_); !noted) return std::unexpected(std::move(noted.error()));
    if (auto moved = at_.tier.move_free_heads(ends_); !moved) return std::unexpected(std::move(moved.error()));
    return Progress::done;
}

}  // namespace zverse::warm
