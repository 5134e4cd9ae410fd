// An import in a child process that tells what was acknowledged, and can be killed in the middle.
#pragma once

#include <tools/git/import_git.h>
#include <zverse/error.h>

#include <cstdint>
#include <string>
#include <vector>

namespace zverse::tools {

struct Acknowledgement {
    std::string commit;
    Version version = 0;
};

struct KilledImport {
    std::vector<Acknowledgement> acknowledged;  ///< all the child told before it died
    bool killed = false;                        ///< it died of SIGKILL, not by itself
};

/// Runs `import-git` of this program as a child and kills it with SIGKILL once `kill_after` commits are
/// acknowledged. The child goes on writing meanwhile, but not to its end: a few commits later, or before it would
/// close the store, it waits. Errors: stopped(); io when the child could not be started or failed by itself, without a
/// message where the child has told its reason.
[[nodiscard]] Result<KilledImport> import_and_kill(const ImportRequest& request, std::uint64_t kill_after,
                                                   std::uint64_t commits_left);

}  // namespace zverse::tools
