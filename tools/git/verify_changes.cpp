// Changes: every record of the store against git log, commit by commit, and both ends of each range against git diff.
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/git/git_blobs.h>
#include <tools/git/git_changes.h>
#include <tools/git/verify_git.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace zverse::tools {
namespace {

/// The raw changes of every commit of a line, oldest first, as `git log` tells them: another command than the
/// importer's, which names both commits of each diff itself.
class LogReader {
public:
    static Result<LogReader> start(const GitRepository& repository, const std::string& tip) {
        auto git = repository.start({"-c", "log.showRoot=true", "-c", "log.showSignature=false", "log", "--reverse",
                                     "--first-parent", "--diff-merges=first-parent", "--raw", "-z", "--no-abbrev",
                                     "--no-renames", "--ignore-submodules=none", "--format=%H", tip, "--"});
        if (!git) return pass_on(git);
        return LogReader(std::move(*git));
    }

    /// False after the newest commit.
    Result<bool> next(std::string& id, std::vector<RawChange>& changes) {
        changes.clear();
        if (ahead_.empty()) {
            if (auto more = read(); !more) return pass_on(more);
        }
        id = ahead_;
        if (id.empty()) return git_finish();
        for (;;) {
            auto more = read();
            if (!more) return pass_on(more);
            // The commit's own line is ended by NUL, and a newline parts it from its first change.
            if (ahead_.starts_with('\n')) ahead_.erase(0, 1);
            if (!ahead_.starts_with(':')) return true;
            auto change = parse_raw_change(ahead_);
            if (!change) return pass_on(change);
            if (auto path = git_.read_until('\0', change->path); !path) return pass_on(path);
            changes.push_back(std::move(*change));
        }
    }

private:
    explicit LogReader(GitProcess git) : git_(std::move(git)) {}

    Result<bool> read() {
        auto more = git_.read_until('\0', ahead_);
        if (more && !*more) ahead_.clear();
        return more;
    }
    Result<bool> git_finish() {
        if (auto finished = git_.finish(); !finished) return pass_on(finished);
        return false;
    }

    GitProcess git_;
    std::string ahead_;  // the next piece; empty at the end
};

/// What happened to a key between two states.
char status_of(bool before, bool after) { return before ? (after ? 'M' : 'D') : 'A'; }

/// `git diff` of two commits as it concerns keys: the paths whose content differs. Mode changes, submodules and
/// the type of an entry are not in the store.
Result<std::map<std::string, char>> diff_of_commits(const GitRepository& repository, const std::string& from,
                                                    const std::string& to) {
    auto git = repository.start({"diff", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff",
                                 "--ignore-submodules=none", from, to, "--"});
    if (!git) return pass_on(git);
    std::map<std::string, char> paths;
    std::string text;
    for (;;) {
        auto more = git->read_until('\0', text);
        if (!more) return pass_on(more);
        if (!*more) break;
        auto raw = parse_raw_change(text);
        if (!raw) return pass_on(raw);
        if (auto path = git->read_until('\0', raw->path); !path) return pass_on(path);
        const bool before = is_key(raw->old_mode);
        const bool after = is_key(raw->new_mode);
        if ((before || after) && !(before && after && raw->old_id == raw->new_id))
            paths.emplace(std::move(raw->path), status_of(before, after));
    }
    if (auto finished = git->finish(); !finished) return pass_on(finished, "comparing " + from + " with " + to);
    return paths;
}

class ChangesCheck {
public:
    ChangesCheck(VerifyContext& context, LogReader log, BlobReader blobs)
        : context_(context), log_(std::move(log)), blobs_(std::move(blobs)) {}

    Result<TouchedPaths> run(std::span<const std::size_t> samples, Progress& progress) {
        std::optional<std::size_t> previous;
        for (const std::size_t sample : samples) {
            if (auto compared = compare_range(previous, sample, progress); !compared) return pass_on(compared);
            if (previous) {
                if (auto compared = compare_diff(*previous, sample); !compared) return pass_on(compared);
            }
            previous = sample;
        }
        if (auto rest = compare_rest(); !rest) return pass_on(rest);
        progress.finish();
        return TouchedPaths{{keys_.begin(), keys_.end()}, {submodules_.begin(), submodules_.end()}};
    }

private:
    using Commits = std::span<const ImportedCommit>;
    [[nodiscard]] Commits commits() const { return context_.commits; }

    /// The records of (previous, last], commit by commit.
    Result<void> compare_range(std::optional<std::size_t> previous, std::size_t last, Progress& progress) {
        touched_.clear();
        const VersionRange range{previous ? commits()[*previous].version : 0, commits()[last].version};
        auto records = context_.store.changes(range);
        if (!records) return pass_on(records, "reading the changes of a range");
        records_ = &*records;
        if (auto moved = advance(); !moved) return pass_on(moved);
        for (std::size_t i = previous ? *previous + 1 : 0; i <= last; ++i) {
            if (auto compared = compare_commit(i); !compared) return pass_on(compared, "comparing " + commits()[i].id);
            progress.advance(i + 1);
        }
        while (at_record_) {
            if (auto extra = report_extra(); !extra) return pass_on(extra);
        }
        return {};
    }

