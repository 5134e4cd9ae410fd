// zverse-bench: what ZVerse does on this machine and medium, beside other engines.
//
// Exit status: 0 done; 1 a figure is worse than the baseline allows; 8 an engine or the system failed, or gave a wrong
// answer; 16 the command line is wrong; 32 interrupted; 77 what was asked for can't be measured here, with the reason.
#include <bench/engines/engine.h>
#include <bench/reports/baseline.h>
#include <bench/reports/report.h>
#include <bench/suites/hardware.h>
#include <bench/suites/interruption.h>
#include <bench/suites/life.h>
#include <tools/common/progress.h>
#include <zverse_config.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace zverse::bench {
namespace {

constexpr int kDone = 0, kWorse = 1, kFailed = 8, kUsage = 16, kInterrupted = 32, kSkipped = 77;

struct Arguments {
    BenchRequest request;
    std::vector<std::string> suites{"micro", "ycsb"};
    std::vector<std::string> engines{"zverse"};
    std::vector<unsigned> threads{1};
    std::string durability = "all";
    std::string value_size = "100";
    unsigned repeats = 5;
    std::string json, baseline;
    double fail_if_worse = 0;
    std::uint64_t min_dataset = 0;
    bool in_memory = false;
    bool perf = false;
    bool quiet = false;
};

/// "100" or "50-150".
void parse_value_size(const std::string& text, RecordShape& shape) {
    std::size_t end = 0;
    const auto number = [&](const std::string& digits) {
        const std::size_t value = std::stoul(digits, &end);
        if (end != digits.size()) throw std::invalid_argument(digits);
        return value;
    };
    try {
        const auto dash = text.find('-');
        shape.value_bytes_min = number(text.substr(0, dash));
        shape.value_bytes_max = dash == std::string::npos ? shape.value_bytes_min : number(text.substr(dash + 1));
    } catch (const std::exception&) {
        throw CLI::ValidationError("--value-size", "\"" + text + "\" is neither a number of bytes nor LEAST-MOST");
    }
    if (shape.value_bytes_min < RecordShape::kValueBytesMin || shape.value_bytes_max < shape.value_bytes_min ||
        shape.value_bytes_max > (std::size_t{64} << 20))
        throw CLI::ValidationError("--value-size",
                                   "values have 24 bytes to 64 MiB, which hold what they are checked by");
}

std::vector<std::string> names_of_suites() {
    std::vector<std::string> names;
    for (const Suite& suite : suites()) names.emplace_back(suite.name);
    return names;
}

std::string lists() {
    std::string text = "Suites and their phases:\n";
    for (const Suite& suite : suites()) {
        text += "  " + std::string(suite.name) + ": " + std::string(suite.what) + "\n   ";
        for (const std::string_view phase : suite.phases) text += " " + std::string(phase);
        text += "\n";
    }
    text += "Engines of this build:";
    for (const EngineKind& kind : engine_kinds()) text += " " + std::string(kind.name);
    return text;
}

void add_options(CLI::App& app, Arguments& arguments) {
    BenchRequest& request = arguments.request;
    app.add_option("--suite", arguments.suites, "Suites to run")
        ->delimiter(',')
        ->check(CLI::IsMember(names_of_suites()));
    app.add_option("--workload", request.phases, "Only these phases of them")->delimiter(',');
    app.add_option("--engine", arguments.engines, "Engines to compare, or all")->delimiter(',');
    app.add_option("--threads", arguments.threads, "Numbers of threads")->delimiter(',')->check(CLI::Range(1, 1024));
    // Of what is said twice the last counts, so that a script can be given more.
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--store", request.parent, "Directory to make stores in; they are removed")->required();
    app.add_option("--num", request.records, "Records")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{2}, std::uint64_t{1} << 40));
    app.add_option("--key-size", request.shape.key_bytes, "Bytes of a key")
        ->capture_default_str()
        ->check(CLI::Range(16, 1024));
    app.add_option("--value-size", arguments.value_size, "Bytes of a value, or LEAST-MOST")->capture_default_str();
    app.add_option("--duration", request.seconds, "Measured seconds of a phase")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--warmup", request.warmup_seconds, "Seconds before them")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    app.add_option("--repeat", arguments.repeats, "Lives of each engine; medians are shown")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    app.add_option("--rate", request.rate, "Operations per second, an open loop; 0: as fast as they go")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    app.add_option("--cache-size", request.cache_bytes, "Memory of each engine for caches, write buffers and rings")
        ->capture_default_str()
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--versions-per-key", request.versions_per_key, "Of suite versions")
        ->capture_default_str()
        ->check(CLI::Range(2, 1 << 20));
    app.add_option("--durability", arguments.durability, "What a write that returned survives")
        ->capture_default_str()
        ->check(CLI::IsMember({"power", "process", "all"}));
    app.add_option("--granularity", request.force_granularity,
                   "Force what ZVerse's flushes reach; emulated where the medium has less")
        ->check(CLI::IsMember({"byte", "cache_line", "page"}));
    app.add_option("--seed", request.seed, "Of all random choices")->capture_default_str()->envname("ZVERSE_SEED");
    app.add_option("--label", request.label, "Begins the names of rows, to tell runs of different shapes apart");
    app.add_option("--json", arguments.json, "Write the report as JSON to this file; -: standard output");
    app.add_option("--baseline", arguments.baseline, "Compare with an earlier --json file")->check(CLI::ExistingFile);
    app.add_option("--fail-if-worse", arguments.fail_if_worse, "With --baseline: exit 1 when a row lost more percent")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--min-dataset", arguments.min_dataset, "Refuse records of fewer bytes, unless --in-memory is said")
        ->transform(CLI::AsSizeValue(false));
    app.add_flag("--in-memory", arguments.in_memory, "Fewer bytes than --min-dataset are what is meant");
    app.add_flag("--perf", arguments.perf, "Count instructions, cycles and misses, where the CPU shows them");
    app.add_flag("-q,--quiet", arguments.quiet, "No progress");
    app.footer(lists());
}

