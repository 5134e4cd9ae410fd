// Prove: the main job on real input, from an empty store to a page of figures.
//
// Imports a repository in a child that is killed in the middle (as often as asked), reopens, shows that every
// acknowledged commit is there, resumes the import to its end, and verifies all of it against git.
#pragma once

#include <tools/common/medium.h>
#include <tools/git/import_git.h>
#include <tools/git/verify_git.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace zverse::tools {

struct ProveRequest {
    ImportRequest import;
    VerifySampling sampling;
    std::uint64_t kills = 1;
};

/// One kill and what was found after it.
struct KillReport {
    bool killed = false;                 ///< false: it ended by itself
    std::uint64_t acknowledged = 0;      ///< in this life of the writer
    std::uint64_t found = 0;             ///< of them, in the reopened store
    std::uint64_t unacknowledged = 0;    ///< commits found that were written but not yet acknowledged; whole
    std::uint64_t records = 0;           ///< recovered, as the store counts them
    double open_seconds = 0;             ///< from Store::open() to its return
    double recovery_seconds = 0;         ///< of it: from mapped rings to a usable store
};

struct ProveReport {
    Medium medium;
    std::string repository;
    std::vector<KillReport> kills;
    ImportReport import;       ///< the last, undisturbed part
    std::uint64_t records = 0; ///< in the finished store
    std::uint64_t content_bytes = 0;
    double reopen_seconds = 0; ///< Store::open() of the finished, cleanly closed store
    double reopen_recovery_seconds = 0;
    std::uint64_t lost = 0;    ///< acknowledged and not found; must be 0
    VerifyReport verify;
    Stats stats;
    Version floor = 0, latest = 0, durable = 0;

    /// Whether any writer died of its kill; without one nothing was proved about crashes.
    [[nodiscard]] bool was_killed() const noexcept { return std::ranges::any_of(kills, &KillReport::killed); }
};

/// Errors: exists when the directory of the store holds something already; stopped().
[[nodiscard]] Result<ProveReport> prove_git(const ProveRequest& request);

}  // namespace zverse::tools
