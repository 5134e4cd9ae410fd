#include "git_fixture.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <support/run_tool.h>

namespace zverse::test {
namespace {

/// As fast-import reads a quoted path: everything but plain letters as octal.
std::string octal_quoted(std::string_view path) {
    std::string text = "\"";
    for (const char c : path) {
        if ((c >= 'a' && c <= 'z') || c == '/') {
            text += c;
            continue;
        }
        std::array<char, 8> octal{};
        std::snprintf(octal.data(), octal.size(), "\\%03o", static_cast<unsigned char>(c));
        text += octal.data();
    }
    return text + "\"";
}

std::string data_command(std::string_view bytes) {
    return "data " + std::to_string(bytes.size()) + "\n" + std::string(bytes) + "\n";
}

/// Paths that meet each other as file and folder, sort on both sides of '/', hold every awkward byte, or look like
/// something else to a program that is careless with them.
const std::vector<std::string>& awkward_paths() {
    static const std::vector<std::string> paths{
        "a",
        "a/b",
        "a/b/c",
        "a.b",
        "a-b",
        "a0",
        "sp ace",
        "trailing ",
        " leading",
        "new\nline",
        "tab\tstop",
        "quo\"te",
        "back\\slash",
        "\xff\xfe bytes",
        "gl*b?[x]",
        ":(top)magic",
        "-dash",
        "--",
        "\xc3\xbcml",
        "\x01low",
        "HEAD",
        "deep/er/and/deeper/still",
        "deep/er/file",
        std::string(200, 'l') + "ong",
    };
    return paths;
}

std::string random_content(Random& random) {
    if (random.one_in(8)) return {};
    if (random.one_in(40)) return random.bytes(random.between(60'000, 140'000));  // more than a pipe holds
    if (random.one_in(4)) return std::string(random.below(400), 'x');             // equal contents, equal blobs
    return random.bytes(random.below(400));
}

PathChange random_change(Random& random) {
    const auto& paths = awkward_paths();
    PathChange change{paths[random.below(paths.size())], 0100644, {}};
    switch (random.below(10)) {
        case 0:
        case 1: change.mode = kRemoved; return change;
        case 2: change.mode = kExecutable; break;
        case 3:
            change.mode = kSymlink;
            change.content = paths[random.below(paths.size())];
            return change;
        case 4:
            change.mode = kSubmodule;
            change.content = std::string(40, "123456789abcdef"[random.below(15)]);
            return change;
        default: break;
    }
    change.content = random_content(random);
    return change;
}

std::vector<PathChange> random_changes(Random& random) {
    std::vector<PathChange> changes(random.one_in(6) ? 0 : random.between(1, 6));
    for (PathChange& change : changes) change = random_change(random);
    return changes;
}

}  // namespace

int GitFixture::add(int parent, int merged, const std::vector<PathChange>& changes, std::string_view message) {
    const int mark = ++marks_;
    stream_ += "commit refs/heads/commit" + std::to_string(mark) + "\nmark :" + std::to_string(mark) + "\n";
    stream_ += "committer Somebody <some@body.example> " + std::to_string(1'600'000'000 + mark) + " +0000\n";
    stream_ += data_command(message);
    if (parent != 0) stream_ += "from :" + std::to_string(parent) + "\n";
    if (merged != 0) stream_ += "merge :" + std::to_string(merged) + "\n";
    for (const PathChange& change : changes) {
        std::array<char, 16> mode{};
        std::snprintf(mode.data(), mode.size(), "%06o", change.mode);
        if (change.mode == kRemoved) {
            stream_ += "D " + octal_quoted(change.path) + "\n";
        } else if (change.mode == kSubmodule) {
            stream_ += "M 160000 " + change.content + " " + octal_quoted(change.path) + "\n";
        } else {
            stream_ += std::string("M ") + mode.data() + " inline " + octal_quoted(change.path) + "\n" +
                       data_command(change.content);
        }
    }
    stream_ += "\n";
    return mark;
}

int GitFixture::commit(const std::vector<PathChange>& changes, int merged, std::string_view message) {
    newest_ = add(newest_, merged, changes, message);
    return newest_;
}

int GitFixture::side_commit(int parent, const std::vector<PathChange>& changes) {
    return add(parent, 0, changes, "beside the main line");
}

void GitFixture::write() const {
    const std::string path = path_.string();
    run_program({"git", "init", "--quiet", "--bare", "--initial-branch=main", path});
    std::string stream = stream_ + "reset refs/heads/main\nfrom :" + std::to_string(newest_) + "\n\n";
    run_program({"git", "-C", path, "-c", "core.ignoreCase=false", "fast-import", "--quiet", "--force"}, stream);
}

void add_random_history(GitFixture& fixture, Random& random, int commits) {
    for (int i = 0; i < commits; ++i) {
        int merged = 0;
        if (fixture.newest() != 0 && random.one_in(5)) {
            merged = fixture.side_commit(fixture.newest(), random_changes(random));
            // The main line may move on before the merge.
            if (random.one_in(2)) fixture.commit(random_changes(random));
        }
        fixture.commit(random_changes(random), merged, "commit " + std::to_string(i) + " \xff\xc3\xbc");
    }
}

std::string run_program(const std::vector<std::string>& arguments, std::string_view input) {
    const ProgramRun run = run_and_wait(arguments, input);
    if (run.status != 0)
        throw std::runtime_error(arguments[0] + " " + arguments[1] + " exited with " + std::to_string(run.status) +
                                 ": " + run.errors);
    return run.output;
}

}  // namespace zverse::test