/// What can be wrong only as a whole.
void check(Arguments& arguments) {
    parse_value_size(arguments.value_size, arguments.request.shape);
    if (arguments.engines == std::vector<std::string>{"all"}) {
        arguments.engines.clear();
        for (const EngineKind& kind : engine_kinds()) arguments.engines.emplace_back(kind.name);
    }
    for (const std::string& engine : arguments.engines) {
        const auto kinds = engine_kinds();
        if (std::ranges::none_of(kinds, [&](const EngineKind& kind) { return kind.name == engine; })) {
            std::string all;
            for (const EngineKind& kind : kinds) all += " " + std::string(kind.name);
            throw CLI::ValidationError("--engine", "no engine \"" + engine + "\" in this build; there are:" + all);
        }
    }
    for (const std::string& phase : arguments.request.phases) {
        const bool known = std::ranges::any_of(suites(), [&](const Suite& suite) {
            return std::ranges::find(arguments.suites, suite.name) != arguments.suites.end() &&
                   (suite.phases.empty() || std::ranges::find(suite.phases, phase) != suite.phases.end());
        });
        if (!known) throw CLI::ValidationError("--workload", "\"" + phase + "\" is no phase of the suites asked for");
    }
    const double bytes = static_cast<double>(arguments.request.records) *
                         Dataset(arguments.request.shape, KeyOrder::scattered).record_bytes();
    if (bytes < static_cast<double>(arguments.min_dataset) && !arguments.in_memory) {
        throw CLI::ValidationError("--min-dataset", "the records take " +
                                                        std::to_string(static_cast<std::uint64_t>(bytes)) +
                                                        " bytes, fewer than that; --in-memory says that it is meant");
    }
    if (!std::filesystem::is_directory(arguments.request.parent))
        throw CLI::ValidationError("--store", arguments.request.parent.string() + " is no directory");
}

std::vector<Promise> promises(const Arguments& arguments) {
    if (arguments.durability == "power") return {Promise::power};
    if (arguments.durability == "process") return {Promise::process};
    return {Promise::power, Promise::process};
}

/// Something that is measured from beginning to end before anything else is: a life, or a suite of the machine.
struct Turn {
    const Suite* suite;
    std::string engine;
    Promise promise;
    unsigned threads;
};

