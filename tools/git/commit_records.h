// Which commit is which version: one record per commit, written in the commit's own batch.
//
//   key    NUL "git/" and the commit's ordinal as twelve decimal digits
//   value  the commit's full object name, a space, its subject line
//
// A path can't hold a NUL byte, so these keys never meet a path; they sort before every path, in history order.
#pragma once

#include <tools/git/git_repository.h>
#include <zverse/store.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::tools {

[[nodiscard]] std::string commit_key(std::size_t ordinal);
[[nodiscard]] std::string commit_value(const Commit& commit);
/// Whether a key belongs to the importer's own records rather than to git's tree.
[[nodiscard]] constexpr bool is_commit_key(std::string_view key) noexcept { return key.starts_with('\0'); }
/// Every path, and none of the importer's own records.
[[nodiscard]] KeyRange all_paths();

struct ImportedCommit {
    std::string id;
    Version version = 0;
};

/// The commits a store holds, in order. Errors: corrupt when the records are not 0, 1, 2 ... with rising
/// versions; invalid_argument when the store holds data but no such record.
[[nodiscard]] Result<std::vector<ImportedCommit>> read_commits(const Store& store);

/// Checks that what the store holds is the beginning of `line`; invalid_argument names the first difference.
[[nodiscard]] Result<void> check_same_history(std::span<const ImportedCommit> held, std::span<const Commit> line);

}  // namespace zverse::tools
