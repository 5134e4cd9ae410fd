#include <tools/zverse/stat_view.h>

#include <engine/stat_page.h>
#include <platform/capabilities.h>
#include <tools/common/platform_table.h>
#include <tools/common/result.h>
#include <tools/common/text.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace zverse::tools {

namespace {

using nlohmann::json;

constexpr double kStaleSeconds = 10;  // a store publishes once a second
constexpr std::size_t kLabelColumns = 30;

std::int64_t now_nanoseconds() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// What the texts of a publication say; false when they are none of ours.
bool parse(StatView& view) {
    const json all = json::parse(view.json, nullptr, false);
    if (!all.is_object() || !all.contains("metrics") || !all["metrics"].is_object()) return false;
    for (const auto& [name, value] : all["metrics"].items()) {
        if (value.is_number()) view.metrics[name] = value.get<double>();
    }
    if (!all.contains("platform") || !all["platform"].is_array()) return true;
    const auto text = [](const json& row, const char* member) {
        const auto found = row.find(member);
        return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    for (const json& row : all["platform"]) {
        if (!row.is_object()) continue;
        view.platform.push_back(
            {text(row, "name"), text(row, "wanted"), text(row, "found"), text(row, "used"), text(row, "why_not")});
    }
    return true;
}

std::string name_of_process(std::uint64_t process) {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(process) + "/comm"), name);
    return name;
}

/// How a figure is shown.
enum class Shown { count, bytes, seconds, rate, byte_rate };

struct Line {
    const char* label;
    const char* metric;
    Shown shown;
};

struct Part {
    const char* section;
    std::vector<Line> lines;
};

/// The screen. Rings and levels have lines of their own besides.
const std::vector<Part>& parts() {
    static const std::vector<Part> all = {
        {"versions",
         {{"latest", "zverse_latest_version", Shown::count},
          {"durable", "zverse_durable_version", Shown::count},
          {"settled", "zverse_cut_version", Shown::count},
          {"floor", "zverse_floor_version", Shown::count}}},
        {"space",
         {{"segments", "zverse_segment_bytes", Shown::bytes},
          {"records settled", "zverse_settled_records", Shown::count},
          {"index", "zverse_index_bytes", Shown::bytes},
          {"runs", "zverse_run_bytes", Shown::bytes}}},
        {"hot",
         {{"puts", "zverse_puts_total", Shown::rate},
          {"erases", "zverse_erases_total", Shown::rate},
          {"batches", "zverse_batches_total", Shown::rate},
          {"written", "zverse_written_bytes_total", Shown::byte_rate},
          {"gets", "zverse_gets_total", Shown::rate},
          {"conflicts", "zverse_conflicts_total", Shown::rate},
          {"syncs", "zverse_syncs_total", Shown::rate},
          {"waits for space", "zverse_space_waits_total", Shown::rate},
          {"writes refused as full", "zverse_full_errors_total", Shown::rate}}},
        {"warm",
         {{"flushes", "zverse_flushes_total", Shown::rate},
          {"merges", "zverse_merges_total", Shown::rate},
          {"merges running", "zverse_merges_running", Shown::count},
          {"flushed", "zverse_flushed_segment_bytes_total", Shown::byte_rate},
          {"merged", "zverse_merged_segment_bytes_total", Shown::byte_rate},
          {"failures", "zverse_move_failures_total", Shown::count},
          {"writers held back", "zverse_delay_seconds_sum", Shown::seconds}}},
        {"latency", {}},
        {"cold",
         {{"segments", "zverse_segments", Shown::count},
          {"compressed", "zverse_compressed_segments", Shown::count},
          {"components", "zverse_components", Shown::count},
          {"live runs", "zverse_live_components", Shown::count}}},
        {"readers", {{"snapshots, pins and cursors", "zverse_pins", Shown::count}}},
        {"integrity",
         {{"scrubbed", "zverse_scrubbed_bytes_total", Shown::byte_rate},
          {"findings", "zverse_scrub_findings_total", Shown::count},
          {"corrupt segments", "zverse_corrupt_segments", Shown::count},
          {"recovered records", "zverse_recovered_records", Shown::count},
          {"recovery", "zverse_recovery_seconds", Shown::seconds}}},
    };
    return all;
}

