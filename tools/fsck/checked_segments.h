// CheckedSegments: which segments a check has found whole, in a file, so that the next one can go on behind them.
//
// A segment never changes once it is written, so what was whole is taken for whole: the file says what it was, by the
// checksum of its header, and by nothing else. Damaged ones are not in it: the next check finds them again.
//
//   {"schema": "zverse.fsck.resume/1", "uuid": "..", "level": "full", "segments": [[131, "9f0e12aa00112233"], ..]}
//
// The file is written anew, under another name and renamed, at most once in five seconds and at the end: whoever is
// killed loses what was found whole since.
//
// Threads: one at a time.
#pragma once

#include <cold/layout.h>
#include <platform/file_io.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace zverse::tools {

class CheckedSegments {
public:
    /// Reads the file if there is one. Errors: io; invalid_argument (it is no such file, or of another store or level).
    [[nodiscard]] static Result<CheckedSegments> open(platform::FileIo& io, std::filesystem::path path,
                                                      std::string uuid, std::string level);

    [[nodiscard]] bool has(const cold::SegmentHeader& header) const;
    /// Errors: io, full.
    [[nodiscard]] Result<void> note(const cold::SegmentHeader& header);
    [[nodiscard]] Result<void> save();
    /// All was looked at: the next check begins anew.
    [[nodiscard]] Result<void> remove();

private:
    CheckedSegments(platform::FileIo& io, std::filesystem::path path, std::string uuid, std::string level)
        : io_(&io), path_(std::move(path)), uuid_(std::move(uuid)), level_(std::move(level)) {}
    [[nodiscard]] Result<void> read();
    [[nodiscard]] bool parse(const std::string& text);
    [[nodiscard]] std::string text() const;

    platform::FileIo* io_;
    std::filesystem::path path_;
    std::string uuid_, level_;
    std::map<std::uint64_t, std::uint64_t> checksums_;  ///< of headers, by segment
    std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace zverse::tools
