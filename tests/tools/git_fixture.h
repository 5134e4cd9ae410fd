// GitFixture: a bare repository written by one `git fast-import`, so that a test can have any history: odd paths,
// merges, symbolic links, submodules, empty commits, hundreds of commits a second.
#pragma once

#include <support/random.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {

/// One path of a commit. Mode 0 removes the path; of a submodule, the content is its commit.
struct PathChange {
    std::string path;
    std::uint32_t mode = 0100644;
    std::string content;
};
inline constexpr std::uint32_t kRemoved = 0;
inline constexpr std::uint32_t kExecutable = 0100755;
inline constexpr std::uint32_t kSymlink = 0120000;
inline constexpr std::uint32_t kSubmodule = 0160000;

class GitFixture {
public:
    explicit GitFixture(std::filesystem::path path) : path_(std::move(path)) {}

    /// Adds a commit on top of the newest one of the main line, and returns its mark. `merged`: a mark, 0 for none.
    int commit(const std::vector<PathChange>& changes, int merged = 0, std::string_view message = "a commit");
    /// Adds a commit on top of another, outside the main line.
    int side_commit(int parent, const std::vector<PathChange>& changes);
    [[nodiscard]] int newest() const noexcept { return newest_; }
    /// Writes the repository, HEAD at the newest commit of the main line.
    void write() const;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    int add(int parent, int merged, const std::vector<PathChange>& changes, std::string_view message);
    std::filesystem::path path_;
    std::string stream_;
    int newest_ = 0;
    int marks_ = 0;
};

/// A main line of `commits` with everything git can hold, chosen at random.
void add_random_history(GitFixture& fixture, Random& random, int commits);

/// Runs a program, feeding `input`; throws unless it exits with 0. Returns its standard output.
std::string run_program(const std::vector<std::string>& arguments, std::string_view input = {});

}  // namespace zverse::test
