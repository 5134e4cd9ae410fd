// What an admin needs to know of a finding besides its sentence: how bad it is, and what mends it. docs/findings.md has
// a row for each code.
#pragma once

#include <tools/fsck/store_check.h>

#include <string_view>

namespace zverse::tools {

enum class Severity {
    derived,  ///< made from data that is whole: can be made again, nothing is lost
    data,  ///< something may be lost
    hardware,  ///< the medium did not give what it holds
};

struct FindingKind {
    std::string_view code;
    Severity severity;
    std::string_view fix;  ///< "zverse-fsck -p", "zverse-recover", "reopen", ..
};

/// Whether a finding of this code says nothing against the blocks of its segment. Where they are all whole what was
/// found can be made again, see cold/segment_rebuild.h.
[[nodiscard]] bool spares_blocks(std::string_view code) noexcept;
/// Of a code that nobody knows: data, and zverse-recover.
[[nodiscard]] FindingKind kind_of(const CheckReport& report, const Finding& finding);
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

}  // namespace zverse::tools