/// The turns of one repeat. Engines alternate fastest.
std::vector<Turn> turns(const Arguments& arguments) {
    std::vector<Turn> all;
    for (const Suite& suite : suites()) {
        if (std::ranges::find(arguments.suites, suite.name) == arguments.suites.end()) continue;
        if (suite.live == nullptr) {
            all.push_back({&suite, "", Promise::power, 1});
            continue;
        }
        for (const Promise promise : promises(arguments)) {
            for (const unsigned threads : arguments.threads) {
                for (const std::string& engine : arguments.engines) all.push_back({&suite, engine, promise, threads});
            }
        }
    }
    return all;
}

void take_turn(const Turn& turn, unsigned repeat, BenchReport& report, const Life::Report& note) {
    if (turn.suite->live == nullptr) {
        HardwareRun run(report.request, turn.suite->name, repeat, note, interruption_asked);
        turn.suite->measure(run);
        if (repeat == 0) report.skipped.insert(report.skipped.end(), run.skipped().begin(), run.skipped().end());
        return;
    }
    Life life(report.request, {turn.suite->name, engine_kind(turn.engine), turn.promise, turn.threads, repeat}, note,
              interruption_asked);
    turn.suite->live(life);
    report.settings[turn.engine + ", " + std::string(to_string(turn.promise))] = life.settings();
}

void measure_all(const Arguments& arguments, const std::vector<Turn>& all, BenchReport& report,
                 tools::Progress& progress) {
    std::uint64_t taken = 0;
    for (unsigned repeat = 0; repeat < arguments.repeats; ++repeat) {
        for (const Turn& turn : all) {
            if (interruption_asked()) return;
            const std::string what = std::string(turn.suite->name) + (turn.engine.empty() ? "" : ", " + turn.engine);
            progress.advance(taken, what);
            take_turn(turn, repeat, report, [&](const PhaseResult& result) {
                report.results.push_back(result);
                progress.advance(taken, what + ", " + result.phase);
            });
            ++taken;
        }
    }
}

void write_json(const std::string& target, const std::string& json) {
    if (target == "-") {
        std::fwrite(json.data(), 1, json.size(), stdout);
        return;
    }
    std::ofstream file(target);
    file << json;
    if (!file.flush()) throw std::runtime_error("the report can't be written to " + target);
}

int bench(const Arguments& arguments) {
    BenchReport report;
    report.request = arguments.request;
    std::optional<PerfCounters> perf;
    if (arguments.perf) report.request.perf = &perf.emplace(report.skipped);  // before there is another thread
    report.circumstances = circumstances(report.request);
    std::optional<Baseline> baseline;
    if (!arguments.baseline.empty()) {
        baseline = Baseline::read(arguments.baseline);
        baseline->check(report);  // before an hour of measuring
    }
    const std::vector<Turn> all = turns(arguments);
    const std::uint64_t count = all.size() * arguments.repeats;
    tools::Progress progress("benchmarking", "turns", count,
                             arguments.quiet ? tools::Progress::Style::none : tools::Progress::Style::automatic);
    measure_all(arguments, all, report, progress);
    progress.advance(count);
    progress.finish();
    report.interrupted = interruption_asked();
    if (arguments.json != "-") {
        const std::string text = text_report(report);
        std::fwrite(text.data(), 1, text.size(), stdout);
    }
    if (!arguments.json.empty()) write_json(arguments.json, json_report(report));
    if (report.interrupted) return kInterrupted;
    if (report.results.empty()) return kSkipped;
    if (!baseline) return kDone;
    const Baseline::Comparison comparison = baseline->compare(report);
    std::printf("\nAgainst %s:\n%s", arguments.baseline.c_str(), comparison.text.c_str());
    return comparison.worst_percent > arguments.fail_if_worse ? kWorse : kDone;
}

int run_program(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("Benchmarks of ZVerse and, beside it, of other stores");
    app.set_version_flag("-V,--version", "zverse-bench " ZVERSE_VERSION);
    add_options(app, arguments);
    try {
        app.parse(argc, argv);
        check(arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kDone : kUsage;
    }
    watch_for_interruption();
    try {
        return bench(arguments);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "zverse-bench: %s\n", failure.what());
        return kFailed;
    }
}

}  // namespace
}  // namespace zverse::bench

int main(int argc, char** argv) { return zverse::bench::run_program(argc, argv); }
