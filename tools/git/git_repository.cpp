#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/git/git_repository.h>

namespace zverse::tools {

Result<GitRepository> GitRepository::open(const std::filesystem::path& path) {
    const GitRepository place(path);
    auto inside = place.ask({"rev-parse", "--is-inside-work-tree"});
    if (!inside) return pass_on(inside, "looking for a repository in " + path.string());
    auto root = place.ask({"rev-parse", *inside == "true" ? "--show-toplevel" : "--absolute-git-dir"});
    if (!root) return pass_on(root, "looking for the root of the repository in " + path.string());
    return GitRepository(*root);
}

Result<std::string> GitRepository::ask(const std::vector<std::string>& arguments) const {
    auto git = start(arguments);
    if (!git) return pass_on(git);
    auto output = git->read_all();
    if (!output) return pass_on(output);
    if (auto finished = git->finish(); !finished) return pass_on(finished);
    if (output->ends_with('\n')) output->pop_back();
    return output;
}

Result<std::string> GitRepository::resolve(const std::string& revision) const {
    auto id = ask({"rev-parse", "--quiet", "--verify", "--end-of-options", revision + "^{commit}"});
    if (id || is_stop(id.error())) return id;
    return fail(ErrorCode::invalid_argument, path_.string() + " has no commit named " + revision + ".");
}

Result<std::vector<Commit>> GitRepository::first_parent_line(const std::string& tip) const {
    auto git = start({"rev-list", "--first-parent", "--reverse", "--no-commit-header", "--format=%H %s", tip, "--"});
    if (!git) return pass_on(git);
    std::vector<Commit> line;
    std::string text;
    for (;;) {
        auto more = git->read_until('\n', text);
        if (!more) return pass_on(more);
        if (!*more) break;
        const std::size_t space = text.find(' ');
        if (space == std::string::npos)
            return fail(ErrorCode::io, "git rev-list printed a line without a commit: " + text);
        line.push_back({text.substr(0, space), text.substr(space + 1)});
    }
    if (auto finished = git->finish(); !finished) return pass_on(finished, "listing the commits of " + path_.string());
    return line;
}

Result<GitProcess> GitRepository::start(const std::vector<std::string>& arguments) const {
    // Replacement objects would show another history than the one the commits' names stand for.
    std::vector<std::string> all{"-C", path_.string(), "--no-pager", "--no-replace-objects", "--literal-pathspecs"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return GitProcess::start(all);
}

}  // namespace zverse::tools
