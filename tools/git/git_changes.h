// What one commit did to the keys of a store: the one place where git's tree becomes keys and values.
//
//   file, executable, symbolic link   key = path, value = content (the link's target); also when only its mode changed
//   submodule (gitlink)               no key: it has no content in this repository; counted
//   deletion                          erase; so is a file that became a submodule
#pragma once

#include <tools/git/git_repository.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::tools {

/// One line of git's raw diff format.
struct RawChange {
    std::uint32_t old_mode = 0, new_mode = 0;  ///< 0: absent
    std::string old_id, new_id;                ///< of the blob, in hex
    std::string path;
};

/// Parses ":<mode> <mode> <id> <id> <status>", the path being the next NUL-terminated piece.
[[nodiscard]] Result<RawChange> parse_raw_change(std::string_view text);

/// Whether a tree entry of this mode is a key: it is there and it is no submodule.
[[nodiscard]] constexpr bool is_key(std::uint32_t mode) noexcept { return mode != 0 && mode != 0160000; }

struct Change {
    std::string path;
    std::string blob;  ///< the new content's object name; empty: erased
    [[nodiscard]] bool erased() const noexcept { return blob.empty(); }
};

struct CommitChanges {
    std::size_t ordinal = 0;  ///< place of the commit in the first-parent line, from 0
    std::vector<Change> changes;
    std::uint64_t submodules = 0;  ///< entries that are no keys
};

/// Adds what a raw change means for the keys, which may be nothing.
void add_change(RawChange raw, CommitChanges& commit);

/// The changes of a run of commits, each against the one before it in the line, streamed from one
/// `git diff-tree --stdin`. Naming the parent ourselves gives merges their first-parent diff, and the first
/// commit of a shallow clone its whole tree.
class ChangeStream {
public:
    /// `line` outlives the stream; the stream begins at `line[first]`.
    [[nodiscard]] static Result<ChangeStream> start(const GitRepository& repository, std::span<const Commit> line,
                                                    std::size_t first);
    /// False after the last commit.
    [[nodiscard]] Result<bool> next(CommitChanges& commit);

private:
    ChangeStream(GitProcess git, std::span<const Commit> line, std::size_t first)
        : git_(std::move(git)), line_(line), answered_(first) {}
    [[nodiscard]] Result<bool> read_piece();

    GitProcess git_;
    std::span<const Commit> line_;
    std::size_t answered_;  // commits before it were returned
    std::string piece_;     // the header of the next commit, once the one before was read to its end
    bool ended_ = false;
};

}  // namespace zverse::tools
