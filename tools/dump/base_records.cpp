#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/dump/base_records.h>

#include <algorithm>

namespace zverse::tools {

/// The smallest places behind the last one, in a heap whose largest gives way when there is no room.
Result<void> BaseRecords::pass() {
    const Place last = places_.empty() ? Place{} : std::move(places_.back());
    places_.clear();
    at_ = 0;
    more_ = false;
    ++passes_;
    auto cursor = store_.scan(keys_, floor_, {.keys_only = true});
    if (!cursor) return pass_on(cursor);
    for (std::uint64_t bytes = 0;;) {
        if (interrupted()) return stopped();
        auto found = cursor->next();
        if (!found) return pass_on(found);
        if (!*found) break;
        Place place{cursor->entry().version, std::string(cursor->entry().key)};
        if (place <= last) continue;
        if (more_ && place > places_.front()) continue;
        bytes += place.bytes();
        places_.push_back(std::move(place));
        std::ranges::push_heap(places_);
        while (bytes > bytes_max_ && places_.size() > 1) {
            std::ranges::pop_heap(places_);
            bytes -= places_.back().bytes();
            places_.pop_back();
            more_ = true;
        }
    }
    std::ranges::sort_heap(places_);
    return {};
}

Result<bool> BaseRecords::next() {
    if (at_ + 1 < places_.size()) {
        ++at_;
        return true;
    }
    if (!more_) return false;
    if (auto passed = pass(); !passed) return pass_on(passed);
    return !places_.empty();
}

}  // namespace zverse::tools
