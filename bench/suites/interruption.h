// The end asked for from outside: SIGINT and SIGTERM end a run between two blocks of operations; stores are removed.
#pragma once

#include <string>

namespace zverse::bench {

/// From then on the signals only set a flag; the second one ends the process as ever.
void watch_for_interruption();
[[nodiscard]] bool interruption_asked() noexcept;

/// A name that no other living process has, for directories.
[[nodiscard]] std::string process_name();

}  // namespace zverse::bench
