#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/git/git_changes.h>

#include <array>
#include <charconv>

namespace zverse::tools {
namespace {

std::string_view take_word(std::string_view& text) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}

bool parse_mode(std::string_view word, std::uint32_t& mode) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), mode, 8);
    return error == std::errc{} && end == word.data() + word.size();
}

}  // namespace

Result<RawChange> parse_raw_change(std::string_view text) {
    RawChange change;
    std::string_view rest = text;
    if (rest.starts_with(':')) rest.remove_prefix(1);
    const bool modes = parse_mode(take_word(rest), change.old_mode) && parse_mode(take_word(rest), change.new_mode);
    change.old_id = take_word(rest);
    change.new_id = take_word(rest);
    if (!modes || change.new_id.size() < 40 || rest.size() != 1)
        return fail(ErrorCode::io, "git printed a raw change this program can't read: " + std::string(text));
    return change;
}

void add_change(RawChange raw, CommitChanges& commit) {
    if (is_key(raw.new_mode)) {
        commit.changes.push_back({std::move(raw.path), std::move(raw.new_id)});
        return;
    }
    if (raw.new_mode != 0) commit.submodules += 1;
    if (is_key(raw.old_mode)) commit.changes.push_back({std::move(raw.path), {}});
}

Result<ChangeStream> ChangeStream::start(const GitRepository& repository, std::span<const Commit> line,
                                         std::size_t first) {
    auto git = repository.start({"diff-tree", "--stdin", "-r", "--raw", "-z", "--root", "--always", "--no-renames",
                                 "--no-abbrev", "--ignore-submodules=none"});
    if (!git) return pass_on(git);
    git->send_from([line, next = first](std::string& input) mutable {
        if (next == line.size()) return false;
        input += line[next].id;
        if (next > 0) input += " " + line[next - 1].id;
        input += '\n';
        next += 1;
        return true;
    });
    return ChangeStream(std::move(*git), line, first);
}

Result<bool> ChangeStream::read_piece() {
    auto more = git_.read_until('\0', piece_);
    if (!more) return pass_on(more);
    if (*more) return true;
    ended_ = true;
    if (auto finished = git_.finish(); !finished) return pass_on(finished);
    return false;
}

Result<bool> ChangeStream::next(CommitChanges& commit) {
    commit.changes.clear();
    commit.submodules = 0;
    if (answered_ == line_.size()) return false;
    if (piece_.empty() && !ended_) {
        if (auto more = read_piece(); !more) return pass_on(more);
    }
    if (interrupted()) return stopped();
    if (piece_ != line_[answered_].id)
        return fail(ErrorCode::io, "git diff-tree did not answer for commit " + line_[answered_].id + ".");
    commit.ordinal = answered_++;

    for (;;) {
        auto more = read_piece();
        if (!more) return pass_on(more, "reading the changes of commit " + line_[commit.ordinal].id);
        if (!*more || !piece_.starts_with(':')) return true;
        auto raw = parse_raw_change(piece_);
        if (!raw) return pass_on(raw);
        auto path = git_.read_until('\0', raw->path);
        if (!path) return pass_on(path);
        add_change(std::move(*raw), commit);
    }
}

}  // namespace zverse::tools
