#include <tools/fsck/fsck_report.h>

#include <tools/common/exit_status.h>
#include <tools/common/text.h>
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
    const auto is_so = [&](const Finding& finding) { return kind_of(finding.code).severity == severity; };
    return static_cast<std::uint64_t>(std::ranges::count_if(outcome.report.seen.findings, is_so));
}

std::string result_of(const FsckOutcome& outcome) {
    if (outcome.report.cancelled) return "cancelled";
    if (!outcome.report.clean()) return "errors";
    return outcome.corrected.empty() ? "clean" : "corrected";
}

/// The one sentence that says what to do.
std::string advice(const FsckOutcome& outcome) {
    const CheckReport& report = outcome.report;
    if (report.cancelled) return "Stopped before the end: what was not looked at may be damaged.";
    if (report.clean()) {
        if (!outcome.corrected.empty()) return "All damage was to copies, and is mended.";
        if (outcome.recovered) return "No damage. The store was recovered.";
        if (report.load_unfinished) {
            return "No damage. A load was not finished: go on with it by zverse load --resume; until then the store "
                   "can only be read.";
        }
        if (report.needs_recovery) return "No damage. The next opening for writing recovers what a crash left.";
        return "No damage.";
    }
    std::set<std::string> files;
    for (const Finding& finding : report.seen.findings) files.insert(finding.file);
    const std::uint64_t lost = count_of(outcome, Severity::data), unread = count_of(outcome, Severity::hardware);
    if (lost + unread == 0)
        return "Nothing is lost: only copies are damaged. Run: zverse-fsck -p " + printable(outcome.store.string());
    std::string text = lost == 0 ? "What the medium did not give" : "Data damage";
    text += " in " + counted(lost + unread, "place") + " of " + counted(files.size(), "file") + ". ";
    if (unread != 0) text += "The medium fails: copy the store away first. ";
    return text + "Restore from a backup, or run: zverse-recover " + printable(outcome.store.string()) + " NEW";
}

std::string finding_line(const FsckOutcome& outcome, const Finding& finding) {
    return inside(outcome, finding.file) + ": offset " + std::to_string(finding.offset) + ": " +
           printable(finding.what) + " [" + finding.code + ", " +
           std::string(to_string(kind_of(finding.code).severity)) + "]\n";
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
            count_text(report.max_seen) + ", durable to " + count_text(report.durable) + "; " +
            (report.clean_shutdown ? "closed cleanly" : "not closed cleanly") + "\n";
    return text + advice(outcome) + "\n";
}

Json json_of(const FsckOutcome& outcome, const Finding& finding, bool redact) {
    const FindingKind kind = kind_of(finding.code);
    Json json = {{"code", finding.code},
                 {"severity", to_string(kind.severity)},
                 {"what", printable(finding.what)},
                 {"file", inside(outcome, finding.file)},
                 {"offset", finding.offset}};
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

std::string json_report(const FsckOutcome& outcome, bool redact, std::uint64_t errors_max) {
    const CheckReport& report = outcome.report;
    const Json json = {
        {"schema", "zverse.fsck/1"},
        {"store", outcome.store.string()},
        {"uuid", report.uuid},
        {"format", kFormat},
        {"mode", outcome.mode == FsckMode::check ? "check" : "preen"},
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
          {"records", report.seen.records},
          {"seconds", report.seconds}}},
        {"error_count", report.seen.findings.size()},
        {"errors", json_list(outcome, report.seen.findings, redact, errors_max)},
        {"corrected", json_list(outcome, outcome.corrected, redact, errors_max)},
        {"left_by_crash", json_list(outcome, report.left_by_crash, redact, errors_max)},
        {"advice", advice(outcome)},
    };
    // Paths may hold any bytes; JSON holds UTF-8, so what is none becomes U+FFFD.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string fsck_report(const FsckOutcome& outcome, ReportStyle style, bool redact, std::uint64_t errors_max) {
    return style == ReportStyle::json ? json_report(outcome, redact, errors_max)
                                      : text_report(outcome, redact, errors_max);
}

const char* to_string(CheckLevel level) noexcept {
    switch (level) {
        case CheckLevel::quick: return "quick";
        case CheckLevel::normal: return "normal";
        case CheckLevel::full: return "full";
    }
    return "unknown";
}

}  // namespace zverse::tools
