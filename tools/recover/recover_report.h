// What a recovery found, what it did not, and how that is told.
#pragma once

#include <cold/segment_salvage.h>
#include <tools/common/report_style.h>
#include <tools/recover/recover_request.h>
#include <zverse/types.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace zverse::tools {

/// A part of a file that could not be had.
struct Loss {
    std::string file;
    cold::LostPiece piece;
    /// Whether it may have held the newest record of a key: then an older one must not pass for it.
    bool newest = true;
};

/// A record that is known to be lost: what it replaced names it, or its value can't be had.
struct LostRecord {
    std::string key;
    Version version = 0;
};

/// A bit of the source that was wrong, and was read turned back.
struct CorrectedBit {
    std::string file;
    std::uint64_t byte = 0;
    unsigned bit = 0;
    auto operator<=>(const CorrectedBit&) const = default;
};

struct RecoverReport {
    /// Of the lists of records and keys; behind them only counts go on.
    static constexpr std::size_t kListedMax = 10'000;
    static constexpr std::size_t kLossesMax = 4'096;

    std::string uuid;
    bool superblock_lost = false;
    bool catalog_lost = false;
    bool floor_known = true;
    bool finished = false;  ///< the new store is whole; false, too, where none was to be written
    bool cancelled = false;

    std::uint64_t segments = 0, frames = 0;  ///< that something was read of
    std::uint64_t found = 0;  ///< records with a good checksum, as often as they were met
    std::uint64_t written = 0;  ///< records in the new store, erasures included
    std::uint64_t expired = 0;  ///< found, and seen by nobody who may read
    std::uint64_t left_out = 0;  ///< found, and newer than was asked for
    std::uint64_t older_copies = 0;  ///< written, out of what another file had replaced
    std::uint64_t torn_frames = 0;  ///< cut short by a crash, or damaged since
    std::uint64_t pins = 0;

    /// They tell where an older record may pass for a newer one, so none is left out; but behind many those of a file
    /// become one.
    std::vector<Loss> losses;
    std::set<CorrectedBit> corrected;  ///< a piece may be read more than once
    std::vector<LostRecord> lost_records;
    std::uint64_t lost_records_count = 0;
    std::vector<std::string> uncertain;
    std::uint64_t uncertain_count = 0;
    bool uncertain_known = false;  ///< they were looked for
    bool any_key_uncertain = false;  ///< frames are lost, and nothing tells of which keys

    Version floor = 0;  ///< of the new store
    Version newest = 0;  ///< that was found
    std::optional<Version> missing_from;  ///< the smallest version of which something may be missing

    /// With it everything from its smallest version on may miss something.
    void lose(Loss loss);
    /// The same where something else tells from which version on.
    void note(Loss loss);
    void lose_record(std::string_view key, Version version);
    void miss_from(Version version) noexcept {
        if (!missing_from || version < *missing_from) missing_from = version;
    }
    /// The largest version at or below which nothing is missing.
    [[nodiscard]] Version complete_up_to() const noexcept {
        if (!missing_from) return newest;
        return std::min(newest, *missing_from == 0 ? 0 : *missing_from - 1);
    }
    [[nodiscard]] bool lossless() const noexcept {
        return losses.empty() && lost_records_count == 0 && uncertain_count == 0 && !superblock_lost;
    }
};

/// `exit`: the program's.
[[nodiscard]] std::string recover_report(const RecoverReport& report, const RecoverRequest& request, int exit,
                                         ReportStyle style, bool redact);

}  // namespace zverse::tools
