// zverse-recover: everything that can be proved of a damaged store, into a new one, and a report of what can't.
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/option_checks.h>
#include <tools/common/output.h>
#include <tools/common/pass_progress.h>
#include <tools/common/result.h>
#include <tools/common/standard_streams.h>
#include <tools/common/text.h>
#include <tools/fsck/store_check.h>
#include <tools/recover/recovery.h>
#include <zverse_config.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>
#include <string>

namespace zverse::tools {
namespace {

struct Arguments {
    RecoverRequest request;
    std::filesystem::path report;
    bool segments_only = false, rings_only = false;
    bool json = false, redact = false, quiet = false, no_verify = false;
    int progress_fd = -1;
};

int failed(const Error& error) {
    std::fprintf(stderr, "zverse-recover: %s: %s\n", to_string(error.code()), error.message().c_str());
    if (error.code() == ErrorCode::incompatible) return kExitIncompatible;
    return error.code() == ErrorCode::corrupt ? kExitDamaged : kExitFailed;
}

/// The new store must be without fault, whatever the old one had.
int verify(platform::FileIo& io, const Arguments& arguments) {
    CheckRequest check;
    check.store = arguments.request.target;
    check.level = CheckLevel::full;
    check.stopped = interrupted;
    check.progress = [&](const PassProgress& progress) {
        constexpr unsigned kPass = 6;
        arguments.request.progress({kPass, progress.done, progress.total, progress.name});
    };
    auto checked = check_store(io, check);
    if (!checked) return failed(checked.error());
    for (const Finding& finding : checked->seen.findings) {
        std::fprintf(stderr, "zverse-recover: the new store is damaged: %s: offset %lu: %s [%s]\n",
                     printable(finding.file).c_str(), static_cast<unsigned long>(finding.offset),
                     printable(finding.what).c_str(), finding.code.c_str());
    }
    if (checked->cancelled) return kExitCancelled;
    return checked->clean() ? kExitDone : kExitFailed;
}

int exit_of(const RecoverReport& report) {
    if (report.cancelled) return kExitCancelled;
    const bool whole = report.lossless() && !report.catalog_lost && report.complete_up_to() == report.newest;
    if (report.found == 0 && !whole) return kExitDamaged;
    return whole && report.corrected.empty() ? kExitDone : kExitDifferent;
}

Result<void> tell(const Arguments& arguments, const RecoverReport& report, int exit) {
    if (!arguments.report.empty()) {
        auto file = Output::open(arguments.report);
        if (!file) return pass_on(file);
        auto text = recover_report(report, arguments.request, exit, ReportStyle::json, arguments.redact);
        if (auto written = file->write(text); !written) return written;
        if (auto written = file->finish(); !written) return written;
    }
    if (arguments.quiet && exit == kExitDone) return {};
    Output output = Output::standard();
    const ReportStyle style = arguments.json ? ReportStyle::json : ReportStyle::text;
    auto written = output.write(recover_report(report, arguments.request, exit, style, arguments.redact));
    return written ? output.finish() : written;
}

int recover(Arguments& arguments) {
    RecoverRequest& request = arguments.request;
    PassMeter meter(arguments.progress_fd);
    request.progress = [&](const PassProgress& progress) { meter(progress); };
    request.stopped = interrupted;
    if (arguments.segments_only) request.from = RecoverFrom::segments;
    if (arguments.rings_only) request.from = RecoverFrom::rings;
    const auto io = platform::make_posix_file_io();
    RecoverReport report;
    const auto done = recover_store(*io, request, report);
    int exit = kExitDone;
    if (!done && !report.cancelled) return failed(done.error());
    exit |= exit_of(report);
    if (done && !request.dry_run && !arguments.no_verify) exit |= verify(*io, arguments);
    meter.clear_bar();
    auto told = tell(arguments, report, exit);
    return exit | (told || interrupted() ? kExitDone : failed(told.error()));
}

void add_choices(CLI::App& app, Arguments& arguments) {
    RecoverRequest& request = arguments.request;
    auto* as_of = app.add_option("--as-of", request.as_of, "Only what could be read at this version");
    app.add_option("--rewind", request.rewind, "Nothing newer than this version")->excludes(as_of);
    const std::map<std::string, UncertainPolicy> policies = {
        {"keep", UncertainPolicy::keep}, {"drop", UncertainPolicy::drop}, {"quarantine", UncertainPolicy::quarantine}};
    app.add_option("--uncertain", request.uncertain,
                   "Keys whose newest record may be lost: keep the one found, drop the key, or quarantine it under "
                   "lost+found/")
        ->transform(one_of(policies))
        ->default_str("quarantine");
    const std::map<std::string, RecoverLevel> levels = {{"strict", RecoverLevel::checksum},
                                                        {"checksum", RecoverLevel::checksum},
                                                        {"desperate", RecoverLevel::desperate}};
    app.add_option("--level", request.level,
                   "checksum (strict is the same): only what has a right checksum; desperate: and blocks and values "
                   "of which a single bit is wrong, which is found by trying all")
        ->transform(one_of(levels))
        ->default_str("checksum");
    auto* segments = app.add_flag("--segments-only", arguments.segments_only, "Leave the rings out");
    app.add_flag("--ring-only", arguments.rings_only, "Leave the segments out")->excludes(segments);
    app.add_option("--floor", request.floor,
                   "Where the catalog is lost: history is whole from this version on; 0 where retention was off");
    app.add_option("--hot-path", request.hot_paths, "Where the rings lie now, if not where they were made")
        ->allow_extra_args(false);
}

void add_options(CLI::App& app, Arguments& arguments) {
    RecoverRequest& request = arguments.request;
    app.add_option("source", request.source, "Directory of the damaged store; only read")->required();
    app.add_option("target", request.target, "Directory of the new store: none there, or an empty one")->required();
    add_choices(app, arguments);
    app.add_flag("--dry-run", request.dry_run, "Write no store; uncertain keys are not looked for");
    app.add_flag("--resume", request.resume, "Go on with a recovery that was stopped, with the same options");
    app.add_option("--ring-bytes", request.ring_bytes, "Of the new store; 0: as the old one")
        ->transform(CLI::AsSizeValue(false))
        ->check(kNoSignNorOverflow)
        ->default_str("0");
    app.add_option("--max-mem", request.memory_bytes, "Memory for sorting, such as 256MiB")
        ->transform(CLI::AsSizeValue(false))
        ->check(kNoSignNorOverflow)
        ->default_str("256MiB");
    app.add_flag("--no-verify", arguments.no_verify, "Don't check the new store when it is written");
    app.add_option("--report", arguments.report, "The report as JSON, schema zverse.recover/1, into this file");
    app.add_flag("--json", arguments.json, "The same on standard output, instead of text");
    app.add_flag("--redact", arguments.redact, "Leave out keys");
    app.add_flag("-q,--quiet", arguments.quiet, "Nothing on standard output where nothing is lost");
    app.add_option(
        "-C", arguments.progress_fd,
        "Progress to this descriptor: lines 'pass current max name', a bar on a terminal; SIGUSR1 and SIGUSR2: on "
        "standard error from now on, and no more");
    app.set_version_flag("-V,--version", "zverse-recover " ZVERSE_VERSION);
    app.footer(
        "Exit status, bits: 0 all recovered, 1 with losses or turned bits that are reported, 4 nothing usable, 8 "
        "failed, 16 "
        "usage, 32 stopped, 128 incompatible");
}

int run(int argc, char** argv) {
    prepare_standard_streams();
    install_interrupt_handlers();
    install_progress_signals();
    Arguments arguments;
    CLI::App app("Recovers what can be proved of a damaged ZVerse store into a new one; the source is only read");
    add_options(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    return recover(arguments);
}

}  // namespace
}  // namespace zverse::tools

int main(int argc, char** argv) { return zverse::tools::run(argc, argv); }