    Result<void> compare_commit(std::size_t ordinal) {
        const ImportedCommit& commit = commits()[ordinal];
        std::string id;
        auto more = log_.next(id, raw_);
        if (!more) return pass_on(more);
        if (!*more || id != commit.id)
            return fail(ErrorCode::io, "git log and git rev-list disagree about commit " + std::to_string(ordinal));
        CommitChanges expected;
        for (RawChange& raw : raw_) {
            if (raw.new_mode == 0160000 || raw.old_mode == 0160000) submodules_.insert(raw.path);
            add_change(std::move(raw), expected);
        }
        std::ranges::sort(expected.changes, {}, &Change::path);
        for (const Change& change : expected.changes) {
            if (!change.erased()) blobs_.request(change.blob);
        }
        while (at_record_ && records_->entry().version < commit.version) {
            if (auto extra = report_extra(); !extra) return pass_on(extra);
        }
        if (auto compared = compare_record(commit, {commit_key(ordinal), "commit"}, nullptr); !compared)
            return pass_on(compared);
        std::string content;
        for (const Change& change : expected.changes) {
            if (!change.erased()) {
                if (auto blob = blobs_.read(content); !blob) return pass_on(blob, "reading " + printable(change.path));
            }
            if (auto compared = compare_record(commit, change, &content); !compared) return pass_on(compared);
            touched_.insert(change.path);
            keys_.insert(change.path);
        }
        while (at_record_ && records_->entry().version == commit.version) {
            if (auto extra = report_extra(); !extra) return pass_on(extra);
        }
        return {};
    }

    /// The record that git's change asks for; `content` null: any.
    Result<void> compare_record(const ImportedCommit& commit, const Change& change, const std::string* content) {
        while (at_record_ && records_->entry().version == commit.version && records_->entry().key < change.path) {
            if (auto extra = report_extra(); !extra) return pass_on(extra);
        }
        context_.report.change_records += 1;
        const Entry* entry = at_record_ ? &records_->entry() : nullptr;
        if (entry == nullptr || entry->version != commit.version || entry->key != change.path) {
            differ(commit.id, "no record of " + printable(change.path));
            return {};
        }
        if (entry->tombstone != change.erased())
            differ(commit.id, printable(change.path) + (entry->tombstone ? " is a tombstone" : " is no tombstone"));
        else if (!change.erased() && content != nullptr && entry->value != *content)
            differ(commit.id, "other contents for " + printable(change.path));
        return advance();
    }

    Result<void> report_extra() {
        const Entry& entry = records_->entry();
        differ("version " + std::to_string(entry.version), "a record of " + printable(entry.key) + " that git has not");
        return advance();
    }

    Result<void> advance() {
        auto more = records_->next();
        if (!more) return pass_on(more, "reading the changes of a range");
        at_record_ = *more;
        return {};
    }

    /// What get() says of both ends of a range, against git diff.
    Result<void> compare_diff(std::size_t from, std::size_t to) {
        auto expected = diff_of_commits(context_.repository, commits()[from].id, commits()[to].id);
        if (!expected) return pass_on(expected);
        for (const std::string& path : touched_) {
            auto before = context_.store.get(path, commits()[from].version);
            if (!before) return pass_on(before, "reading " + printable(path));
            auto after = context_.store.get(path, commits()[to].version);
            if (!after) return pass_on(after, "reading " + printable(path));
            const char found = *before == *after ? '-' : status_of(before->has_value(), after->has_value());
            const auto git = expected->find(path);
            const char wanted = git == expected->end() ? '-' : git->second;
            if (found != wanted)
                differ(commits()[from].id + ".." + commits()[to].id,
                       printable(path) + " is " + found + ", git diff says " + wanted);
            if (git != expected->end()) expected->erase(git);
            context_.report.diff_entries += 1;
        }
        for (const auto& [path, status] : *expected)
            differ(commits()[from].id + ".." + commits()[to].id,
                   "no record of " + printable(path) + ", git diff says " + status);
        context_.report.diffs += 1;
        return {};
    }

    /// After the last commit there must be nothing.
    Result<void> compare_rest() {
        auto records = context_.store.changes({.after = commits().back().version});
        if (!records) return pass_on(records);
        records_ = &*records;
        if (auto moved = advance(); !moved) return pass_on(moved);
        while (at_record_) {
            if (auto extra = report_extra(); !extra) return pass_on(extra);
        }
        return {};
    }

    void differ(const std::string& where, const std::string& what) {
        context_.differ("changes of " + where + ": " + what);
    }

    VerifyContext& context_;
    LogReader log_;
    BlobReader blobs_;
    Cursor* records_ = nullptr;
    bool at_record_ = false;
    std::vector<RawChange> raw_;
    std::set<std::string> touched_;  // in this range
    std::set<std::string> keys_, submodules_;
};

}  // namespace

Result<TouchedPaths> verify_changes(VerifyContext& context, std::span<const std::size_t> samples, Progress& progress) {
    auto log = LogReader::start(context.repository, context.commits.back().id);
    if (!log) return pass_on(log);
    auto blobs = BlobReader::start(context.repository, BlobReader::Wants::contents);
    if (!blobs) return pass_on(blobs);
    return ChangesCheck(context, std::move(*log), std::move(*blobs)).run(samples, progress);
}

}  // namespace zverse::tools
