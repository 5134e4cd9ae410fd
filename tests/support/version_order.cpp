#include <support/version_order.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <ranges>
#include <utility>

namespace zverse::test {

Moment now() noexcept { return static_cast<Moment>(std::chrono::steady_clock::now().time_since_epoch().count()); }

namespace {

constexpr std::size_t kReported = 20;

/// "What is the largest version among events that ended before this moment?", for moments that only grow.
class EndedBefore {
public:
    void add(Moment after, Version version) { ends_.emplace_back(after, version); }
    void sort() { std::ranges::sort(ends_); }
    [[nodiscard]] Version largest(Moment before) {
        while (next_ < ends_.size() && ends_[next_].first < before) {
            largest_ = std::max(largest_, ends_[next_++].second);
        }
        return largest_;
    }

private:
    std::vector<std::pair<Moment, Version>> ends_;
    std::size_t next_ = 0;
    Version largest_ = 0;
};

template <class Event>
void sort_by_start(std::vector<Event>& events) {
    std::ranges::sort(events, {}, [](const Event& event) { return event.when.before; });
}

class Checker {
public:
    explicit Checker(const std::vector<EventLog>& logs) {
        for (const EventLog& log : logs) {
            std::ranges::copy(log.writes, std::back_inserter(all_.writes));
            std::ranges::copy(log.reads, std::back_inserter(all_.reads));
            std::ranges::copy(log.shown, std::back_inserter(all_.shown));
            std::ranges::copy(log.drains, std::back_inserter(all_.drains));
        }
        for (const WriteEvent& write : all_.writes) writes_[write.key][write.version] = write;
        for (const DrainEvent& drain : all_.drains) {
            drain_ends_[drain.when.after] = drain.upto;
            drain_starts_[drain.when.before] = drain.upto;
        }
        for (auto* drains : {&drain_ends_, &drain_starts_}) {
            Version largest = 0;
            for (Version& upto : *drains | std::views::values) upto = largest = std::max(largest, upto);
        }
    }

    std::vector<std::string> run() {
        check_writes();
        check_shown();
        for (const ReadEvent& read : all_.reads) {
            if (read.as_of != kLatest) check_as_of(read);
        }
        for (const auto& [key, writes] : writes_) check_latest(key, writes);
        return std::move(violations_);
    }

private:
    using KeyWrites = std::map<Version, WriteEvent>;

    void report(std::string what) {
        if (violations_.size() < kReported) violations_.push_back(std::move(what));
    }

    void check_writes() {  // V1
        sort_by_start(all_.writes);
        EndedBefore ended;
        for (const WriteEvent& write : all_.writes) ended.add(write.when.after, write.version);
        ended.sort();
        for (const WriteEvent& write : all_.writes) {
            if (const Version older = ended.largest(write.when.before); write.version <= older) {
                report("V1: a write got version " + std::to_string(write.version) + " after " + std::to_string(older) +
                       " had returned");
            }
        }
        // The operations of a batch share their version, and only they: same version, same interval.
        std::map<Version, Moment> commits;
        for (const WriteEvent& write : all_.writes) {
            const auto [commit, first] = commits.emplace(write.version, write.when.before);
            if (!first && commit->second != write.when.before) {
                report("V1: version " + std::to_string(write.version) + " was handed out twice");
            }
        }
    }

    void check_shown() {  // V4
        sort_by_start(all_.shown);
        EndedBefore ended;
        for (const WriteEvent& write : all_.writes) ended.add(write.when.after, write.version);
        for (const ShownEvent& shown : all_.shown) ended.add(shown.when.after, shown.version);
        ended.sort();
        for (const ShownEvent& shown : all_.shown) {
            if (const Version older = ended.largest(shown.when.before); shown.version < older) {
                report("V4: " + std::to_string(shown.version) + " was shown as the newest version after " +
                       std::to_string(older));
            }
        }
        // No write may get a version that was shown before it began.
        EndedBefore shown_before;
        for (const ShownEvent& shown : all_.shown) shown_before.add(shown.when.after, shown.version);
        shown_before.sort();
        for (const WriteEvent& write : all_.writes) {
            if (const Version shown = shown_before.largest(write.when.before); write.version <= shown) {
                report("V4: a write got version " + std::to_string(write.version) + ", and " + std::to_string(shown) +
                       " had been shown before it began");
            }
        }
    }

