// BlobReader: the contents, or only the sizes, of many blobs through one `git cat-file`.
//
// Ask for many, then read the answers in the same order: git works ahead while the answers are used.
#pragma once

#include <tools/git/git_repository.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zverse::tools {

class BlobReader {
public:
    enum class Wants { sizes, contents };
    [[nodiscard]] static Result<BlobReader> start(const GitRepository& repository, Wants wants);

    void request(std::string_view blob);
    /// Requests not yet answered.
    [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }

    /// The next answer's size. Wants::sizes only.
    [[nodiscard]] Result<std::uint64_t> read_size();
    /// The next answer, replacing `content`. Wants::contents only.
    [[nodiscard]] Result<void> read(std::string& content);

    /// After the last answer: git must have ended well.
    [[nodiscard]] Result<void> finish() { return git_.finish(); }

private:
    explicit BlobReader(GitProcess git) : git_(std::move(git)) {}
    GitProcess git_;
    std::size_t outstanding_ = 0;
    std::string header_;
};

}  // namespace zverse::tools
