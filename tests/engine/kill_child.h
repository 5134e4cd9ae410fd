// The two halves of the kill test agree here on what the child writes: operation n of thread t in run r is a
// function of those numbers, so the parent knows every byte that the child could have written without being told.
#pragma once

#include <support/model_store.h>
#include <support/random.h>

#include <cstdint>
#include <string>
#include <vector>

namespace zverse::test {

constexpr std::uint32_t kKillThreads = 2;
constexpr std::uint32_t kKillKeys = 200;
/// Large enough that creating a store takes milliseconds, so that a kill can fall into them.
constexpr std::uint64_t kCreatedRingBytes = 4 << 20;

/// What the child tells. Smaller than PIPE_BUF, so that the threads' messages never mix.
struct KillMessage {
    enum class Kind : std::uint32_t {
        acknowledged,  ///< operation `number` of `thread` returned `version`
        seen,  ///< a read showed `version` of key `number`
        full,  ///< the rings are full; the child waits to be killed
        failed,  ///< something that must not happen; the child ends
    };
    Kind kind;
    std::uint32_t thread;
    std::uint64_t number;
    std::uint64_t version;
};

inline std::string kill_key(std::uint64_t number) { return "key" + std::to_string(number % kKillKeys); }

/// The changes of one operation: mostly one put, some erases, some batches.
inline std::vector<Change> kill_operation(std::uint64_t run, std::uint32_t thread, std::uint64_t number) {
    Random random(mix(mix(run, thread), number));
    const std::uint64_t count = random.one_in(6) ? random.between(2, 12) : 1;
    std::vector<Change> changes;
    while (changes.size() < count) {
        const std::string key = kill_key(random.next());
        if (random.one_in(10)) {
            changes.push_back({key, std::nullopt});
        } else {
            changes.push_back({key, random.bytes(random.one_in(50) ? random.below(8 << 10) : random.below(200))});
        }
    }
    return changes;
}

/// The child's main(): opens the store that the arguments name and writes ("write"), or waits ("open", "create"),
// until
/// it is killed. Arguments: directory, class, granularity, run, and one of these words.
int kill_child(const std::vector<std::string>& arguments);

}  // namespace zverse::test
