// Circumstances: all that a figure depends on besides the engine. Every report carries them, so that no figure made on
// emulated pmem, in memory or by a debug build passes for another.
#pragma once

#include <bench/suites/suite.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace zverse::bench {

struct Circumstances {
    /// Name and value, in the order of printing; names are stable, as keys of JSON.
    std::vector<std::pair<std::string, std::string>> facts;
    bool emulated = false;  ///< cache line or byte granularity forced on a medium that has less

    [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
};

/// Of this machine and the medium that `request` puts stores on.
[[nodiscard]] Circumstances circumstances(const BenchRequest& request);

}  // namespace zverse::bench
