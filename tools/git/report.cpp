#include <tools/common/platform_table.h>
#include <tools/common/text.h>
#include <tools/git/report.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace zverse::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLabelColumns = 14;
constexpr std::uint64_t kRecordsForARate = 100'000;

std::string line(const std::string& label, const std::string& text) {
    return "  " + label + std::string(kLabelColumns - std::min(kLabelColumns - 1, label.size()), ' ') + text + "\n";
}

std::string finish(const Json& json) {
    // Paths may hold any bytes; JSON holds UTF-8, so what is none becomes U+FFFD.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

const char* durability_name(Durability durability) { return durability == Durability::power ? "power" : "process"; }

std::string rings_text(const StoreUse& use) {
    std::string text = std::to_string(use.rings.shards) + " x " + bytes_text(use.rings.ring_bytes);
    if (use.rings.bytes() == 0) return text;
    const double part = static_cast<double>(use.ring_used_bytes) / static_cast<double>(use.rings.bytes());
    return text + ", " + std::to_string(std::lround(part * 100)) + "% used";
}

/// What of a history lies in segments: how many, in how many components of each level, along which curves.
std::string settled_lines(const StoreUse& use) {
    std::string text = line("segments", count_text(use.segments) + " of " + bytes_text(use.segment_bytes) + ", after " +
                                            counted(use.flushes, "flush") + " and " + counted(use.merges, "merge"));
    std::string levels;
    for (const LevelUse& level : use.levels) {
        levels +=
            (levels.empty() ? "" : ", ") + count_text(level.components) + " " + level.kind + " at level " + level.level;
        if (!level.curve.empty()) levels += " along " + level.curve;
    }
    if (!levels.empty()) text += line("levels", levels);
    char ratio[32];
    std::snprintf(ratio, sizeof(ratio), "%.2f", use.write_amplification());
    if (use.settled_bytes > 0)
        text += line("amplification", std::string(ratio) + " bytes of segments written for each byte settled");
    return text;
}

std::string speed_text(double records, double bytes, double seconds) {
    return seconds_text(seconds) + ", " + rate_text(records, seconds, "records") + ", " +
           bytes_text(static_cast<std::uint64_t>(seconds > 0 ? bytes / seconds : 0)) + "/s";
}

Json levels_json(const StoreUse& use) {
    Json levels = Json::array();
    for (const LevelUse& level : use.levels) {
        levels.push_back(
            {{"kind", level.kind}, {"level", level.level}, {"curve", level.curve}, {"components", level.components}});
    }
    return levels;
}

Json import_json(const ImportReport& report) {
    return {{"tip", report.tip},
            {"commits_before", report.commits_before},
            {"commits", report.commits},
            {"puts", report.puts},
            {"erases", report.erases},
            {"records", report.records()},
            {"submodule_entries_skipped", report.submodules},
            {"content_bytes", report.content_bytes},
            {"first_version", report.first_version},
            {"last_version", report.last_version},
            {"shards", report.use.rings.shards},
            {"ring_bytes", report.use.rings.ring_bytes},
            {"segments", report.use.segments},
            {"segment_bytes", report.use.segment_bytes},
            {"levels", levels_json(report.use)},
            {"flushes", report.use.flushes},
            {"merges", report.use.merges},
            {"write_amplification", report.use.write_amplification()},
            {"ring_used_bytes", report.use.ring_used_bytes},
            {"sizing_seconds", report.sizing_seconds},
            {"import_seconds", report.import_seconds},
            {"store_seconds", report.store_seconds},
            {"cancelled", report.cancelled}};
}

Json verify_json(const VerifyReport& report, const VerifySampling& sampling) {
    return {{"commits", report.commits},
            {"seed", sampling.seed},
            {"trees", report.trees},
            {"tree_entries", report.tree_entries},
            {"tree_bytes", report.tree_bytes},
            {"change_records", report.change_records},
            {"diffs", report.diffs},
            {"diff_entries", report.diff_entries},
            {"histories", report.histories},
            {"history_records", report.history_records},
            {"ambiguous_paths", report.ambiguous_paths},
            {"differences", report.differences},
            {"first_differences", report.first_differences},
            {"seconds", report.seconds}};
}

std::string import_lines(const ImportReport& report) {
    const auto records = static_cast<double>(report.records());
    const auto bytes = static_cast<double>(report.content_bytes);
    std::string text;
    text += line("imported", counted(report.commits, "commit") + ": " + counted(report.puts, "put") + ", " +
                                 counted(report.erases, "erase") + ", " + bytes_text(report.content_bytes));
    if (report.submodules > 0) text += line("left out", count_text(report.submodules) + " changes of submodules");
    if (report.commits > 0) {
        text += line("versions", count_text(report.first_version) + " to " + count_text(report.last_version));
        text += line("git + store", speed_text(records, bytes, report.import_seconds));
        text += line("store alone", speed_text(records, bytes, report.store_seconds));
    }
    text += line("sizing", seconds_text(report.sizing_seconds));
    text += line("rings", rings_text(report.use));
    text += settled_lines(report.use);
    return text;
}

std::string verify_lines(const VerifyReport& report, const VerifySampling& sampling) {
    const std::string ambiguous = report.ambiguous_paths == 0
                                      ? std::string()
                                      : "; " + counted(report.ambiguous_paths, "ambiguous path") + " left out";
    std::string text;
    text += line("trees", counted(report.trees, "tree") + ", " + counted(report.tree_entries, "path") + ", " +
                              bytes_text(report.tree_bytes) + ": scan and multi_get against git ls-tree and cat-file");
    text += line("changes", counted(report.change_records, "record") + " of " + counted(report.commits, "commit") +
                                " against git log, " + counted(report.diffs, "range") + " with " +
                                counted(report.diff_entries, "path") + " against git diff");
    text += line("history", counted(report.histories, "path") + ", " + counted(report.history_records, "record") +
                                ": history against git log -- path" + ambiguous);
    text += line("took", seconds_text(report.seconds) + ", seed " + std::to_string(sampling.seed));
    return text;
}

std::string differences_text(const VerifyReport& report) {
    if (report.differences == 0) return {};
    std::string text = count_text(report.differences) + (report.differences == 1 ? " DIFFERENCE" : " DIFFERENCES");
    text += report.differences > report.first_differences.size() ? ", the first of them:\n" : ":\n";
    for (const std::string& difference : report.first_differences) text += "  " + difference + "\n";
    return text;
}

std::string granularity_text(const ProveReport& report, const StoreSetup& setup) {
    std::string text = platform_used(report.stats, kPersistenceRows);
    if (!setup.granularity.empty()) text += ", forced";
    if (is_emulated(setup, report.medium)) text += "; EMULATED: real instructions, no persistent medium behind them";
    return text;
}

std::string recovery_text(std::uint64_t records, double recovery_seconds, double open_seconds) {
    std::string text = counted(records, "record") + " in " + seconds_text(recovery_seconds);
    // With few records the time is that of fixed work, and a rate would say nothing.
    if (records >= kRecordsForARate)
        text += ", " + rate_text(static_cast<double>(records), recovery_seconds, "records");
    return text + "; opened in " + seconds_text(open_seconds) + ", mapping and page faults included";
}

std::string kill_lines(const ProveReport& report) {
    std::string text;
    for (const KillReport& kill : report.kills) {
        std::string what = (kill.killed ? "after " : "the writer had finished after ") +
                           counted(kill.acknowledged, "acknowledged commit") + ": " + count_text(kill.found) + " found";
        if (kill.unacknowledged > 0)
            what += ", and " + count_text(kill.unacknowledged) + " written, not yet acknowledged";
        text += line(kill.killed ? "kill -9" : "no kill", what);
        text += line("recovery", recovery_text(kill.records, kill.recovery_seconds, kill.open_seconds));
    }
    if (report.was_killed())
        text += line("versions",
                     "go on at the limit persisted before the kill: up to 16,777,216 are skipped, none is reused");
    return text;
}

Json prove_json(const ProveReport& report, const ProveRequest& request) {
    Json kills = Json::array();
    for (const KillReport& kill : report.kills) {
        kills.push_back({{"killed", kill.killed},
                         {"acknowledged", kill.acknowledged},
                         {"found", kill.found},
                         {"unacknowledged", kill.unacknowledged},
                         {"records", kill.records},
                         {"open_seconds", kill.open_seconds},
                         {"recovery_seconds", kill.recovery_seconds}});
    }
    return {{"schema", "zverse.prove-git/1"},
            {"repository", report.repository},
            {"medium", report.medium.describe()},
            {"emulated", is_emulated(request.import.setup, report.medium)},
            {"granularity", platform_used(report.stats, kPersistenceRows)},
            {"durability", durability_name(request.import.setup.durability)},
            {"records", report.records},
            {"content_bytes", report.content_bytes},
            {"latest_version", report.latest},
            {"durable_version", report.durable},
            {"floor", report.floor},
            {"reopen_seconds", report.reopen_seconds},
            {"reopen_recovery_seconds", report.reopen_recovery_seconds},
            {"lost", report.lost},
            {"kills", std::move(kills)},
            {"import", import_json(report.import)},
            {"verify", verify_json(report.verify, request.sampling)},
            {"stats", Json::parse(report.stats.to_json(), nullptr, false)}};
}

}  // namespace

