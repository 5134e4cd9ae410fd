#include <tools/fsck/fsck_report.h>

#include <platform/audit.h>
#include <tools/common/exit_status.h>
#include <tools/common/text.h>
#include <tools/fsck/bit_mending.h>
#include <tools/fsck/finding_kinds.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace zverse::tools {

namespace {

using Json = nlohmann::ordered_json;
constexpr int kFormat = 1;

/// The path without the store's, as far as it begins so.
std::string inside(const FsckOutcome& outcome, const std::string& file) {
    const std::string prefix = (outcome.store / "").string();
    return printable(file.starts_with(prefix) ? file.substr(prefix.size()) : file);
}

std::uint64_t count_of(const FsckOutcome& outcome, Severity severity) {
    const auto is_so = [&](const Finding& finding) { return kind_of(outcome.report, finding).severity == severity; };
    return static_cast<std::uint64_t>(std::ranges::count_if(outcome.report.seen.findings, is_so));
}

std::string result_of(const FsckOutcome& outcome) {
    if (outcome.report.cancelled) return "cancelled";
    if (!outcome.report.clean()) return "errors";
    return outcome.corrected.empty() ? "clean" : "corrected";
}

constexpr const char* kGoOnWithLoad =
    " A load was not finished: go on with it by zverse load --resume; until then the store can only be read.";

/// Of a store in which nothing is damaged, or nothing any more.
std::string advice_when_clean(const FsckOutcome& outcome) {
    const CheckReport& report = outcome.report;
    const char* const load = report.load_unfinished ? kGoOnWithLoad : "";
    if (!outcome.corrected.empty()) {
        const auto is_block = [](const Finding& finding) { return finding.code == platform::codes::kBlockChecksum; };
        const std::string all = std::ranges::any_of(outcome.corrected, is_block)
                                    ? "All damage is mended; blocks of which a bit was wrong are in lost+found/ as "
                                      "they were."
                                    : "All damage was to copies and to what is made from data that is whole; it is "
                                      "mended.";
        return all + load;
    }
    if (outcome.recovered) return "No damage. The store was recovered.";
    if (report.load_unfinished) return std::string("No damage.") + load;
    if (report.needs_recovery) return "No damage. The next opening for writing recovers what a crash left.";
    if (report.segments_passed_over != 0) return "No damage in what was looked at this time.";
    if (outcome.level == CheckLevel::quick) return "No damage in what was looked at: no blocks of segments.";
    return "No damage.";
}

/// What -y can do about it, or could not; nothing where that is not known to help.
std::string advice_on_bits(const FsckOutcome& outcome) {
    if (outcome.mode == FsckMode::repair) return "";
    const CheckReport& report = outcome.report;
    std::uint64_t one_bit = 0, not_tried = 0;
    for (const Finding& finding : report.seen.findings) {
        const bool tried = report.second_looks.contains({finding.file, finding.offset});
        one_bit += is_one_bit(report, finding) ? 1 : 0;
        not_tried += finding.code == platform::codes::kBlockChecksum && !tried ? 1 : 0;
    }
    const std::string run = "zverse-fsck -y " + printable(outcome.store.string());
    if (one_bit != 0) {
        return "In " + counted(one_bit, "place") + " one bit alone is wrong. Run: " + run + ". For what it leaves: ";
    }
    if (not_tried == 0) return "";
    return "Where one bit of a block is wrong, which --repeat-read tells, " + run + " mends it. Else: ";
}

/// The sentence that says what to do.
std::string advice(const FsckOutcome& outcome) {
    const CheckReport& report = outcome.report;
    if (report.cancelled) return "Stopped before the end: what was not looked at may be damaged.";
    if (report.clean()) return advice_when_clean(outcome);
    if (report.answers) return "The store answers something else than its files hold. Check again; then report it.";
    const std::uint64_t lost = count_of(outcome, Severity::data), unread = count_of(outcome, Severity::hardware);
    if (lost + unread == 0)
        return "Nothing is lost: what is damaged can be made again. Run: zverse-fsck -p " +
               printable(outcome.store.string());
    std::set<std::string> files;
    for (const Finding& finding : report.seen.findings) {
        if (kind_of(report, finding).severity != Severity::derived) files.insert(finding.file);
    }
    std::string text = lost == 0 ? "What the medium did not give" : "Data damage";
    text += " in " + counted(lost + unread, "place") + " of " + counted(files.size(), "file") + ". ";
    if (unread != 0) text += "The medium fails: copy the store away first. ";
    text += advice_on_bits(outcome) + "Restore from a backup, or run: zverse-recover ";
    return text + printable(outcome.store.string()) + " NEW";
}

const char* to_string(FsckMode mode) noexcept {
    switch (mode) {
        case FsckMode::check: return "check";
        case FsckMode::preen: return "preen";
        case FsckMode::repair: return "repair";
    }
    return "unknown";
}

const char* to_string(Reread reread) noexcept {
    switch (reread) {
        case Reread::same: return "same";
        case Reread::differs: return "differs";
        case Reread::good: return "good";
        case Reread::failed: return "failed";
    }
    return "unknown";
}

const SecondLook* second_look(const FsckOutcome& outcome, const Finding& finding) {
    const auto found = outcome.report.second_looks.find({finding.file, finding.offset});
    return found == outcome.report.second_looks.end() ? nullptr : &found->second;
}

std::string second_look_text(const SecondLook* look) {
    if (look == nullptr) return "";
    switch (look->reread) {
        case Reread::good: return "; read again it is whole: suspect memory, cables, the controller";
        case Reread::differs: return "; read again it is different, and damaged still: suspect the device";
        case Reread::failed: return "; it could not be read again";
        case Reread::same: break;
    }
    if (!look->flipped) return "; read again it is the same";
    return "; read again it is the same: bit " + std::to_string(look->flipped->bit) + " of byte " +
           std::to_string(look->flipped->byte) + " alone is wrong, as memory that fails leaves it";
}

std::string finding_line(const FsckOutcome& outcome, const Finding& finding) {
    return inside(outcome, finding.file) + ": offset " + std::to_string(finding.offset) + ": " +
           printable(finding.what) + second_look_text(second_look(outcome, finding)) + " [" + finding.code + ", " +
           std::string(to_string(kind_of(outcome.report, finding).severity)) + "]\n";
}

std::string affected_lines(const FsckOutcome& outcome, bool redact) {
    std::string text;
    for (const auto& [file, what] : outcome.report.affected) {
        text += "  " + inside(outcome, file) + " has " + counted(what.records, "record") + " of versions " +
                count_text(what.version_min) + " to " + count_text(what.version_max);
        if (!redact) text += ", keys " + printable(what.first_key) + " to " + printable(what.last_key);
        text += "\n";
    }
    return text;
}

/// What is said of level paranoid's own part.
std::string answers_line(const FsckOutcome& outcome) {
    if (outcome.level != CheckLevel::paranoid) return "";
    const auto& answers = outcome.report.answers;
    if (!answers) return "Answers were not compared: only those of a whole store that was closed cleanly are.\n";
    return "answers about " + counted(answers->keys, "key") + " with " + counted(answers->records, "record") +
           " were compared with the files\n";
}

const char* shutdown_text(const CheckReport& report) noexcept {
    if (!report.shutdown_known) return "whether it was closed was not looked at";
    return report.clean_shutdown ? "closed cleanly" : "not closed cleanly";
}

std::string text_report(const FsckOutcome& outcome, bool redact, std::uint64_t errors_max) {
    const CheckReport& report = outcome.report;
    std::string text;
    for (const Finding& finding : outcome.corrected) text += "mended: " + finding_line(outcome, finding);
    std::uint64_t listed = 0;
    for (const Finding& finding : report.seen.findings) {
        if (errors_max != 0 && listed == errors_max) {
            text += "and " + counted(report.seen.findings.size() - listed, "more finding") + "\n";
            break;
        }
        text += finding_line(outcome, finding);
        ++listed;
    }
    text += affected_lines(outcome, redact);
    text += printable(outcome.store.string()) + ": " + counted(report.seen.segments, "segment") + ", " +
            counted(report.seen.records, "record") + ", " + bytes_text(report.seen.bytes) + " read in " +
            seconds_text(report.seconds) + "; versions from " + count_text(report.floor) + " to " +
            count_text(report.max_seen) + ", durable to " + count_text(report.durable) + "; " + shutdown_text(report) +
            "\n";
    if (report.segments_passed_over != 0) {
        text +=
            counted(report.segments_passed_over, "segment") + " had been found whole before, and were passed over\n";
    }
    text += answers_line(outcome);
    return text + advice(outcome) + "\n";
}

Json json_of(const FsckOutcome& outcome, const Finding& finding, bool redact) {
    const FindingKind kind = kind_of(outcome.report, finding);
    Json json = {{"code", finding.code},
                 {"severity", to_string(kind.severity)},
                 {"what", printable(finding.what)},
                 {"file", inside(outcome, finding.file)},
                 {"offset", finding.offset}};
    if (const SecondLook* look = second_look(outcome, finding); look != nullptr) {
        json["length"] = look->bytes;
        json["reread"] = to_string(look->reread);
        if (look->flipped) json["single_bit_flip"] = {{"byte", look->flipped->byte}, {"bit", look->flipped->bit}};
    }
    const auto found = outcome.report.affected.find(finding.file);
    if (found != outcome.report.affected.end()) {
        const Affected& what = found->second;
        Json& affects = json["affects"];
        if (!redact) affects["key_range"] = {printable(what.first_key), printable(what.last_key)};
        affects["versions"] = {what.version_min, what.version_max};
        affects["records_max"] = what.records;
    }
    json["fix"] = kind.fix;
    return json;
}

Json json_list(const FsckOutcome& outcome, const std::vector<Finding>& findings, bool redact, std::uint64_t most) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        if (most != 0 && list.size() == most) break;
        list.push_back(json_of(outcome, finding, redact));
    }
    return list;
}

