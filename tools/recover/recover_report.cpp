#include <tools/recover/recover_report.h>

#include <tools/common/text.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace zverse::tools {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kShown = 20;  // of a list, to people

std::string inside(const RecoverRequest& request, const std::string& file) {
    const std::string prefix = (request.source / "").string();
    return printable(file.starts_with(prefix) ? file.substr(prefix.size()) : file);
}

const char* to_string(UncertainPolicy policy) noexcept {
    switch (policy) {
        case UncertainPolicy::keep: return "keep";
        case UncertainPolicy::drop: return "drop";
        case UncertainPolicy::quarantine: return "quarantine";
    }
    return "unknown";
}

std::string loss_line(const RecoverRequest& request, const Loss& loss, bool redact) {
    const cold::LostPiece& piece = loss.piece;
    std::string line = inside(request, loss.file) + ": offset " + std::to_string(piece.offset);
    if (piece.bytes != 0) line += ", " + bytes_text(piece.bytes);
    line += ": " + printable(piece.what) + "; ";
    if (!redact && (!piece.keys.first.empty() || piece.keys.last)) {
        line += "keys " + printable(piece.keys.first) +
                (piece.keys.last ? " to " + printable(*piece.keys.last) : " on") + ", ";
    }
    line += "versions " + count_text(piece.version_min) + " to " + count_text(piece.version_max);
    if (piece.records_max != 0) line += ", at most " + counted(piece.records_max, "record");
    return line + "\n";
}

/// The first of a list, and how many more there are.
template <class List, class Line>
std::string shown(const List& list, std::uint64_t count, const Line& line) {
    std::string text;
    std::size_t lines = 0;
    for (auto each = list.begin(); each != list.end() && lines < kShown; ++each, ++lines) text += "  " + line(*each);
    const std::uint64_t told = std::min<std::uint64_t>(list.size(), kShown);
    if (count > told) text += "  and " + counted(count - told, "more") + "\n";
    return text;
}

std::string uncertain_text(const RecoverReport& report, const RecoverRequest& request, bool redact) {
    std::string text;
    if (report.uncertain_count != 0) {
        text += counted(report.uncertain_count, "key") +
                (report.uncertain_count == 1 ? " is uncertain: its newest record may be among the lost ones; "
                                             : " are uncertain: their newest records may be among the lost ones; ");
        switch (request.uncertain) {
            case UncertainPolicy::keep: text += "the ones found stand"; break;
            case UncertainPolicy::drop: text += "erased"; break;
            case UncertainPolicy::quarantine: text += "erased, and put aside under lost+found/"; break;
        }
        text += "\n";
        if (!redact) {
            text += shown(report.uncertain, report.uncertain_count,
                          [](const std::string& key) { return printable(key) + "\n"; });
        }
    } else if (!report.uncertain_known && !report.lossless()) {
        text += "Which keys are uncertain a run that writes a store tells.\n";
    }
    if (report.any_key_uncertain) {
        text += "Frames of a ring are lost: any key may have been among them, but nothing up to the version below.\n";
    }
    return text;
}

std::string losses_text(const RecoverReport& report, const RecoverRequest& request, bool redact) {
    std::string text;
    if (report.superblock_lost) text += "The superblock is lost, and with it every ring.\n";
    if (report.catalog_lost) {
        text += "The catalog is lost: not every segment whose file is gone is missed, and pins are gone.";
        if (!report.floor_known) {
            text += " Nor is known since which version history is whole, so reads begin with version " +
                    count_text(report.floor) + "; --floor says so where retention never forgot anything.";
        }
        text += "\n";
    }
    if (!report.corrected.empty()) {
        text += counted(report.corrected.size(), "bit") + " of pieces that are damaged in no other " +
                (report.corrected.size() == 1 ? "was" : "were") + " read turned back, as the checksums say:\n";
        text += shown(report.corrected, report.corrected.size(), [&](const CorrectedBit& each) {
            return inside(request, each.file) + ": byte " + std::to_string(each.byte) + ", bit " +
                   std::to_string(each.bit) + "\n";
        });
    }
    if (report.losses.size() != 0) {
        text += counted(report.losses.size(), "place") + " could not be read:\n";
        text += shown(report.losses, report.losses.size(),
                      [&](const Loss& loss) { return loss_line(request, loss, redact); });
    }
    if (report.lost_records_count != 0) {
        text += counted(report.lost_records_count, "record") + " known to have been there " +
                (report.lost_records_count == 1 ? "is" : "are") + " lost" +
                (request.uncertain == UncertainPolicy::keep ? "" : "; erased where they were") + ":\n";
        text += shown(report.lost_records, report.lost_records_count, [&](const LostRecord& record) {
            return (redact ? std::string("a key") : printable(record.key)) + " at version " +
                   count_text(record.version) + "\n";
        });
    }
    if (report.torn_frames != 0) {
        text += counted(report.torn_frames, "frame") +
                " of rings were cut short by a crash, or damaged since: of the former nobody was told.\n";
    }
    return text;
}