std::string row(const std::string& label, const std::string& value) {
    return "  " + label + std::string(kLabelColumns - std::min(kLabelColumns - 1, label.size()), ' ') + value + "\n";
}

std::string count_of(double value) { return count_text(static_cast<std::uint64_t>(std::max(0.0, value))); }
std::string size_of(double value) { return bytes_text(static_cast<std::uint64_t>(std::max(0.0, value))); }

/// Counters as what they are since the opening, or, with an earlier view of the same opening, per second.
std::string value_text(const Line& line, const StatView& view, const StatView* before) {
    const double value = view.value(line.metric);
    const bool bytes = line.shown == Shown::bytes || line.shown == Shown::byte_rate;
    const std::string total = line.shown == Shown::seconds ? seconds_text(value)
                              : bytes                      ? size_of(value)
                                                           : count_of(value);
    if (line.shown != Shown::rate && line.shown != Shown::byte_rate) return total;
    const double seconds = before != nullptr ? static_cast<double>(view.published - before->published) * 1e-9 : 0;
    if (seconds <= 0) return total;
    const double rate = (value - before->value(line.metric)) / seconds;
    return total + ", " + (bytes ? size_of(rate) : count_of(std::round(rate))) + "/s";
}

/// Of every ring, or level: what stands behind a metric's name.
std::vector<std::string> labels_of(const StatView& view, std::string_view metric) {
    std::vector<std::string> labels;
    for (const auto& [name, value] : view.metrics) {
        if (name.starts_with(metric) && name.substr(metric.size()).starts_with('{')) {
            labels.push_back(name.substr(metric.size()));
        }
    }
    return labels;
}

std::string ring_rows(const StatView& view) {
    std::string text;
    for (const std::string& label : labels_of(view, "zverse_ring_bytes")) {
        const double used = view.value("zverse_ring_used_bytes" + label), all = view.value("zverse_ring_bytes" + label);
        text += row("ring " + label, size_of(used) + " of " + size_of(all) + ", " +
                                         std::to_string(static_cast<int>(all > 0 ? 100 * used / all : 0)) + " %");
    }
    return text;
}

std::string level_rows(const StatView& view) {
    std::string text;
    for (const std::string& label : labels_of(view, "zverse_level_components")) {
        text +=
            row(label, counted(static_cast<std::uint64_t>(view.value("zverse_level_components" + label)), "component"));
    }
    return text;
}

/// A few digits of nanoseconds, microseconds, milliseconds or seconds.
std::string duration_text(double seconds) {
    struct Unit {
        double seconds;
        const char* name;
    };
    for (const Unit unit : {Unit{1, " s"}, {1e-3, " ms"}, {1e-6, " us"}}) {
        if (seconds < unit.seconds) continue;
        char text[32];
        std::snprintf(text, sizeof text, "%.3g", seconds / unit.seconds);
        return text + std::string(unit.name);
    }
    return std::to_string(std::lround(seconds * 1e9)) + " ns";
}

/// Of a histogram: below which bounds so many of its samples are.
std::string latency_row(const std::string& label, const std::string& metric, const StatView& view) {
    std::map<double, double> below;  // by bound
    const std::string buckets = metric + "_bucket{";
    for (auto at = view.metrics.lower_bound(buckets); at != view.metrics.end() && at->first.starts_with(buckets);
         ++at) {
        const std::size_t bound = at->first.find("le=\"");
        if (bound == std::string::npos) continue;
        const std::string text = at->first.substr(bound + 4);
        below[text.starts_with('+') ? HUGE_VAL : std::strtod(text.c_str(), nullptr)] = at->second;
    }
    const double count = below.empty() ? 0 : below.rbegin()->second;
    if (count == 0) return {};
    std::string text;
    for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}}) {
        const auto at = std::ranges::find_if(below, [&](const auto& each) { return each.second >= share * count; });
        const auto known = at->first == HUGE_VAL && at != below.begin() ? std::prev(at) : at;
        text +=
            std::string(text.empty() ? "" : ", ") + name + (known == at ? " < " : " > ") + duration_text(known->first);
    }
    return row(label, text + "; " + counted(static_cast<std::uint64_t>(count), "sample"));
}

