// Orders: see view.h.
#include <warm/view.h>

#include <algorithm>

namespace zverse::warm {

namespace {
constexpr std::size_t kReplacedViewsMax = 64;
}  // namespace

Views::~Views() {
    // relaxed: nobody reads any more.
    delete current_.load(std::memory_order_relaxed);
}

void Views::begin_aging() {
    replaced_bytes_ = 0;
    aging_.swap(replaced_);
    aging_epoch_ = epochs_.begin_grace();
}

void Views::publish(std::unique_ptr<const View> next, std::uint64_t freed) {
    replaced_.emplace_back();  // first: it may need memory, and nothing is replaced without it
    // acq_rel: release publishes the view; acquire is for the old one, which we free later.
    replaced_.back().reset(current_.exchange(next.release(), std::memory_order_acq_rel));
    if (!aging_.empty() && epochs_.passed(aging_epoch_)) aging_.clear();
    replaced_bytes_ += freed;
    const bool many = replaced_.size() >= kReplacedViewsMax || replaced_bytes_ >= kFreedSoon;
    if (aging_.empty() && many) begin_aging();
}

bool Views::free_old_trees() {
    Replaced freed;  // behind the lock: it unmaps and removes files
    const std::scoped_lock lock(publisher_);
    if (!aging_.empty() && epochs_.passed(aging_epoch_)) freed.swap(aging_);
    // relaxed: only a publisher replaces it, and that is us.
    const View& now = *current_.load(std::memory_order_relaxed);
    const auto hold_others = [&](const Replaced& views) {
        return std::ranges::any_of(views, [&](const auto& view) { return view->tree != now.tree; });
    };
    if (hold_others(replaced_)) {
        if (aging_.empty()) begin_aging();
        return false;
    }
    return !hold_others(aging_);
}

}  // namespace zverse::warm
