// What Store::verify() found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zverse {

/// One thing that is not as it must be.
struct Finding {
    std::string code;  ///< stable, e.g. "ZV-SEG-014"; docs/findings.md explains each
    std::string file;  ///< path of the file
    std::string what;  ///< one sentence for people
    std::uint64_t offset = 0;  ///< in the file, in bytes: where the damaged piece begins
};

/// All that one verify() looked at.
struct Verification {
    std::vector<Finding> findings;  ///< in the order in which they were met; after 10,000 one "ZV-ALL-001" ends them
    std::uint64_t bytes = 0;  ///< read and checked
    std::uint64_t records = 0;  ///< read, in rings and segments; some may be in both while a flush runs
    std::uint64_t segments = 0;  ///< read, damaged ones too

    [[nodiscard]] bool clean() const noexcept { return findings.empty(); }
};

}  // namespace zverse