bool is_emulated(const StoreSetup& setup, const Medium& medium) {
    return !medium.dax && (setup.granularity == "cache_line" || setup.granularity == "byte");
}

std::string import_report(const ImportReport& report, const StoreSetup& setup, ReportStyle style) {
    const Medium medium = medium_of(setup.store);
    if (style == ReportStyle::text) {
        std::string text =
            report.commits_before > 0 ? line("found", count_text(report.commits_before) + " commits") : std::string();
        text += import_lines(report) + line("durability", durability_name(setup.durability));
        text += line("medium", medium.describe() + (is_emulated(setup, medium) ? "; EMULATED granularity" : ""));
        return text;
    }
    Json json{{"schema", "zverse.import-git/1"},
              {"store", setup.store.string()},
              {"durability", durability_name(setup.durability)},
              {"medium", medium.describe()},
              {"emulated", is_emulated(setup, medium)}};
    json.update(import_json(report));
    return finish(json);
}

std::string verify_report(const VerifyReport& report, const VerifySampling& sampling, ReportStyle style) {
    if (style == ReportStyle::text) {
        return verify_lines(report, sampling) +
               (report.differences == 0 ? "The store is what git says.\n" : differences_text(report));
    }
    Json json{{"schema", "zverse.verify-git/1"}};
    json.update(verify_json(report, sampling));
    return finish(json);
}

