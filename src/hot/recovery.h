// Recovery: which frames are there, and a ring that can go on.
//
// Three steps, so that nothing is changed before everything is judged:
//   judge   reads all rings in parallel; decides frame by frame; a bad frame below `settled` is corruption
//   repair  makes every accepted frame durable, turns gaps into fillers, clears what was not accepted
//   rebuild links the accepted operations into the index, in version order, all cores at once
//
// Accepted: validity word, checksum and stamp check agree, version above the cut, and, after a power cut under class
// process, version <= the durable mark. Order of repair, so that it survives being killed at any point:
//   headers {settled = head} -> clear, rewrite, fillers -> headers {settled = tail, durable} -> the superblock
// The superblock (boot id, class, clock limit, lost window) is the caller's and comes last: until it is written a
// second recovery decides as the first did. The durable mark comes after what it promises and before a superblock
// whose class might rely on it.
#pragma once

#include <hot/tier.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace zverse::hot {

struct RecoveryOptions {
    Secret secret;
    Version cut = 0;
    /// Class process and another boot: only versions up to the durable mark survive.
    bool stop_at_mark = false;
    unsigned threads = 1;
};

/// One operation to link; its frame is accepted and committed.
struct RecoveredOperation {
    Version version;
    std::uint64_t hash;
    Address address;
};

struct RecoveredTime {
    std::int64_t nanoseconds;
    Version version;
};

/// What judging one ring found.
struct RingJudgement {
    struct Extent {
        std::uint64_t begin, end;
    };
    std::vector<Extent> accepted;  ///< runs of accepted frames, ascending
    std::vector<std::uint64_t> strays;  ///< lines with a matching validity word but no acceptable frame
    std::vector<RecoveredOperation> operations;  ///< in ring order
    std::vector<RecoveredTime> times;
    std::uint64_t tail = 0;  ///< end of the last accepted frame, at least the head
    std::uint64_t frames = 0;
    Version newest = 0;  ///< largest version of an accepted frame
};

struct Judgement {
    std::vector<RingJudgement> rings;
    Version newest = 0;
    Version mark = 0;  ///< the largest durable mark of all headers, and the cut

    [[nodiscard]] std::uint64_t operations() const noexcept;
};

/// Changes nothing. Errors: corrupt, naming file and offset.
[[nodiscard]] Result<Judgement> judge(std::span<const std::unique_ptr<Ring>> rings, const RecoveryOptions& options);

/// Leaves each ring with tail and heads set, and everything accepted on the medium. Errors: io.
[[nodiscard]] Result<void> repair(std::span<const std::unique_ptr<Ring>> rings, const Judgement& judgement,
                                  const Secret& secret);

/// Links every recovered operation into the tier's index. No writer or reader runs yet.
/// Errors: full (no memory or no credits for the index).
[[nodiscard]] Result<void> rebuild_index(Tier& tier, const Judgement& judgement, unsigned threads);

}  // namespace zverse::hot
