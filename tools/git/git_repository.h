// GitRepository: where a history is read from, and the questions asked of it once.
#pragma once

#include <tools/git/git_process.h>
#include <zverse/error.h>

#include <filesystem>
#include <string>
#include <vector>

namespace zverse::tools {

/// One commit of the first-parent line. `id` is git's full object name in hex.
struct Commit {
    std::string id;
    std::string subject;
};

class GitRepository {
public:
    /// A work tree, a bare repository or a folder inside one: then all of the repository is meant, and path() is its
    /// root, since git reads some paths relative to where it is started. Errors: io, git's own words on standard error.
    [[nodiscard]] static Result<GitRepository> open(const std::filesystem::path& path);

    /// The commit that a revision names now, so that every later question is about the same history.
    [[nodiscard]] Result<std::string> resolve(const std::string& revision) const;

    /// The commits from the root (or the boundary of a shallow clone) to `tip`, oldest first, following the
    /// first parent of each merge.
    [[nodiscard]] Result<std::vector<Commit>> first_parent_line(const std::string& tip) const;

    /// Starts a git command in this repository.
    [[nodiscard]] Result<GitProcess> start(const std::vector<std::string>& arguments) const;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    explicit GitRepository(std::filesystem::path path) : path_(std::move(path)) {}
    /// All that a git command prints, without the newline at its end.
    [[nodiscard]] Result<std::string> ask(const std::vector<std::string>& arguments) const;
    std::filesystem::path path_;
};

}  // namespace zverse::tools
