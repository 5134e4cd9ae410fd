// Does a store answer what its files hold?
//
// Data flow: every record of the segments that the catalog names, and of the rings above its cut, read as
// zverse-recover reads them, without index and zones -> an external sort that brings the records of a key together ->
// each key's records against what the store, opened read-only, says: history(), and get() as of the newest version, the
// one before and the floor; and of all keys together scan() and changes(), by the sums of their entries' hashes.
//
// A value stands for its hash (XXH3-64, Y. Collet). The sort's file is in the directory for temporary files, not in
// the store.
#pragma once

#include <platform/audit.h>
#include <platform/file_io.h>
#include <tools/common/pass_progress.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace zverse::tools {

struct AnswersRequest {
    std::filesystem::path store;
    std::vector<std::filesystem::path> hot_paths;  ///< empty: where the store has them recorded
    std::uint64_t memory_bytes = std::uint64_t{512} << 20;  ///< half of it for the sort; the open store has its own
    std::function<bool()> stopped = [] { return false; };
    PassListener progress = [](const PassProgress&) {};
};

struct AnswersSeen {
    std::uint64_t keys = 0, records = 0;
};

/// Of a store that was closed cleanly, in which nothing was found damaged, and that nobody has open for writing. What
/// differs is found in `audit`, by key. Nothing when it was told to stop. Errors: those of opening the store; io and
/// full of the sort.
[[nodiscard]] Result<std::optional<AnswersSeen>> check_answers(platform::FileIo& io, const AnswersRequest& request,
                                                               platform::Audit& audit);

}  // namespace zverse::tools
