#include <tools/zverse/git_repository.h>
#include <tools/zverse/result.h>

namespace zverse::tools {

Result<GitRepository> GitRepository::open(const std::filesystem::path& path) {
    GitRepository repository(path);
    auto git = repository.start({"rev-parse", "--git-dir"});
    if (!git) return pass_on(git);
    if (auto output = git->read_all(); !output) return pass_on(output);
    auto finished = git->finish();
    if (!finished) return pass_on(finished, "looking for a repository in " + path.string());
    return repository;
}

Result<std::string> GitRepository::resolve(const std::string& revision) const {
    auto git = start({"rev-parse", "--quiet", "--verify", "--end-of-options", revision + "^{commit}"});
    if (!git) return pass_on(git);
    auto output = git->read_all();
    if (!output) return pass_on(output);
    if (auto finished = git->finish(); !finished)
        return fail(ErrorCode::invalid_argument, path_.string() + " has no commit named " + revision + ".");
    while (output->ends_with('\n')) output->pop_back();
    return *output;
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
