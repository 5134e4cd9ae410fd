#include <tools/common/result.h>
#include <tools/git/commit_reader.h>

namespace zverse::tools {
namespace {

constexpr std::size_t kRequestsAhead = 256;  // keeps git busy; bounds what waits here
constexpr std::size_t kCommitsAhead = 256;   // the same, for commits that change nothing

}  // namespace

Result<CommitReader> CommitReader::start(const GitRepository& repository, std::span<const Commit> line,
                                         std::size_t first, BlobReader::Wants wants) {
    auto changes = ChangeStream::start(repository, line, first);
    if (!changes) return pass_on(changes);
    auto blobs = BlobReader::start(repository, wants);
    if (!blobs) return pass_on(blobs);
    return CommitReader(std::move(*changes), std::move(*blobs));
}

Result<bool> CommitReader::next(CommitChanges& commit) {
    while (!ended_ && ahead_.size() < kCommitsAhead && (ahead_.empty() || blobs_.outstanding() < kRequestsAhead)) {
        CommitChanges coming;
        auto more = changes_.next(coming);
        if (!more) return pass_on(more);
        if (!*more) {
            ended_ = true;
            break;
        }
        for (const Change& change : coming.changes) {
            if (!change.erased()) blobs_.request(change.blob);
        }
        ahead_.push_back(std::move(coming));
    }
    if (ahead_.empty()) return false;
    commit = std::move(ahead_.front());
    ahead_.pop_front();
    return true;
}

}  // namespace zverse::tools