/// All of it but the lists of findings, which stand between its first members and the advice.
Json json_summary(const FsckOutcome& outcome) {
    const CheckReport& report = outcome.report;
    Json json = {
        {"schema", "zverse.fsck/1"},
        {"store", outcome.store.string()},
        {"uuid", report.uuid},
        {"format", kFormat},
        {"mode", to_string(outcome.mode)},
        {"level", to_string(outcome.level)},
        {"result", result_of(outcome)},
        {"exit", outcome.exit},
        {"clean_shutdown", report.clean_shutdown},
        {"needs_recovery", report.needs_recovery},
        {"load_unfinished", report.load_unfinished},
        {"versions", {{"floor", report.floor}, {"durable", report.durable}, {"max_seen", report.max_seen}}},
        {"scanned",
         {{"bytes", report.seen.bytes},
          {"segments", report.seen.segments},
          {"segments_passed_over", report.segments_passed_over},
          {"records", report.seen.records},
          {"seconds", report.seconds}}},
    };
    if (report.answers) json["answers"] = {{"keys", report.answers->keys}, {"records", report.answers->records}};
    json["error_count"] = report.seen.findings.size();
    return json;
}

// Paths may hold any bytes; JSON holds UTF-8, so what is none becomes U+FFFD.

std::string json_report(const FsckOutcome& outcome, bool redact, std::uint64_t errors_max) {
    Json json = json_summary(outcome);
    json["errors"] = json_list(outcome, outcome.report.seen.findings, redact, errors_max);
    json["corrected"] = json_list(outcome, outcome.corrected, redact, errors_max);
    json["left_by_crash"] = json_list(outcome, outcome.report.left_by_crash, redact, errors_max);
    json["advice"] = advice(outcome);
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// A line for each finding, and one at the end for all of it. "type" says which.
std::string json_lines_report(const FsckOutcome& outcome, bool redact, std::uint64_t errors_max) {
    std::string text;
    const auto add_line = [&](const char* type, const Json& members) {
        Json line = {{"type", type}};
        line.update(members);
        text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    };
    const auto add_list = [&](const char* type, const std::vector<Finding>& findings) {
        for (const Json& each : json_list(outcome, findings, redact, errors_max)) add_line(type, each);
    };
    add_list("error", outcome.report.seen.findings);
    add_list("corrected", outcome.corrected);
    add_list("left_by_crash", outcome.report.left_by_crash);
    Json summary = json_summary(outcome);
    summary["advice"] = advice(outcome);
    add_line("summary", summary);
    return text;
}

}  // namespace

std::string fsck_report(const FsckOutcome& outcome, ReportStyle style, bool redact, std::uint64_t errors_max) {
    switch (style) {
        case ReportStyle::json: return json_report(outcome, redact, errors_max);
        case ReportStyle::json_lines: return json_lines_report(outcome, redact, errors_max);
        case ReportStyle::text: break;
    }
    return text_report(outcome, redact, errors_max);
}

const char* to_string(CheckLevel level) noexcept {
    switch (level) {
        case CheckLevel::quick: return "quick";
        case CheckLevel::normal: return "normal";
        case CheckLevel::full: return "full";
        case CheckLevel::paranoid: return "paranoid";
    }
    return "unknown";
}

}  // namespace zverse::tools
