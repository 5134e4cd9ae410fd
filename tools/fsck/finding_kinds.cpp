#include <tools/fsck/finding_kinds.h>

#include <platform/audit.h>
#include <tools/fsck/bit_mending.h>

#include <algorithm>
#include <array>

namespace zverse::tools {

namespace {

namespace codes = platform::codes;
constexpr std::string_view kPreen = "zverse-fsck -p";
constexpr std::string_view kRepair = "zverse-fsck -y";
constexpr std::string_view kRecover = "zverse-recover";
constexpr std::string_view kReport = "check again, and report it";

/// What -p can mend. Everything else but failing reads is damage to data.
constexpr std::array kMendable = {codes::kSuperblockCopy, codes::kSuperblockDiffers, codes::kRingHeader,
                                  codes::kManifestCopy,   codes::kSegmentHeader,     codes::kSegmentStray};

constexpr std::array kBesideBlocks = {codes::kSegmentSize, codes::kSegmentHeader, codes::kSegmentSection,
                                      codes::kSegmentUnusable, codes::kIndexPage};

}  // namespace

bool spares_blocks(std::string_view code) noexcept {
    return std::ranges::find(kBesideBlocks, code) != kBesideBlocks.end();
}

FindingKind kind_of(const CheckReport& report, const Finding& finding) {
    const std::string_view code = finding.code;
    if (std::ranges::find(kMendable, code) != kMendable.end()) return {code, Severity::derived, kPreen};
    if (spares_blocks(code) && report.rebuildable.contains(finding.file)) return {code, Severity::derived, kPreen};
    if (is_one_bit(report, finding)) return {code, Severity::data, kRepair};
    if (code == codes::kAnswer) return {code, Severity::data, kReport};
    return {code, code == codes::kReadFailed ? Severity::hardware : Severity::data, kRecover};
}

std::string_view to_string(Severity severity) noexcept {
    switch (severity) {
        case Severity::derived: return "derived";
        case Severity::data: return "data";
        case Severity::hardware: return "hardware";
    }
    return "unknown";
}

}  // namespace zverse::tools
