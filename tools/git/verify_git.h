// Verify: proves a store made by import-git against git itself, by other commands than the importer used.
//
//   tree      at sampled commits, scan() and multi_get() as of the commit's version hold exactly the paths and
//             contents of `git ls-tree -r` and `git cat-file`
//   changes   over the whole history, changes() between sampled commits holds, commit by commit, exactly what
//             `git log --first-parent --raw` lists, with its contents; and what get() says of both ends of each
//             such range adds up to exactly `git diff` of its two commits
//   history   of sampled paths, history() names exactly the commits of `git log --first-parent -- path`
//
// Each finds its commits' versions through the commit records, which must be git's first-parent line itself.
#pragma once

#include <tools/common/progress.h>
#include <tools/git/commit_records.h>
#include <zverse/store.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace zverse::tools {

struct VerifyReport {
    std::uint64_t commits = 0;          ///< in the store, each matched with git's line
    std::uint64_t trees = 0;            ///< sampled commits whose tree was compared
    std::uint64_t tree_entries = 0;     ///< paths compared in them
    std::uint64_t tree_bytes = 0;
    std::uint64_t change_records = 0;   ///< records of changes() compared with git log, values included
    std::uint64_t diffs = 0;            ///< ranges compared with git diff
    std::uint64_t diff_entries = 0;
    std::uint64_t histories = 0;        ///< sampled paths whose history was compared
    std::uint64_t history_records = 0;
    std::uint64_t ambiguous_paths = 0;  ///< sampled, but `git log -- path` would mean more than the one key
    std::uint64_t differences = 0;
    std::vector<std::string> first_differences;  ///< at most kDifferencesKept
    double seconds = 0;
};
inline constexpr std::size_t kDifferencesKept = 20;

struct VerifySampling {
    std::uint64_t samples = 16;  ///< commits, besides the first and the last, and four times as many paths; 0: all
    std::uint64_t seed = 1;
};

[[nodiscard]] Result<VerifyReport> verify_git(const Store& store, const GitRepository& repository,
                                              const VerifySampling& sampling, Progress::Style progress);

/// What the checks share.
struct VerifyContext {
    const Store& store;
    const GitRepository& repository;
    std::span<const ImportedCommit> commits;
    VerifyReport& report;

    void differ(std::string what);
};

/// The tree of one commit: scan(), multi_get() and `git ls-tree`.
[[nodiscard]] Result<void> verify_tree(VerifyContext& context, std::size_t ordinal);

/// What verify_changes() learned of all paths, for choosing those whose history is compared.
struct TouchedPaths {
    std::vector<std::string> paths;       ///< every path that ever was a key, sorted
    std::vector<std::string> submodules;  ///< every path that ever was a submodule, sorted
};

/// Every record up to the last of `samples` (ordinals, rising), range by range.
[[nodiscard]] Result<TouchedPaths> verify_changes(VerifyContext& context, std::span<const std::size_t> samples,
                                                  Progress& progress);

/// The history of one path.
[[nodiscard]] Result<void> verify_history(VerifyContext& context, const std::string& path);

}  // namespace zverse::tools
