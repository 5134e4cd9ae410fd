// VersionOrder: was this concurrent run linearizable? Every write returns its place in the one order, so there is no
// search: sort by version, then look.
//
// What is checked, with [before, after] the times around each call:
//   V1  versions are unique, and a write that began after another returned has the larger version.
//   V2  a read as of v found the newest write of its key with a version <= v, whoever wrote it, whenever.
//   V3  a read of the latest state found nothing older than any write of its key, or any read of it, that had returned
//       before it began; and nothing that began after it returned.
//   V4  a version shown as the newest (snapshot, latest_version, transaction start) contains every write that returned
//       before, and none that began after.
// A drain that began before a read returned may hide what it took; one that returned before a read began must.
#pragma once

#include <zverse/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace zverse::test {

/// Nanoseconds of a clock that all threads share.
using Moment = std::uint64_t;
[[nodiscard]] Moment now() noexcept;

struct Interval {
    Moment before = 0;
    Moment after = 0;
};

/// Keys and values are numbers here; 0 is "no value": absent or erased.
struct WriteEvent {
    Interval when;
    Version version = 0;
    std::uint32_t key = 0;
    std::uint64_t value = 0;
};
struct ReadEvent {
    Interval when;
    Version as_of = kLatest;
    Version found = 0;  ///< the record's version; 0 when there was no value
    std::uint32_t key = 0;
    std::uint64_t value = 0;
};
struct ShownEvent {
    Interval when;
    Version version = 0;
};
struct DrainEvent {
    Interval when;
    Version upto = 0;
};

/// What one thread saw. Filled without locks, by that thread alone.
struct EventLog {
    std::vector<WriteEvent> writes;
    std::vector<ReadEvent> reads;
    std::vector<ShownEvent> shown;
    std::vector<DrainEvent> drains;
};

/// The first violations, one sentence each; empty when the run was linearizable.
[[nodiscard]] std::vector<std::string> check_version_order(const std::vector<EventLog>& logs);

}  // namespace zverse::test
