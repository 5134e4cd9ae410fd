// How the program ends; docs/tools.md tells users.
#pragma once

namespace zverse::tools {

inline constexpr int kExitDone = 0;
inline constexpr int kExitDifferent = 1;   // the store differs from git, lost something, or nothing was proved
inline constexpr int kExitFailed = 8;      // what and why is on standard error
inline constexpr int kExitUsage = 16;
inline constexpr int kExitCancelled = 32;  // stopped by a signal

}  // namespace zverse::tools
