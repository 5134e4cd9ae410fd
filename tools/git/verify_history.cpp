// History: the versions of one path against git log of that path.
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/git/verify_git.h>

#include <algorithm>

namespace zverse::tools {
namespace {

/// The commits of the first-parent line that touch a path, newest first, as git log tells them.
///
/// With --first-parent git compares each commit with its first parent alone, so the ones it lists are those whose
/// first-parent diff has the path: what the store has a record for. --full-history keeps it from pruning, and the
/// user's log.follow, which would go on past a rename, is switched off.
Result<std::vector<std::string>> commits_of_path(const GitRepository& repository, const std::string& tip,
                                                 const std::string& path) {
    auto git = repository.start({"-c", "log.follow=false", "-c", "log.showSignature=false", "log", "--first-parent",
                                 "--full-history", "--format=%H", tip, "--", path});
    if (!git) return pass_on(git);
    std::vector<std::string> commits;
    std::string id;
    for (;;) {
        auto more = git->read_until('\n', id);
        if (!more) return pass_on(more);
        if (!*more) break;
        commits.push_back(id);
    }
    auto finished = git->finish();
    if (!finished) return pass_on(finished, "asking for the history of " + printable(path));
    return commits;
}

}  // namespace

Result<void> verify_history(VerifyContext& context, const std::string& path) {
    auto expected = commits_of_path(context.repository, context.commits.back().id, path);
    if (!expected) return pass_on(expected);
    auto cursor = context.store.history(path);
    if (!cursor) return pass_on(cursor, "reading the history of " + printable(path));

    std::vector<std::string> found;
    for (;;) {
        auto more = cursor->next();
        if (!more) return pass_on(more, "reading the history of " + printable(path));
        if (!*more) break;
        const Entry& entry = cursor->entry();
        if (entry.key != path) context.differ("history of " + printable(path) + ": has a record of another key");
        const auto at = std::ranges::lower_bound(context.commits, entry.version, {}, &ImportedCommit::version);
        const bool known = at != context.commits.end() && at->version == entry.version;
        found.push_back(known ? at->id : "version " + std::to_string(entry.version) + ", which is no commit");
    }
    context.report.histories += 1;
    context.report.history_records += found.size();
    if (found == *expected) return {};

    const auto [ours, gits] = std::ranges::mismatch(found, *expected);
    context.differ("history of " + printable(path) + ": record " + std::to_string(ours - found.begin()) +
                   " from the newest is " + (ours == found.end() ? "missing" : *ours) + ", git log has " +
                   (gits == expected->end() ? "no more" : *gits));
    return {};
}

}  // namespace zverse::tools