std::string text_report(const RecoverReport& report, const RecoverRequest& request, bool redact) {
    std::string text = losses_text(report, request, redact) + uncertain_text(report, request, redact);
    if (report.cancelled) return text + "Stopped before the end; --resume goes on.\n";
    text += printable(request.source.string()) + ": " + counted(report.segments, "segment") + " and " +
            counted(report.frames, "frame") + " read, " + counted(report.found, "record") + " found; ";
    text += (request.dry_run ? counted(report.written, "record") + " to write"
                             : counted(report.written, "record") + " and " + counted(report.pins, "pin") +
                                   " written to " + printable(request.target.string())) +
            ", readable from version " + count_text(report.floor) + " on\n";
    if (request.from == RecoverFrom::rings) text += "Only rings were read; of what they hold: ";
    if (request.from == RecoverFrom::segments) text += "Only segments were read; of what they hold: ";
    const bool lossless = report.lossless() && report.complete_up_to() == report.newest;
    text += !lossless             ? "Complete"
            : report.catalog_lost ? "Nothing else is missed: complete"
                                  : "Nothing is lost: complete";
    return text + " up to version " + count_text(report.complete_up_to()) +
           (report.complete_up_to() == report.newest ? "" : "; the newest found is " + count_text(report.newest)) +
           ".\n";
}

Json json_of(const RecoverRequest& request, const Loss& loss, bool redact) {
    const cold::LostPiece& piece = loss.piece;
    Json json = {{"file", inside(request, loss.file)},
                 {"offset", piece.offset},
                 {"length", piece.bytes},
                 {"what", printable(piece.what)}};
    if (!redact) {
        json["key_range"] = {printable(piece.keys.first), nullptr};
        if (piece.keys.last) json["key_range"][1] = printable(*piece.keys.last);
    }
    json["versions"] = {piece.version_min, piece.version_max};
    if (piece.records_max != 0) json["records_max"] = piece.records_max;
    return json;
}

std::string json_report(const RecoverReport& report, const RecoverRequest& request, int exit, bool redact) {
    Json losses = Json::array(), records = Json::array(), uncertain = Json::array(), corrected = Json::array();
    for (const CorrectedBit& each : report.corrected) {
        corrected.push_back({{"file", inside(request, each.file)}, {"byte", each.byte}, {"bit", each.bit}});
    }
    for (const Loss& loss : report.losses) losses.push_back(json_of(request, loss, redact));
    for (const LostRecord& record : report.lost_records) {
        Json each = {{"version", record.version}};
        if (!redact) each["key"] = printable(record.key);
        records.push_back(std::move(each));
    }
    for (const std::string& key : report.uncertain) {
        if (!redact) uncertain.push_back(printable(key));
    }
    Json json = {
        {"schema", "zverse.recover/1"},
        {"source", request.source.string()},
        {"target", request.target.string()},
        {"uuid", report.uuid},
        {"dry_run", request.dry_run},
        {"finished", report.finished},
        {"cancelled", report.cancelled},
        {"exit", exit},
        {"complete_up_to", report.complete_up_to()},
        {"versions", {{"floor", report.floor}, {"floor_known", report.floor_known}, {"newest", report.newest}}},
        {"superblock", report.superblock_lost ? "lost" : "whole"},
        {"catalog", report.catalog_lost ? "lost" : "whole"},
        {"read", {{"segments", report.segments}, {"frames", report.frames}, {"records", report.found}}},
        {"written", {{"records", report.written}, {"pins", report.pins}, {"from_older_copies", report.older_copies}}},
        {"left_out", {{"expired", report.expired}, {"newer", report.left_out}}},
        {"torn_frames", report.torn_frames},
        {"level", request.level == RecoverLevel::desperate ? "desperate" : "checksum"},
        {"corrected_bits", std::move(corrected)},
        {"lost_count", report.losses.size()},
        {"lost", std::move(losses)},
        {"lost_records_count", report.lost_records_count},
        {"lost_records", std::move(records)},
        {"uncertain_policy", to_string(request.uncertain)},
        {"uncertain_known", report.uncertain_known},
        {"any_key_uncertain", report.any_key_uncertain},
        {"uncertain_count", report.uncertain_count},
        {"uncertain", std::move(uncertain)},
    };
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void RecoverReport::lose(Loss loss) {
    miss_from(loss.piece.version_min);
    note(std::move(loss));
}

void RecoverReport::note(Loss loss) {
    const bool joins = losses.size() >= kLossesMax && losses.back().file == loss.file;
    if (!joins) {
        losses.push_back(std::move(loss));
        return;
    }
    cold::LostPiece &all = losses.back().piece, &piece = loss.piece;
    const std::uint64_t end = std::max(all.offset + all.bytes, piece.offset + piece.bytes);
    all.offset = std::min(all.offset, piece.offset);
    all.bytes = end - all.offset;
    all.what = "more pieces than are listed each";
    if (piece.keys.first < all.keys.first) all.keys.first = std::move(piece.keys.first);
    if (!piece.keys.last || (all.keys.last && *piece.keys.last > *all.keys.last)) all.keys.last = piece.keys.last;
    all.version_min = std::min(all.version_min, piece.version_min);
    all.version_max = std::max(all.version_max, piece.version_max);
    all.records_max += piece.records_max;
    losses.back().newest = losses.back().newest || loss.newest;
}

void RecoverReport::lose_record(std::string_view key, Version version) {
    miss_from(version);
    ++lost_records_count;
    if (lost_records.size() < kListedMax) lost_records.push_back({std::string(key), version});
}

std::string recover_report(const RecoverReport& report, const RecoverRequest& request, int exit, ReportStyle style,
                           bool redact) {
    return style == ReportStyle::json ? json_report(report, request, exit, redact)
                                      : text_report(report, request, redact);
}

}  // namespace zverse::tools
