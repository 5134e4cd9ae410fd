#include <tools/common/result.h>
#include <tools/git/git_blobs.h>

#include <charconv>

namespace zverse::tools {

Result<BlobReader> BlobReader::start(const GitRepository& repository, Wants wants) {
    auto git = repository.start({"cat-file", wants == Wants::sizes ? "--batch-check" : "--batch"});
    if (!git) return pass_on(git);
    return BlobReader(std::move(*git));
}

void BlobReader::request(std::string_view blob) {
    git_.send(blob);
    git_.send("\n");
    outstanding_ += 1;
}

Result<std::uint64_t> BlobReader::read_size() {
    auto more = git_.read_until('\n', header_);
    if (!more) return pass_on(more);
    if (!*more) {
        if (auto finished = git_.finish(); !finished) return pass_on(finished);
        return fail(ErrorCode::io, "git cat-file ended before it answered.");
    }
    outstanding_ -= 1;

    // "<id> blob <size>", or "<id> missing" in a partial or damaged repository.
    const std::size_t kind = header_.find(' ') + 1;
    const std::string_view rest = std::string_view(header_).substr(kind);
    std::uint64_t size = 0;
    if (kind == 0 || !rest.starts_with("blob "))
        return fail(ErrorCode::io, "git has no such blob, it says: " + header_ + ".");
    const std::string_view digits = rest.substr(5);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (error != std::errc{} || end != digits.data() + digits.size())
        return fail(ErrorCode::io, "git cat-file printed a header this program can't read: " + header_);
    return size;
}

Result<void> BlobReader::read(std::string& content) {
    auto size = read_size();
    if (!size) return pass_on(size);
    content.clear();
    if (auto got = git_.read_exactly(*size + 1, content); !got) return pass_on(got);
    content.pop_back();  // git ends each content with a newline of its own
    return {};
}

}  // namespace zverse::tools
