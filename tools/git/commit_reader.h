// CommitReader: a run of commits with their blobs, from two git processes that both work ahead of the reader.
#pragma once

#include <tools/git/git_blobs.h>
#include <tools/git/git_changes.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace zverse::tools {

class CommitReader {
public:
    /// From `line[first]` on; `line` outlives the reader.
    [[nodiscard]] static Result<CommitReader> start(const GitRepository& repository, std::span<const Commit> line,
                                                    std::size_t first, BlobReader::Wants wants);

    /// The next commit; false after the last. Then, for each change that is no erasure, in order, exactly one
    /// blob_size() or blob(), as started, before the next call.
    [[nodiscard]] Result<bool> next(CommitChanges& commit);
    [[nodiscard]] Result<std::uint64_t> blob_size() { return blobs_.read_size(); }
    [[nodiscard]] Result<void> blob(std::string& content) { return blobs_.read(content); }

private:
    CommitReader(ChangeStream changes, BlobReader blobs) : changes_(std::move(changes)), blobs_(std::move(blobs)) {}

    ChangeStream changes_;
    BlobReader blobs_;
    std::deque<CommitChanges> ahead_;  // their blobs are requested
    bool ended_ = false;
};

}  // namespace zverse::tools
