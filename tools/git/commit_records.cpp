#include <tools/common/result.h>
#include <tools/git/commit_records.h>

#include <array>
#include <cstdio>

namespace zverse::tools {
namespace {

constexpr std::string_view kPrefix{"\0git/", 5};
constexpr std::size_t kSubjectBytesMax = 1000;  // a subject is one line, but nothing in git bounds it

}  // namespace

std::string commit_key(std::size_t ordinal) {
    std::array<char, 24> digits{};
    const int length = std::snprintf(digits.data(), digits.size(), "%012zu", ordinal);
    return std::string(kPrefix).append(digits.data(), static_cast<std::size_t>(length));
}

std::string commit_value(const Commit& commit) { return commit.id + " " + commit.subject.substr(0, kSubjectBytesMax); }

KeyRange all_paths() { return {.begin = "\1", .end = {}}; }

Result<std::vector<ImportedCommit>> read_commits(const Store& store) {
    std::vector<ImportedCommit> commits;
    auto cursor = store.scan(prefix_range(kPrefix));
    if (!cursor) return pass_on(cursor);
    for (;;) {
        auto more = cursor->next();
        if (!more) return pass_on(more);
        if (!*more) break;
        const Entry& entry = cursor->entry();
        const bool in_order =
            entry.key == commit_key(commits.size()) && (commits.empty() || commits.back().version < entry.version);
        if (!in_order)
            return fail(ErrorCode::corrupt, "The record of commit " + std::to_string(commits.size()) +
                                                " is missing from the store or out of order.");
        commits.push_back({std::string(entry.value.substr(0, entry.value.find(' '))), entry.version});
    }
    if (!commits.empty()) return commits;

    // Not latest_version(): after a crash it may be above every record.
    auto records = store.changes({}, {}, {.limit = 1});
    if (!records) return pass_on(records);
    auto any = records->next();
    if (!any) return pass_on(any);
    if (*any)
        return fail(ErrorCode::invalid_argument,
                    "The store holds data that import-git did not write; import into a store of its own.");
    return commits;
}

Result<void> check_same_history(std::span<const ImportedCommit> held, std::span<const Commit> line) {
    for (std::size_t i = 0; i < held.size(); ++i) {
        if (i == line.size())
            return fail(ErrorCode::invalid_argument, "The store holds " + std::to_string(held.size()) +
                                                         " commits, but the history has " +
                                                         std::to_string(line.size()) + ".");
        if (held[i].id != line[i].id)
            return fail(ErrorCode::invalid_argument, "The store holds another history: commit " + std::to_string(i) +
                                                         " is " + held[i].id + " there and " + line[i].id +
                                                         " in the repository.");
    }
    return {};
}

}  // namespace zverse::tools
