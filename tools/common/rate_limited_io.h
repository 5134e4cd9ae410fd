// RateLimitedIo: a FileIo whose files are read at most so fast, all of them together, so that a check in the background
// leaves the device to those who work with it.
//
// The schedule is a line: each read has its place on it, as long as it takes at that rate, and waits for its beginning.
// What was not read in time is not made up for. Reads wait in slices, so that one who is told to stop does so soon.
//
// Threads: any. Writes and all else go through as they are.
#pragma once

#include <platform/file_io.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace zverse::tools {

/// `bytes_per_second` is above 0. `stopped`: from then on nothing waits.
[[nodiscard]] std::unique_ptr<platform::FileIo> limit_rate(std::unique_ptr<platform::FileIo> io,
                                                           std::uint64_t bytes_per_second,
                                                           std::function<bool()> stopped);

}  // namespace zverse::tools
