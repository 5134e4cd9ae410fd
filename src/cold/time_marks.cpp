// Invariants: see time_marks.h.
#include <cold/time_marks.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

namespace {

constexpr std::size_t kRecent = 512;
constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

std::vector<TimeMarks::Mark> TimeMarks::all() const {
    std::vector<Mark> marks;
    marks.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) marks.push_back((*this)[i]);
    return marks;
}

void TimeMarks::settle(std::vector<Mark> marks) {
    settled_ = std::make_shared<const std::vector<Mark>>(std::move(marks));
    begin_ = 0;
    recent_.clear();
}

void TimeMarks::add(Version version, std::int64_t nanoseconds) {
    if (empty() || version > back().version) {
        recent_.push_back({version, nanoseconds});
        // A share of all, so that each mark is copied some times and not once for every few others.
        if (recent_.size() >= std::max(kRecent, settled() / 16)) settle(all());
        return;
    }
    std::vector<Mark> marks = all();
    const auto found = std::ranges::lower_bound(marks, version, {}, &Mark::version);
    if (found->version == version) {
        found->nanoseconds = nanoseconds;
    } else {
        marks.insert(found, {version, nanoseconds});
    }
    settle(std::move(marks));
}

void TimeMarks::remove_before(Version version) {
    while (settled() > 0 && (*settled_)[begin_].version < version) ++begin_;
    if (settled() == 0) {
        settled_ = nullptr;
        begin_ = 0;
        std::erase_if(recent_, [&](const Mark& mark) { return mark.version < version; });
    } else if (begin_ > settled()) {
        settle(all());
    }
}

std::optional<Version> TimeMarks::at(std::int64_t nanoseconds) const noexcept {
    std::size_t low = 0, high = size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if ((*this)[middle].nanoseconds <= nanoseconds) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return std::nullopt;
    return (*this)[low - 1].version;
}

TimeMarks TimeMarks::thinned() const {
    TimeMarks thin;
    if (empty()) return thin;
    std::vector<Mark> kept;
    const Mark newest = back();
    for (std::size_t i = 0; i < size(); ++i) {
        const Mark& mark = (*this)[i];
        // What a manifest says need not be a time.
        __extension__ using Wide = __int128;
        const Wide apart = (Wide{newest.nanoseconds} - mark.nanoseconds) / kAgePart;
        // Without it the gap from the one before to the one behind must be narrow enough; the newest is needed.
        const bool needed =
            apart < kSecond || kept.empty() || Wide{(*this)[i + 1].nanoseconds} - kept.back().nanoseconds > apart;
        if (needed) kept.push_back(mark);
    }
    thin.settle(std::move(kept));
    return thin;
}

bool TimeMarks::operator==(const TimeMarks& other) const noexcept {
    if (size() != other.size()) return false;
    for (std::size_t i = 0; i < size(); ++i) {
        if ((*this)[i] != other[i]) return false;
    }
    return true;
}

}  // namespace zverse::cold
