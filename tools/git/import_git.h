// Import: git's first-parent history into a store, every commit one atomic batch.
//
// A store that already holds the beginning of the same history is continued, so an import that was killed, or a
// repository that has grown, is finished by the same command.
#pragma once

#include <tools/common/progress.h>
#include <tools/git/git_repository.h>
#include <tools/git/sizing.h>
#include <tools/git/store_setup.h>
#include <zverse/store.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace zverse::tools {

struct ImportRequest {
    StoreSetup setup;
    std::filesystem::path repository;
    std::string revision = "HEAD";
    std::uint64_t limit = 0;  ///< oldest commits only; 0: all
    std::uint64_t hold_after = 0;  ///< after so many commits, wait for the end of standard input; 0: never
    int ack_fd = -1;          ///< told "<commit> <version>\n" after each acknowledged write; -1: nobody
    Progress::Style progress = Progress::Style::automatic;
};

struct ImportReport {
    std::string tip;                  ///< last commit asked for
    std::uint64_t commits_before = 0; ///< found in the store
    std::uint64_t commits = 0;        ///< written by this run
    std::uint64_t puts = 0, erases = 0, submodules = 0;
    std::uint64_t content_bytes = 0;
    Version first_version = 0, last_version = 0;
    StoreUse use;
    double sizing_seconds = 0;
    double import_seconds = 0;  ///< git and store together
    double store_seconds = 0;   ///< inside Store::write() alone
    bool cancelled = false;     ///< stopped by a signal after a whole commit

    [[nodiscard]] std::uint64_t records() const noexcept { return commits + puts + erases; }
};

/// Opens or creates the store, imports, syncs and closes it.
[[nodiscard]] Result<ImportReport> import_git(const ImportRequest& request);

/// The commits of the request, oldest first.
[[nodiscard]] Result<std::vector<Commit>> requested_line(const GitRepository& repository, const std::string& revision,
                                                         std::uint64_t limit);

}  // namespace zverse::tools
