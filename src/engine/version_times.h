// VersionTimes: which version was the newest at a time of the wall clock, to about a second. Filled from time frames.
// Of what has settled the manifest knows it (cold/time_marks.h), and this forgets it.
#pragma once

#include <zverse/types.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace zverse::engine {

/// Since 1970.
[[nodiscard]] inline std::int64_t wall_clock_nanoseconds() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class VersionTimes {
public:
    /// `version` was taken at about `nanoseconds` since 1970. A wall clock that was set back is held at the latest
    /// time seen, so that both columns ascend.
    void add(std::int64_t nanoseconds, Version version) {
        const std::scoped_lock lock(mutex_);
        if (!marks_.empty() && version <= marks_.back().version) return;
        if (!marks_.empty()) nanoseconds = std::max(nanoseconds, marks_.back().nanoseconds);
        marks_.push_back({nanoseconds, version});
    }
    /// The newest version known to have been committed at or before the time; nothing before the first mark.
    [[nodiscard]] std::optional<Version> at(std::int64_t nanoseconds) const {
        const std::scoped_lock lock(mutex_);
        const auto after =
            std::upper_bound(marks_.begin(), marks_.end(), nanoseconds,
                             [](std::int64_t time, const Mark& mark) { return time < mark.nanoseconds; });
        if (after == marks_.begin()) return std::nullopt;
        return std::prev(after)->version;
    }

    /// Forgets the marks with versions <= `upto`, all but the one before the first version, which says how old the
    /// store is, and the last.
    void forget(Version upto) {
        const std::scoped_lock lock(mutex_);
        if (marks_.size() < 3) return;
        const auto first = marks_.begin() + (marks_.front().version == 0 ? 1 : 0);
        const auto kept = std::ranges::upper_bound(first, marks_.end() - 1, upto, {}, &Mark::version);
        marks_.erase(first, kept);
    }
    [[nodiscard]] std::uint64_t bytes() const {
        const std::scoped_lock lock(mutex_);
        return marks_.capacity() * sizeof(Mark);
    }

    /// The marks with versions in (after, upto].
    [[nodiscard]] std::vector<std::pair<Version, std::int64_t>> between(Version after, Version upto) const {
        const std::scoped_lock lock(mutex_);
        std::vector<std::pair<Version, std::int64_t>> found;
        for (const Mark& mark : marks_) {
            if (mark.version > after && mark.version <= upto) found.emplace_back(mark.version, mark.nanoseconds);
        }
        return found;
    }

private:
    struct Mark {
        std::int64_t nanoseconds;
        Version version;
    };
    mutable std::mutex mutex_;
    std::vector<Mark> marks_;
};

}  // namespace zverse::engine