    /// The largest version that a drain surely (`returned`) or perhaps took before this read.
    [[nodiscard]] Version drained(const Interval& when, bool returned) const {
        const auto& drains = returned ? drain_ends_ : drain_starts_;
        const auto above = returned ? drains.lower_bound(when.before) : drains.upper_bound(when.after);
        return above == drains.begin() ? 0 : std::prev(above)->second;
    }

    [[nodiscard]] static std::string describe(const ReadEvent& read) {
        return "a read of key " + std::to_string(read.key) +
               (read.as_of == kLatest ? "" : " as of " + std::to_string(read.as_of)) + " found " +
               std::to_string(read.found);
    }

    /// What was found was written, with these bytes.
    bool check_found(const ReadEvent& read, const KeyWrites& writes) {
        const auto write = writes.find(read.found);
        if (write != writes.end() && write->second.value == read.value && read.value != 0) return true;
        report(describe(read) + " with a value that was never written there");
        return false;
    }

    void check_as_of(const ReadEvent& read) {  // V2
        const KeyWrites& writes = writes_[read.key];
        if (read.found != 0 && !check_found(read, writes)) return;
        const auto above = writes.upper_bound(read.as_of);
        const WriteEvent newest = above == writes.begin() ? WriteEvent{} : std::prev(above)->second;
        const Version visible = newest.value == 0 ? 0 : newest.version;
        if (read.found == visible && visible > drained(read.when, true)) return;
        if (read.found == 0 && visible <= drained(read.when, false)) return;
        report("V2: " + describe(read) + " instead of " + std::to_string(visible));
    }

    void check_latest(std::uint32_t key, const KeyWrites& writes) {  // V3
        std::vector<ReadEvent> reads;
        for (const ReadEvent& read : all_.reads) {
            if (read.key == key && read.as_of == kLatest) reads.push_back(read);
        }
        sort_by_start(reads);
        EndedBefore ended;
        for (const WriteEvent& write : writes | std::views::values) ended.add(write.when.after, write.version);
        for (const ReadEvent& read : reads) ended.add(read.when.after, read.found);
        ended.sort();
        for (const ReadEvent& read : reads) {
            const Version oldest = ended.largest(read.when.before);
            read.found == 0 ? check_nothing(read, writes, oldest) : check_something(read, writes, oldest);
        }
    }

    void check_something(const ReadEvent& read, const KeyWrites& writes, Version oldest) {
        if (!check_found(read, writes)) return;
        if (read.found < oldest) report("V3: " + describe(read) + " after " + std::to_string(oldest) + " was there");
        if (read.found <= drained(read.when, true)) report("V3: " + describe(read) + ", which had been drained");
        if (writes.find(read.found)->second.when.before > read.when.after) {
            report("V3: " + describe(read) + " before it was written");
        }
    }

    /// Nothing was found: some tombstone (or the empty beginning, or a drain) must explain it.
    void check_nothing(const ReadEvent& read, const KeyWrites& writes, Version oldest) {
        if (oldest <= drained(read.when, false)) return;
        for (auto write = writes.lower_bound(oldest); write != writes.end(); ++write) {
            if (write->second.value == 0 && write->second.when.before <= read.when.after) return;
        }
        report("V3: " + describe(read) + " (nothing) after " + std::to_string(oldest) + " was there");
    }

    EventLog all_;
    std::map<std::uint32_t, KeyWrites> writes_;
    std::map<Moment, Version> drain_ends_;    // by the moment of return: the largest version taken by then
    std::map<Moment, Version> drain_starts_;  // by the moment of the call
    std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> check_version_order(const std::vector<EventLog>& logs) { return Checker(logs).run(); }

}  // namespace zverse::test
