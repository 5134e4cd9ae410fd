// How programs end; docs/tools.md tells users. Those of checks are bits, as of fsck(8).
#pragma once

namespace zverse::tools {

inline constexpr int kExitDone = 0;
inline constexpr int kExitAbsent = 1;      // get: no such key
inline constexpr int kExitDifferent = 1;   // the store differs from git, lost something, or nothing was proved
inline constexpr int kExitCorrected = 1;   // damage was found and mended
inline constexpr int kExitDamaged = 4;     // damage was found, or a dump is not whole
inline constexpr int kExitFailed = 8;      // what and why is on standard error
inline constexpr int kExitUsage = 16;
inline constexpr int kExitCancelled = 32;  // stopped by a signal
inline constexpr int kExitIncompatible = 128;  // of a format or with features that this build does not know

}  // namespace zverse::tools