std::string prove_report(const ProveReport& report, const ProveRequest& request, ReportStyle style) {
    if (style == ReportStyle::json) return finish(prove_json(report, request));
    const StoreSetup& setup = request.import.setup;
    std::string text = "\nZVerse on the history of " + printable(report.repository) + "\n\n";
    text += line("medium", report.medium.describe());
    text += line("granularity", granularity_text(report, setup));
    text += line("durability", std::string("class ") + durability_name(setup.durability) +
                                   (report.medium.memory ? ", of a medium that forgets all when power is lost" : ""));
    text += line("kernels",
                 platform_used(report.stats, "kernels") + ", file io by " + platform_used(report.stats, "file io"));
    text += line("store", count_text(report.records) + " records, " + bytes_text(report.content_bytes) + "; version " +
                              count_text(report.latest) + ", durable " + count_text(report.durable) + ", floor " +
                              count_text(report.floor));
    text += "\nKilled in the middle\n" + kill_lines(report);
    text += "\nResumed to the end\n" + import_lines(report.import);
    text += line("clean reopen", recovery_text(report.records, report.reopen_recovery_seconds, report.reopen_seconds));
    text += "\nCompared with git\n" + verify_lines(report.verify, request.sampling);
    text += "\nPlatform\n" + platform_table(report.stats) + "\n";
    text += differences_text(report.verify);
    if (report.lost > 0)
        text += count_text(report.lost) + " ACKNOWLEDGED COMMITS WERE LOST. ";
    else
        text += report.was_killed() ? "No acknowledged commit was lost. "
                                    : "No kill happened: NOTHING WAS PROVED ABOUT CRASHES. ";
    text += report.verify.differences == 0 ? "The store is what git says.\n" : "The store differs from git.\n";
    return text;
}

}  // namespace zverse::tools
