// Tree: one commit as scan() and multi_get() show it, against git ls-tree and git cat-file.
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/git/git_blobs.h>
#include <tools/git/git_changes.h>
#include <tools/git/verify_git.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace zverse::tools {
namespace {

constexpr std::size_t kRequestsAhead = 256;
constexpr std::size_t kKeysPerGet = 16;

struct TreeEntry {
    std::string path;
    std::string blob;
};

/// "<mode> <type> <id>\t<path>" of git ls-tree; nothing for a submodule.
Result<std::optional<TreeEntry>> parse_tree_entry(std::string_view text) {
    std::uint32_t mode = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    const std::size_t tab = text.find('\t');
    const std::size_t space = tab == std::string_view::npos ? tab : text.rfind(' ', tab);
    if (error != std::errc{} || space == std::string_view::npos)
        return fail(ErrorCode::io, "git ls-tree printed an entry this program can't read: " + printable(text));
    if (!is_key(mode)) return std::nullopt;
    return TreeEntry{std::string(text.substr(tab + 1)), std::string(text.substr(space + 1, tab - space - 1))};
}

Result<std::vector<TreeEntry>> list_tree(const GitRepository& repository, const std::string& commit) {
    auto git = repository.start({"ls-tree", "-r", "-z", "--full-tree", commit});
    if (!git) return pass_on(git);
    std::vector<TreeEntry> entries;
    std::string text;
    for (;;) {
        auto more = git->read_until('\0', text);
        if (!more) return pass_on(more);
        if (!*more) break;
        auto entry = parse_tree_entry(text);
        if (!entry) return pass_on(entry);
        if (*entry) entries.push_back(std::move(**entry));
    }
    if (auto finished = git->finish(); !finished) return pass_on(finished, "listing the tree of " + commit);
    std::ranges::sort(entries, {}, &TreeEntry::path);  // git's order is the same; nothing here rests on it
    return entries;
}

/// Walks git's entries and the store's scan side by side.
class TreeCheck {
public:
    TreeCheck(VerifyContext& context, const ImportedCommit& commit, BlobReader blobs, Cursor scan)
        : context_(context), commit_(commit), blobs_(std::move(blobs)), scan_(std::move(scan)) {}

    Result<void> run(const std::vector<TreeEntry>& entries) {
        if (auto moved = advance(); !moved) return pass_on(moved);
        for (std::size_t i = 0, requested = 0; i < entries.size(); ++i) {
            while (requested < entries.size() && requested < i + kRequestsAhead)
                blobs_.request(entries[requested++].blob);
            std::string content;
            if (auto blob = blobs_.read(content); !blob) return pass_on(blob, "reading " + printable(entries[i].path));
            if (auto compared = compare_scanned(entries[i], content); !compared) return pass_on(compared);
            if (auto looked_up = look_up(entries[i], std::move(content)); !looked_up) return pass_on(looked_up);
        }
        if (auto extra = report_extra(nullptr); !extra) return pass_on(extra);
        return compare_looked_up();
    }

private:
    Result<void> advance() {
        auto more = scan_.next();
        if (!more) return pass_on(more, "scanning as of version " + std::to_string(commit_.version));
        at_entry_ = *more;
        return {};
    }

    /// Entries of the scan before `path` (all that are left, when null) have no place in git's tree.
    Result<void> report_extra(const std::string* path) {
        while (at_entry_ && (path == nullptr || scan_.entry().key < *path)) {
            differ("the store has " + printable(scan_.entry().key) + ", the tree has not");
            if (auto moved = advance(); !moved) return pass_on(moved);
        }
        return {};
    }

    Result<void> compare_scanned(const TreeEntry& entry, const std::string& content) {
        if (auto extra = report_extra(&entry.path); !extra) return pass_on(extra);
        context_.report.tree_entries += 1;
        context_.report.tree_bytes += content.size();
        if (!at_entry_ || scan_.entry().key != entry.path) {
            differ("scan lacks " + printable(entry.path));
            return {};
        }
        if (scan_.entry().value != content) differ("scan has other contents for " + printable(entry.path));
        if (scan_.entry().tombstone) differ("scan returned a tombstone for " + printable(entry.path));
        return advance();
    }

    /// The index answers too, sixteen keys at a time.
    Result<void> look_up(const TreeEntry& entry, std::string content) {
        keys_.push_back(entry.path);
        contents_.push_back(std::move(content));
        return keys_.size() < kKeysPerGet ? Result<void>{} : compare_looked_up();
    }

    Result<void> compare_looked_up() {
        std::vector<std::optional<std::string>> values(keys_.size());
        auto got = context_.store.multi_get(keys_, values, commit_.version);
        if (!got) return pass_on(got, "reading as of version " + std::to_string(commit_.version));
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            if (values[i] != contents_[i])
                differ((values[i] ? "multi_get has other contents for " : "multi_get lacks ") + printable(keys_[i]));
        }
        keys_.clear();
        contents_.clear();
        return {};
    }

    void differ(const std::string& what) { context_.differ("tree of " + commit_.id + ": " + what); }

    VerifyContext& context_;
    const ImportedCommit& commit_;
    BlobReader blobs_;
    Cursor scan_;
    bool at_entry_ = false;
    std::vector<std::string_view> keys_;  // into the tree's entries
    std::vector<std::string> contents_;
};

}  // namespace

Result<void> verify_tree(VerifyContext& context, std::size_t ordinal) {
    const ImportedCommit& commit = context.commits[ordinal];
    auto entries = list_tree(context.repository, commit.id);
    if (!entries) return pass_on(entries);
    auto blobs = BlobReader::start(context.repository, BlobReader::Wants::contents);
    if (!blobs) return pass_on(blobs);
    auto scan = context.store.scan(all_paths(), commit.version);
    if (!scan) return pass_on(scan, "scanning as of version " + std::to_string(commit.version));
    context.report.trees += 1;
    return TreeCheck(context, commit, std::move(*blobs), std::move(*scan)).run(*entries);
}

}  // namespace zverse::tools
