// zverse-fsck: is this store good, and can what is derived be made again? Changes nothing unless told to.
//
// Exit status: bits, as of fsck(8); see exit_status.h.
#include <platform/audit.h>
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/option_checks.h>
#include <tools/common/output.h>
#include <tools/common/pass_progress.h>
#include <tools/common/rate_limited_io.h>
#include <tools/common/standard_streams.h>
#include <tools/fsck/fsck_report.h>
#include <tools/fsck/mending.h>
#include <tools/fsck/pass_teller.h>
#include <tools/fsck/store_check.h>
#include <zverse_config.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <utility>

namespace zverse::tools {
namespace {

/// More are faster only on devices that many reads at once make faster, and take memory each.
constexpr unsigned kThreadsUsual = 4, kThreadsMax = 64;

struct Arguments {
    CheckRequest request;
    bool check_only = false, preen = false, repair = false, force = false;
    bool level_asked = false;
    bool json = false, json_lines = false, quiet = false, redact = false;
    int progress_fd = -1;
    std::uint64_t rate = 0;  ///< bytes a second; 0: as fast as it goes
    std::uint64_t errors_max = 100;
    unsigned progress_interval = 10;  ///< seconds
};

int failed(const Error& error) {
    std::fprintf(stderr, "zverse-fsck: %s: %s\n", to_string(error.code()), error.message().c_str());
    return error.code() == ErrorCode::incompatible ? kExitIncompatible : kExitFailed;
}

ReportStyle report_style(const Arguments& arguments) noexcept {
    if (arguments.json) return ReportStyle::json;
    return arguments.json_lines ? ReportStyle::json_lines : ReportStyle::text;
}

MendRequest mend_request(const Arguments& arguments) {
    MendRequest request;
    request.check = arguments.request;
    if (arguments.preen) request.mode = FsckMode::preen;
    request.quick_when_closed = !arguments.force && !arguments.level_asked;
    if (arguments.repair) {
        request.mode = FsckMode::repair;
        request.check.look_twice = true;
        request.check.second_looks_max = platform::Audit::kFindingsMax;
    }
    return request;
}

int check(Arguments& arguments) {
    const bool tells = !arguments.quiet && !arguments.json;
    Output output = Output::standard();
    PassMeter meter(arguments.progress_fd);
    const auto style = arguments.json_lines ? PassTeller::Style::json_lines : PassTeller::Style::text;
    PassTeller teller(output, style, std::chrono::seconds(arguments.progress_interval));
    arguments.request.progress = [&](const PassProgress& progress) {
        meter(progress);
        if (tells) teller(progress);
    };
    arguments.request.stopped = interrupted;
    auto files = platform::make_posix_file_io();
    if (arguments.rate != 0) files = limit_rate(std::move(files), arguments.rate, interrupted);
    auto outcome = check_and_mend(*files, mend_request(arguments));
    meter.clear_bar();
    if (!outcome) return failed(outcome.error());
    for (const Error& each : outcome->failures) outcome->exit |= failed(each);
    Result<void> told;
    if (!arguments.quiet || outcome->exit != kExitDone) {
        teller.begin();
        told = output.write(fsck_report(*outcome, report_style(arguments), arguments.redact, arguments.errors_max));
    }
    if (told) told = output.finish();
    // Who was stopped may have been stopped while the report was written.
    return outcome->exit | (told || interrupted() ? kExitDone : failed(told.error()));
}

/// What the check may take, and how it goes on.
void add_means(CLI::App& app, Arguments& arguments) {
    CheckRequest& request = arguments.request;
    request.threads = std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsUsual);
    app.add_option("--threads", request.threads, "Segments that are looked at side by side")
        ->check(CLI::Range(1U, kThreadsMax))
        ->capture_default_str();
    app.add_option(
           "--max-mem", request.memory_bytes,
           "Memory for indexes of segments and versions of frames, e.g. 256MiB; a segment that needs more ends it")
        ->transform(CLI::AsSizeValue(false))
        ->check(kNoSignNorOverflow)
        ->check(CLI::Range(std::uint64_t{1} << 24, std::uint64_t{1} << 50))
        ->default_str("512MiB");
    app.add_option("--rate", arguments.rate, "Read at most so many bytes a second, e.g. 50MB; 0: as fast as it goes")
        ->transform(CLI::AsSizeValue(true))
        ->check(kNoSignNorOverflow);
    app.add_option("--resume", request.resume,
                   "Note in this file which segments were whole, and pass over those that it has; removed at the end")
        ->excludes(app.get_option("-p"))
        ->excludes(app.get_option("-y"));
    app.add_flag("--repeat-read", request.look_twice,
                 "Read damaged pieces of segments again, and tell whether one flipped bit explains them");
}

void add_options(CLI::App& app, Arguments& arguments) {
    app.add_option("store", arguments.request.store, "Directory of the store")->required();
    auto* only_check = app.add_flag("-n", arguments.check_only, "Check only, change nothing; the default");
    app.add_flag("-p", arguments.preen,
                 "Changes the store: recover it, and mend copies where the other one is whole; nothing where data is "
                 "damaged")
        ->excludes(only_check);
    app.add_flag("-y", arguments.repair,
                 "As -p, but all of the level, and damaged blocks of which a single bit is wrong get it back; as they "
                 "were they are kept in lost+found/ of the store")
        ->excludes(only_check)
        ->excludes(app.get_option("-p"));
    app.add_flag("-f", arguments.force,
                 "With -p: all of the level, although the store was closed cleanly; without it and --level quick is "
                 "enough then");
    const std::map<std::string, CheckLevel> levels = {{"quick", CheckLevel::quick},
                                                      {"normal", CheckLevel::normal},
                                                      {"full", CheckLevel::full},
                                                      {"paranoid", CheckLevel::paranoid}};
    app.add_option(
           "--level", arguments.request.level,
           "quick: no blocks of segments; normal: blocks, records and indexes; full: large values too; paranoid: "
           "what the store answers, and damage is looked at twice")
        ->transform(one_of(levels))
        ->default_str("normal");
    auto* preen = app.get_option("-p");
    const std::map<std::string, CheckPart> parts = {
        {"ring", CheckPart::rings}, {"catalog", CheckPart::catalog}, {"segments", CheckPart::segments}};
    app.add_option("--only", arguments.request.only, "Only rings, the manifest (catalog), or segments and it")
        ->transform(one_of(parts))
        ->excludes(preen)
        ->excludes(app.get_option("-y"));
    app.add_option("--hot-path", arguments.request.hot_paths, "Where the rings lie now, if not where they were made")
        ->allow_extra_args(false);
    app.add_option(
        "-C", arguments.progress_fd,
        "Progress to this descriptor: lines 'pass current max name', a bar on a terminal; SIGUSR1 and SIGUSR2: on "
        "standard error from now on, and no more");
    app.add_option("--max-errors", arguments.errors_max, "List so many findings; 0: all")
        ->check(kNoSignNorOverflow)
        ->capture_default_str();
    add_means(app, arguments);
    auto* json = app.add_flag("--json", arguments.json, "One JSON object on standard output, schema zverse.fsck/1");
    app.add_flag("--json-lines", arguments.json_lines,
                 "A JSON object on a line for each pass as it begins and each finding, and a summary")
        ->excludes(json);
    app.add_option("--progress-interval", arguments.progress_interval,
                   "With --json-lines: seconds from one line that tells how far it is to the next")
        ->capture_default_str();
    app.add_flag("--redact", arguments.redact, "Leave out keys");
    app.add_flag("-q,--quiet", arguments.quiet, "Nothing on standard output where there is no damage");
    app.set_version_flag("-V,--version", "zverse-fsck " ZVERSE_VERSION);
    app.footer(
        "Exit status, bits: 0 clean, 1 damage mended, 4 damage left, 8 failed, 16 usage, 32 stopped, 128 incompatible");
}

int run(int argc, char** argv) {
    prepare_standard_streams();
    install_interrupt_handlers();
    install_progress_signals();
    Arguments arguments;
    CLI::App app("Checks a ZVerse store that nobody has open; reads every byte that counts, changes none");
    add_options(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    arguments.level_asked = app.count("--level") != 0;
    return check(arguments);
}

}  // namespace
}  // namespace zverse::tools

int main(int argc, char** argv) { return zverse::tools::run(argc, argv); }