std::string latency_rows(const StatView& view) {
    return latency_row("put", "zverse_put_seconds", view) + latency_row("batch", "zverse_write_seconds", view) +
           latency_row("get", "zverse_get_seconds", view) + latency_row("sync", "zverse_sync_seconds", view) +
           latency_row("held back", "zverse_delay_seconds", view);
}

std::string section_text(const Part& part, const StatView& view, const StatView* before) {
    std::string text;
    for (const Line& line : part.lines) {
        if (view.metrics.contains(line.metric)) text += row(line.label, value_text(line, view, before));
    }
    if (part.section == std::string_view("hot")) text += ring_rows(view);
    if (part.section == std::string_view("latency")) text += latency_rows(view);
    if (part.section == std::string_view("cold")) text += level_rows(view);
    return text.empty() ? text : std::string(part.section) + "\n" + text;
}

}  // namespace

double StatView::value(const std::string& metric) const {
    const auto found = metrics.find(metric);
    return found == metrics.end() ? 0 : found->second;
}

Health StatView::health() const {
    if (value("zverse_read_only") != 0 && process != 0) return Health::failed;
    const bool silent = alive && age_seconds > kStaleSeconds;
    const bool died = process != 0 && !alive;
    const bool damaged = value("zverse_corrupt_segments") != 0 || value("zverse_move_failures_total") != 0;
    return silent || died || damaged ? Health::degraded : Health::ok;
}

std::string StatView::state() const {
    std::string text;
    if (process == 0) {
        text = "closed";
    } else if (!alive) {
        text = "not closed: process " + std::to_string(process) + " is gone; the next opening recovers";
    } else {
        text = "open by process " + std::to_string(process) + (program.empty() ? "" : " (" + printable(program) + ")");
    }
    if (alive && age_seconds > kStaleSeconds) text += "; it has told nothing for " + seconds_text(age_seconds);
    if (process != 0 && value("zverse_read_only") != 0) text += "; READ-ONLY: it refuses writes";
    if (const double corrupt = value("zverse_corrupt_segments"); corrupt != 0) {
        text += "; the scrub found damage in " + counted(static_cast<std::uint64_t>(corrupt), "segment");
    }
    if (const double failures = value("zverse_move_failures_total"); failures != 0) {
        text += "; " + count_of(failures) + " flushes or merges failed";
    }
    return text;
}

Result<StatView> read_stat(const std::filesystem::path& store) {
    const auto io = platform::make_posix_file_io();
    auto page = engine::StatPage::read(*io, store);
    if (!page) return pass_on(page);
    StatView view;
    view.store = store;
    view.process = page->process;
    const bool this_boot = page->boot == platform::current_boot_id();
    // Of another user's process kill() says EPERM: it is there.
    view.alive =
        page->process != 0 && this_boot && (::kill(static_cast<pid_t>(page->process), 0) == 0 || errno == EPERM);
    if (view.alive) view.program = name_of_process(page->process);
    view.published = page->published;
    view.age_seconds = static_cast<double>(now_nanoseconds() - page->published) * 1e-9;
    view.json = std::move(page->json);
    view.openmetrics = std::move(page->openmetrics);
    if (!parse(view)) return fail(ErrorCode::corrupt, "the figures of " + store.string() + " make no sense");
    return view;
}

const std::vector<std::string>& stat_sections() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all = {"health"};
        for (const Part& part : parts()) all.emplace_back(part.section);
        all.emplace_back("platform");
        return all;
    }();
    return names;
}

std::string stat_screen(const StatView& view, const StatView* before, const std::vector<std::string>& sections) {
    const auto wanted = [&](std::string_view section) {
        return sections.empty() ? section != "platform" : std::ranges::find(sections, section) != sections.end();
    };
    std::string text;
    if (wanted("health")) {
        static constexpr const char* kWords[] = {"ok", "DEGRADED", "FAILED"};
        text += printable(view.store.string()) + ": " + kWords[static_cast<int>(view.health())] + ", " + view.state() +
                "\n";
    }
    for (const Part& part : parts()) {
        if (wanted(part.section)) text += section_text(part, view, before);
    }
    if (wanted("platform")) text += "platform\n" + platform_table(Stats({}, view.platform));
    return text;
}

}  // namespace zverse::tools
