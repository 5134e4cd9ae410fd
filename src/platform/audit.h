// Audit: what a check of files adds up to, and the codes of what it can find. A finding is no Error: the check goes on.
//
// Invariant: memory is bounded; behind kFindingsMax findings one last one says so.
//
// Threads: one at a time.
#pragma once

#include <platform/file_io.h>
#include <zverse/verification.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace zverse::platform {

/// Stable: docs/findings.md explains each to who has to act on it.
namespace codes {
inline constexpr std::string_view kTooMany = "ZV-ALL-001";
inline constexpr std::string_view kReadFailed = "ZV-IO-001";
inline constexpr std::string_view kFileMissing = "ZV-IO-002";
inline constexpr std::string_view kSuperblockCopy = "ZV-SUP-001";
inline constexpr std::string_view kSuperblockDiffers = "ZV-SUP-002";
inline constexpr std::string_view kSuperblockLost = "ZV-SUP-003";
inline constexpr std::string_view kRingSize = "ZV-RING-001";
inline constexpr std::string_view kRingHeader = "ZV-RING-002";
inline constexpr std::string_view kFrameMissing = "ZV-RING-003";
inline constexpr std::string_view kFrameDamaged = "ZV-RING-004";
inline constexpr std::string_view kFrameVersion = "ZV-RING-005";
inline constexpr std::string_view kRingHeaders = "ZV-RING-006";
inline constexpr std::string_view kManifestCopy = "ZV-MAN-001";
inline constexpr std::string_view kManifestEdit = "ZV-MAN-002";
inline constexpr std::string_view kManifestState = "ZV-MAN-003";
inline constexpr std::string_view kManifestLost = "ZV-MAN-004";
inline constexpr std::string_view kManifestBehind = "ZV-MAN-005";
inline constexpr std::string_view kSegmentSize = "ZV-SEG-001";
inline constexpr std::string_view kSegmentHeader = "ZV-SEG-002";
inline constexpr std::string_view kSegmentSection = "ZV-SEG-003";
inline constexpr std::string_view kSegmentCounts = "ZV-SEG-004";
inline constexpr std::string_view kSegmentStray = "ZV-SEG-005";
inline constexpr std::string_view kSegmentCut = "ZV-SEG-006";
inline constexpr std::string_view kSegmentUnusable = "ZV-SEG-007";
inline constexpr std::string_view kSegmentMisplaced = "ZV-SEG-008";
inline constexpr std::string_view kBlockPlace = "ZV-SEG-013";
inline constexpr std::string_view kBlockChecksum = "ZV-SEG-014";
inline constexpr std::string_view kRecordMalformed = "ZV-SEG-015";
inline constexpr std::string_view kRecordOrder = "ZV-SEG-016";
inline constexpr std::string_view kRecordVersion = "ZV-SEG-017";
inline constexpr std::string_view kRecordRange = "ZV-SEG-018";
inline constexpr std::string_view kValueChecksum = "ZV-SEG-019";
inline constexpr std::string_view kIndexPage = "ZV-SEG-020";
inline constexpr std::string_view kIndexPosting = "ZV-SEG-021";
inline constexpr std::string_view kZone = "ZV-SEG-022";
inline constexpr std::string_view kBlockCompression = "ZV-SEG-023";
inline constexpr std::string_view kVersionTwice = "ZV-VER-001";
inline constexpr std::string_view kPinBelowFloor = "ZV-VER-002";
inline constexpr std::string_view kSlabsOverlap = "ZV-VER-003";
inline constexpr std::string_view kAnswer = "ZV-ANS-001";
}  // namespace codes

class Audit {
public:
    static constexpr std::size_t kFindingsMax = 10'000;

    /// `stopped`: whether to give up; asked now and then.
    explicit Audit(std::function<bool()> stopped = {}) : stopped_(std::move(stopped)) {}

    void find(std::string_view code, const std::filesystem::path& file, std::uint64_t offset, std::string what);
    /// A file could not be looked at.
    void find(const Error& error, const std::filesystem::path& file, std::uint64_t offset);
    /// Reads all of `to`, or finds why not and returns false.
    [[nodiscard]] bool read(File& file, std::span<std::byte> to, std::uint64_t offset);
    /// Opens a file that must be there with `bytes`; null, and a finding, where it can't. `size_code`: of another size.
    [[nodiscard]] std::unique_ptr<File> open(FileIo& io, const std::filesystem::path& path, std::uint64_t bytes,
                                             std::string_view size_code);
    [[nodiscard]] bool stopped() const { return stopped_ && stopped_(); }
    /// Adds what another one has seen, behind what this one has.
    void absorb(Audit&& other);

    /// Whether something was not looked at for want of memory or files: no finding about it means anything.
    [[nodiscard]] bool starved() const noexcept { return starved_; }
    void count_bytes(std::uint64_t bytes) noexcept { seen_.bytes += bytes; }
    void count_records(std::uint64_t records) noexcept { seen_.records += records; }
    void count_segment() noexcept { ++seen_.segments; }
    [[nodiscard]] std::size_t findings() const noexcept { return seen_.findings.size(); }
    [[nodiscard]] const Verification& seen() const noexcept { return seen_; }
    [[nodiscard]] Verification take() noexcept { return std::move(seen_); }

private:
    std::function<bool()> stopped_;
    bool starved_ = false;
    Verification seen_;
};

}  // namespace zverse::platform
