// Orders: see view.h.
#include <warm/view.h>

namespace zverse::warm {

namespace {
constexpr std::size_t kReplacedViewsMax = 64;
constexpr std::uint64_t kReplacedBytesMax = 1 << 20;
}  // namespace

Views::~Views() {
    // relaxed: nobody reads any more.
    delete current_.load(std::memory_order_relaxed);
}

void Views::publish(std::unique_ptr<const View> next, std::uint64_t freed) {
    replaced_.emplace_back();  // first: it may need memory, and nothing is replaced without it
    // acq_rel: release publishes the view; acquire is for the old one, which we free later.
    replaced_.back().reset(current_.exchange(next.release(), std::memory_order_acq_rel));
    if (!aging_.empty() && epochs_.passed(aging_epoch_)) aging_.clear();
    replaced_bytes_ += freed;
    const bool many = replaced_.size() >= kReplacedViewsMax || replaced_bytes_ >= kReplacedBytesMax;
    if (aging_.empty() && many) {
        replaced_bytes_ = 0;
        aging_.swap(replaced_);
        aging_epoch_ = epochs_.begin_grace();
    }
}

}  // namespace zverse::warm
